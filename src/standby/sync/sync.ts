/** Bringing the mailboxes of the standby up to what the active host has, several at once. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { inParallel } from '../../repository/in-parallel.ts';
import { displayBytes } from '../../store/bytes.ts';
import { isoNow, monotonic } from '../../system/clock.ts';
import type { Progress } from '../../system/progress.ts';
import type { Asked } from '../ledger/taking.ts';
import {
  NOTHING,
  type CommitOptions,
  type Ends,
  type Held,
  type MailboxCut,
  type MailboxLag,
  type MailboxName,
  type OwnedMailbox,
  type Sink,
  type Source,
  type SyncCounts,
  type TakeOver,
} from './model.ts';

export interface SyncOptions extends CommitOptions {
  source: Source;
  sink: Sink;
  /** Mailboxes that are read and written at the same time. */
  atOnce: number;
  /** Whether the source names all mailboxes that there are, rather than some that were asked for. */
  all?: boolean;
  progress: Progress;
  signal?: AbortSignal;
}

export interface MailboxSync {
  store: string;
  mailbox: string;
  /** `unchanged`: nothing was to be done; `failed`: the standby has what it had. */
  result: 'synced' | 'unchanged' | 'failed';
  counts: SyncCounts;
}

export interface SyncReport {
  mailboxes: MailboxSync[];
  counts: SyncCounts & { mailboxes: number; unchanged: number; failed: number };
  findings: Finding[];
}

/** So often the lag is written down while a long synchronisation runs. */
const NOTE_EVERY_MS = 10_000;

/**
 * Synchronises all mailboxes of the source. One that fails is reported, and the others go on.
 * @throws MailrecoverError `refused` where the epoch is stale, `unreachable`, `locked`: then no mailbox can be synchronised
 */
export async function sync(options: SyncOptions): Promise<SyncReport> {
  const { source, sink, atOnce, progress, signal, dryRun } = options;
  const { mailboxes, findings } = await source.mailboxes();
  const isListWrong = findings.some(({ severity }) => severity === 'error');
  progress.phase('synchronising', { items: mailboxes.length });
  const lag: MailboxLag[] = [];
  let noted = monotonic();
  const done = await inParallel(mailboxes, atOnce, async (mailbox): Promise<MailboxSync> => {
    signal?.throwIfAborted();
    const one = await syncOne(options, mailbox);
    findings.push(...one.findings);
    lag.push(one.lag);
    progress.advance(1, one.counts.bytes);
    if (!dryRun && monotonic() - noted > NOTE_EVERY_MS) {
      noted = monotonic();
      await sink.note(lag.splice(0));
    }
    return { store: mailbox.store, mailbox: displayBytes(mailbox.mailbox), result: one.result, counts: one.counts };
  });
  // An empty list, or one with errors, says nothing of what is not in it.
  const isSure = options.all === true && mailboxes.length > 0 && !isListWrong;
  if (!dryRun && mailboxes.length > 0) findings.push(...(await sink.note(lag, isSure ? mailboxes : undefined)).map(leftOver));
  if (!dryRun) await shipAccepted(source, sink);
  // Only what is complete says that an account is missing.
  const accounts = options.all === true && !dryRun ? await source.accounts() : undefined;
  if (accounts !== undefined) await sink.noteAccounts(accounts);
  const sum = (key: keyof SyncCounts): number => done.reduce((total, { counts }) => total + counts[key], 0);
  const counts = Object.fromEntries(Object.keys(NOTHING).map((key) => [key, sum(key as keyof SyncCounts)])) as unknown as SyncCounts;
  const withResult = (result: MailboxSync['result']): number => done.filter((each) => each.result === result).length;
  return {
    mailboxes: done,
    counts: { mailboxes: done.length, unchanged: withResult('unchanged'), failed: withResult('failed'), ...counts },
    findings,
  };
}

/**
 * Brings what the active host accepted since the last time to the other.
 * @param asked whether Postfix asks before it accepts, where somebody looked
 * @returns until when that is known; undefined where there is no log
 */
export async function shipAccepted(source: Source, sink: Sink, asked?: Asked | null): Promise<string | undefined> {
  for (;;) {
    const part = await source.accepted();
    if (part === undefined) return undefined;
    await sink.noteAccepted({ events: part.events, until: part.until, ...(asked === undefined ? {} : { asked }) });
    await source.acceptedTaken(part);
    if (!part.more) return part.until;
  }
}

interface OneSync {
  result: MailboxSync['result'];
  counts: SyncCounts;
  findings: Finding[];
  lag: MailboxLag;
}

/** Errors that are no mailbox's own: with them it makes no sense to go on. */
const OF_ALL = new Set(['refused', 'unreachable', 'locked', 'no-space', 'bug', 'config', 'key']);

