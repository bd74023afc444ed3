import { monotonic } from '../../system/clock.ts';
import { flyCanary } from './canary.ts';
import { compareMailbox, type OpenedMailbox } from './mailbox.ts';
import { startServer } from './process.ts';
import { Tally } from './tally.ts';
import type { ExpectedMailbox, ServerInput, ServerReport } from './types.ts';

export type { ExpectedFolder, ExpectedMailbox, ExpectedMessage, MessageBody, ServerCounts, ServerInput, ServerReport } from './types.ts';

const SESSIONS = 4;

/**
 * Proves a restored tree by a real server: starts a private Dovecot on it, opens each mailbox (or a sample) over IMAP and compares UIDVALIDITY, UIDs,
 * flags, keywords, dates, sizes and bodies with the catalog; then a canary goes in by LMTP and comes out by IMAP. The server is ended and removed whatever happens.
 * The tree may be changed: symbolic links in it are removed, what belongs to root is given to Dovecot's user, and Dovecot may write its control files anew.
 * @throws {MailrecoverError} `usage` when Dovecot is not installed, of an unknown version, or has no way to the tree; `failed` when it does not start; the signal's reason
 */
export async function verifyByServer(input: ServerInput): Promise<ServerReport> {
  const { progress, signal } = input;
  const tally = new Tally();
  progress.phase('starting the server');
  const server = await startServer({
    scratch: input.scratch,
    work: input.work,
    signal,
    ...(input.dovecot === undefined ? {} : { dovecot: input.dovecot }),
  });
  let report: Omit<ServerReport, 'leftovers' | 'findings'>;
  try {
    progress.phase('comparing over IMAP');
    let kept: OpenedMailbox | undefined;
    let firstLogin = Number.POSITIVE_INFINITY;
    // One generator for all: it answers its takers in order.
    const source = sampled(input.mailboxes, input.sample ?? 1);
    const failures: unknown[] = [];
    const worker = async (): Promise<void> => {
      for (let next = await source.next(); next.done !== true && failures.length === 0; next = await source.next()) {
        signal?.throwIfAborted();
        const opened = await compareMailbox(next.value, { server, tally, progress, signal });
        if (opened === undefined) continue;
        firstLogin = Math.min(firstLogin, opened.firstLogin);
        // The smallest one stays, for the canary.
        const other = kept !== undefined && kept.messages <= opened.messages ? opened : kept;
        if (other !== opened) kept = opened;
        if (other !== undefined) server.dismiss(other.login);
      }
    };
    const stopAt = (error: unknown): void => void failures.push(error);
    await Promise.all(Array.from({ length: Math.max(1, input.sessions ?? SESSIONS) }, () => worker().catch(stopAt)));
    if (failures.length > 0) throw failures[0];
    const completeMs = monotonic() - server.started;

    progress.phase('sending a canary');
    const canary = kept === undefined ? { delivered: false, fetched: false } : await flyCanary(server, kept, signal);
    if (canary.problem !== undefined) {
      tally.add(
        'error',
        'canary-lost',
        `the canary ${canary.delivered ? 'was delivered, but did not come out' : 'could not be delivered'}: ${canary.problem}`,
        'canary',
      );
    }
    report = {
      counts: tally.counts,
      ...(kept === undefined ? {} : { firstLoginMs: Math.round(firstLogin - server.started) }),
      completeMs: Math.round(completeMs),
      canary: { delivered: canary.delivered, fetched: canary.fetched },
      version: server.program.version,
      isolated: server.isolated,
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
  const leftovers = await server.stop();
  for (const leftover of leftovers)
    tally.add('warning', 'leftover', `the private dovecot could not be removed entirely: ${leftover}`, leftover);
  return { ...report, findings: tally.findings(), leftovers };
}

/** Takes part of what comes, evenly spread from a random start, and one at least. */
async function* sampled(mailboxes: ServerInput['mailboxes'], fraction: number): AsyncGenerator<ExpectedMailbox> {
  let due = Math.random();
  let taken = false;
  let last: ExpectedMailbox | undefined;
  for await (const mailbox of mailboxes) {
    due += Math.min(1, fraction);
    last = undefined;
    if (due >= 1 || fraction >= 1) {
      due -= 1;
      taken = true;
      yield mailbox;
    } else last = mailbox;
  }
  if (!taken && last !== undefined) yield last;
}
