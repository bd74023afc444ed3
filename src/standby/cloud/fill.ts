/**
 * Filling the mailboxes of a service from the repository: the newest mail of all first, then what is older, each round beginning with the chosen mailboxes. It can be ended anywhere and
 * begun again; what was put there once is not put there again.
 */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { inParallel } from '../../repository/in-parallel.ts';
import type { Source } from '../../restore/look/source.ts';
import { ImapRestore } from '../../restore/imap/send.ts';
import { type WantedFolder, wantedMail, type WantedMail, type WantedMessage } from '../../restore/imap/wanted.ts';
import { mailboxFilter } from '../../store/mailbox-filter.ts';
import { toBytes } from '../../store/bytes.ts';
import { isoTime, monotonic } from '../../system/clock.ts';
import { type Progress, silentProgress } from '../../system/progress.ts';
import { choose, type Chosen } from './choose.ts';
import { importMail } from './gmail-import.ts';
import { Ledger } from './ledger.ts';
import type { CloudService } from './service.ts';

/** A mailbox of the snapshot, and who logs in to it at the service. */
export interface FillMailbox {
  mailbox: string;
  login: string;
}

export interface FillOptions {
  service: CloudService;
  /** The directory of the local state. */
  state: string;
  source: Source;
  mailboxes: readonly FillMailbox[];
  /** When the snapshot was made, milliseconds since 1970: ages are counted from there. */
  newest: number;
  dryRun: boolean;
  progress: Progress;
  signal: AbortSignal;
}

export interface FilledMailbox {
  mailbox: string;
  /** Messages that were put there by this run, and their bytes. */
  added: number;
  bytes: number;
  /** Messages that are still to be put there: a dry run, a limit of the day, or trouble. */
  left: number;
}

export interface FillReport {
  mailboxes: FilledMailbox[];
  counts: { mailboxes: number; added: number; bytes: number; left: number; tooLarge: number; failed: number };
  /** When more can be put there, where the provider's limit of a day is what it waits for; UTC. */
  again: string | undefined;
  findings: Finding[];
}

const DAY_US = 24 * 3600 * 1_000_000;
/** How far back each round goes, days. */
const ROUNDS = [30, 365, Number.POSITIVE_INFINITY];

/** Those that are chosen first come first, in the order in which they are named. */
export function inOrder<T extends { mailbox: string }>(mailboxes: readonly T[], first: readonly string[]): T[] {
  const filters = first.map((name) => mailboxFilter([name]));
  const rank = ({ mailbox }: T): number => {
    const at = filters.findIndex((fits) => fits(toBytes(mailbox)));
    return at < 0 ? filters.length : at;
  };
  return mailboxes.toSorted((a, b) => rank(a) - rank(b) || (a.mailbox < b.mailbox ? -1 : 1));
}