async function syncOne({ source, sink, ...how }: SyncOptions, mailbox: OwnedMailbox): Promise<OneSync> {
  const { store, mailbox: name } = mailbox;
  const began = isoNow();
  const failed = (findings: Finding[], behind: number): OneSync => {
    const trouble = findings.find(({ severity }) => severity === 'error')?.code ?? 'failed';
    return { result: 'failed', counts: NOTHING, findings, lag: { store, mailbox: name, checkedAt: began, behind, trouble } };
  };
  try {
    const read = (held: Held): ReturnType<Source['read']> =>
      source.read(mailbox, held, (piece, content) => sink.stage(mailbox, piece, content), { contents: !how.dryRun });
    let held = await sink.open(mailbox, false);
    let found = await read(held);
    if (found === 'changed') {
      held = await sink.open(mailbox, true);
      found = await read(held);
    }
    if (found === 'gone' || found === 'changed') return failed([gone(mailbox)], 0);
    if (found === 'unchanged')
      return {
        result: 'unchanged',
        counts: NOTHING,
        findings: [],
        lag: { store, mailbox: name, syncedAt: began, checkedAt: began, behind: 0 },
      };
    const known = new Set(held.messages.map(([key]) => key));
    const behind = found.cut.messages.filter(({ dir, base }) => !known.has(`${dir}/${base}`)).length;
    // What is damaged in the repository is left out, and must not keep the rest from being served.
    if (found.findings.some(({ severity, code }) => severity === 'error' && code !== 'damage')) return failed(found.findings, behind);
    const taken = await commitAll(source, sink, mailbox, found.cut, how);
    if (taken === 'gone') return failed([gone(mailbox)], 0);
    const { counts, findings } = taken;
    if (findings.some(({ severity }) => severity === 'error')) return failed([...found.findings, ...findings], behind);
    const isSame = counts.added + counts.reflagged + counts.removed + counts.setAside + counts.files === 0;
    return {
      result: isSame ? 'unchanged' : 'synced',
      counts,
      findings: [...found.findings, ...findings],
      lag: { store, mailbox: name, syncedAt: found.cut.at, checkedAt: found.cut.at, behind: 0 },
    };
  } catch (error) {
    if (!(error instanceof MailrecoverError) || OF_ALL.has(error.code)) throw error;
    const { code, message, hint, subject } = error;
    return failed(
      [{ severity: 'error', code, message, ...(hint === undefined ? {} : { hint }), ...(subject === undefined ? {} : { subject }) }],
      0,
    );
  }
}

/** So often Dovecot is asked to copy a mailbox that does not come to rest, or of which not all came. */
const ROUNDS = 3;

/** Has a mailbox taken over. One that Dovecot copies is looked at again after it, on both hosts: its word alone that all is well is not enough. */
async function commitAll(
  source: Source,
  sink: Sink,
  mailbox: OwnedMailbox,
  cut: MailboxCut,
  how: CommitOptions,
): Promise<TakeOver | 'gone'> {
  if (cut.box === undefined) return sink.commit(cut, how);
  const dsync = how.dryRun ? undefined : (): Promise<Ends> => source.dsync(mailbox);
  let taken: TakeOver;
  try {
    taken = await sink.commit(cut, how, dsync);
  } catch (error) {
    // What dsync remembers of the last time may not fit any more.
    if (!(error instanceof MailrecoverError) || error.code !== 'failed' || how.full === true) throw error;
    taken = await sink.commit(cut, { ...how, full: true }, dsync);
  }
  for (let round = 2; taken.differs !== undefined && round <= ROUNDS; round++) {
    // Without a word of what is there: everything is read, and everything compared.
    const { files, staged } = await sink.open(mailbox, true);
    const found = await source.read(mailbox, { messages: [], staged, files }, (piece, content) => sink.stage(mailbox, piece, content), {
      contents: true,
    });
    if (typeof found === 'string') return 'gone';
    const next = await sink.commit(found.cut, { ...how, full: true }, dsync);
    taken = { ...next, counts: sumOf(taken.counts, next.counts), findings: [...taken.findings, ...next.findings] };
  }
  const lacking = taken.differs?.lacking ?? 0;
  return lacking === 0 ? taken : { ...taken, findings: [...taken.findings, notAll(mailbox, lacking)] };
}

function sumOf(one: SyncCounts, other: SyncCounts): SyncCounts {
  const keys = Object.keys(NOTHING) as (keyof SyncCounts)[];
  return Object.fromEntries(keys.map((key) => [key, one[key] + other[key]])) as unknown as SyncCounts;
}

function notAll({ mailbox }: OwnedMailbox, lacking: number): Finding {
  const subject = displayBytes(mailbox);
  return {
    severity: 'error',
    code: 'not-synced',
    message: `Dovecot says that it copied mailbox '${subject}', and ${lacking} messages or folders are missing on the standby`,
    hint: 'see what doveadm says of it on both hosts (doveadm force-resync mends indexes), and run it again',
    subject,
  };
}

function leftOver({ mailbox }: MailboxName): Finding {
  const subject = displayBytes(mailbox);
  return {
    severity: 'warning',
    code: 'mailbox-gone',
    message: `mailbox '${subject}' is no longer on the active host; on the standby it stays, and is not told again`,
    hint: 'if it was deleted on purpose, delete it on the standby too; if not, see that its file system is mounted',
    subject,
  };
}

function gone({ mailbox }: OwnedMailbox): Finding {
  const subject = displayBytes(mailbox);
  return {
    severity: 'warning',
    code: 'mailbox-vanished',
    message: `mailbox '${subject}' went away on the active host; on the standby it stays as it is`,
    hint: 'if it was deleted on purpose, delete it on the standby too; if not, see that its file system is mounted',
    subject,
  };
}