/** @throws MailrecoverError where nothing can be done for any mailbox; else what could not be done is told */
export async function fill(options: FillOptions): Promise<FillReport> {
  const { service, mailboxes, newest, progress, signal, dryRun } = options;
  const rows = new Map(mailboxes.map(({ mailbox }) => [mailbox, { mailbox, added: 0, bytes: 0, left: 0 }]));
  const trouble = new Map<string, Finding>();
  const findings = new Map<string, Finding>();
  const tooLarge = new Set<string>();
  const waits = new Map<string, number>();
  const ordered = inOrder(mailboxes, service.first);
  // Without anything to be sent there is nothing to be sent first.
  for (const days of dryRun ? [Number.POSITIVE_INFINITY] : ROUNDS) {
    progress.phase(Number.isFinite(days) ? `mail of the last ${days} days` : 'all mail', { items: ordered.length });
    const since = newest * 1000 - days * DAY_US;
    await inParallel(ordered, service.limits.atOnce, async (each) => {
      signal.throwIfAborted();
      const row = rows.get(each.mailbox);
      if (row === undefined || trouble.has(each.mailbox)) return;
      try {
        const { chosen, found, fitsAt } = await one(options, each, since, row);
        row.left = chosen.waiting + (dryRun ? chosen.count : 0);
        for (const message of chosen.tooLarge) tooLarge.add(message.id);
        // The last round knows best: each sends more.
        if (fitsAt !== undefined) waits.set(each.mailbox, fitsAt);
        for (const finding of found) findings.set(`${finding.code} ${finding.subject ?? ''} ${finding.message}`, finding);
        if (chosen.tooLarge.length > 0) findings.set(`too-large ${each.mailbox}`, largeFinding(service, each.mailbox, chosen.tooLarge));
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof MailrecoverError) || error.code === 'bug' || error.code === 'no-space') throw error;
        trouble.set(each.mailbox, troubleOf(error, each.mailbox));
      }
      progress.advance(1, 0);
    });
  }
  const list = [...rows.values()];
  const sum = (of: (row: FilledMailbox) => number): number => list.reduce((total, row) => total + of(row), 0);
  return {
    mailboxes: list,
    counts: {
      mailboxes: list.length,
      added: sum(({ added }) => added),
      bytes: sum(({ bytes }) => bytes),
      left: sum(({ left }) => left),
      tooLarge: tooLarge.size,
      failed: trouble.size,
    },
    again: waits.size === 0 ? undefined : isoTime(Math.min(...waits.values())),
    findings: [...trouble.values(), ...findings.values()],
  };
}

async function one(
  { service, state, source, dryRun, signal }: FillOptions,
  { mailbox, login }: FillMailbox,
  since: number,
  row: FilledMailbox,
): Promise<{ chosen: Chosen; found: readonly Finding[]; fitsAt: number | undefined }> {
  const ledger = await Ledger.open(state, service.name, mailbox);
  const mail = await wantedMail(source, { mailboxes: [mailbox] });
  const chosen = choose(mail.folders, ledger, service.limits, since);
  const done = (found: readonly Finding[]): Awaited<ReturnType<typeof one>> => ({
    chosen,
    found,
    fitsAt: chosen.next === undefined ? undefined : ledger.fitsAt(chosen.next, service.limits.day),
  });
  // The first time also for its folders alone.
  if (dryRun || (chosen.count === 0 && ledger.begun)) return done([]);
  const onThere = (folder: WantedFolder, message: WantedMessage, bytes: number): void => {
    ledger.wasThere(folder, message, bytes);
    if (bytes === 0) return;
    row.added++;
    row.bytes += bytes;
  };
  const now: WantedMail = { ...mail, folders: chosen.folders };
  if (service.gmail !== undefined) {
    return done(await importMail({ api: await service.gmail(login, signal), mail: now, signal, onThere }));
  }
  const restore = await ImapRestore.compare({
    source,
    selection: { mailboxes: [mailbox] },
    mail: now,
    account: service.account(login),
    progress: silentProgress,
    signal,
    onThere,
  });
  return done((await restore.carryOut(monotonic())).findings);
}

function largeFinding({ name, limits }: CloudService, mailbox: string, messages: readonly WantedMessage[]): Finding {
  return {
    severity: 'warning',
    code: 'too-large',
    message: `messages of '${mailbox}' that are larger than the ${limits.message / 1_000_000} MB that ${name} takes stay in the repository (${messages.length}): ${messages
      .slice(0, 3)
      .map(({ id }) => id)
      .join(', ')}`,
    hint: "they can be handed out: 'mailrecover cat', 'mailrecover export'; where the provider takes larger ones: 'limits: { message: … }'",
    subject: mailbox,
  };
}

function troubleOf({ code, message, hint }: MailrecoverError, mailbox: string): Finding {
  return {
    severity: 'error',
    code,
    message: `'${mailbox}' was not filled: ${message}`,
    ...(hint === undefined ? {} : { hint }),
    subject: mailbox,
  };
}
