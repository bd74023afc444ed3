/**
 * Which mailboxes were proved when, so that a part of them a night serves all of them within some days. Kept in the local state of the host that proves.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isoTime } from '../system/clock.ts';
import { makeDirectory, writeDurable } from '../system/files.ts';

const VERSION = 1;
const DAY = 86_400_000;
/** The next night may come so much later than this one: a day, a random delay, a long run before it. */
const NEXT_NIGHT = 1.25 * DAY;

/** Levels of a proof; each holds all before it. */
const LEVELS = ['files', 'mail', 'server'] as const;
export type ProofLevel = (typeof LEVELS)[number];

interface MailboxProofs {
  /** When it was first seen in a snapshot. UTC ISO 8601, as all times here. */
  seen: string;
  /** When it was last looked at, at whatever level. */
  tried?: string;
  /** Whether the last look found it as it should be. */
  failed?: true;
  proved?: Partial<Record<ProofLevel, string>>;
}

export interface Proofs {
  version: number;
  /** When mailboxes were last chosen by rotation. */
  rotated?: string;
  /** By name. Those that the last snapshot does not hold are left out. */
  mailboxes: Record<string, MailboxProofs>;
}

/** Where the proofs of a host's backups stand. @param state the directory for local state */
export function proofsFile(state: string, repositoryId: string, host: string): string {
  return join(state, repositoryId, `proofs-${encodeURIComponent(host)}.json`);
}

/** Empty where nothing was proved so far, or the file can't be believed: then all mailboxes are proved anew. */
export function readProofs(file: string): Proofs {
  try {
    const proofs = JSON.parse(readFileSync(file, 'utf8')) as Proofs;
    if (proofs.version === VERSION && typeof proofs.mailboxes === 'object') return proofs;
  } catch {
    // not there, or cut short
  }
  return { version: VERSION, mailboxes: {} };
}

/** @throws MailrecoverError `io` or `no-space` */
export async function writeProofs(file: string, proofs: Proofs): Promise<void> {
  await makeDirectory(dirname(file));
  await writeDurable(file, `${JSON.stringify(proofs)}\n`);
}

/** Takes up what a snapshot holds: new mailboxes are seen now, others are forgotten. */
export function seeMailboxes(proofs: Proofs, names: readonly string[], now: number): void {
  const before = proofs.mailboxes;
  proofs.mailboxes = {};
  for (const name of names) proofs.mailboxes[name] = (Object.hasOwn(before, name) ? before[name] : undefined) ?? { seen: isoTime(now) };
}

/**
 * The mailboxes of this night: an even share, for every day since the last rotation; and whatever would else be later than `days` by the next one. Those that
 * failed come first, then those that wait longest.
 */
export function chooseRotation(proofs: Proofs, days: number, now: number): string[] {
  const waiting = Object.entries(proofs.mailboxes).map(([name, { seen, tried, failed }]) => {
    return { name, since: Date.parse(tried ?? seen), rank: failed === true ? 0 : tried === undefined ? 1 : 2 };
  });
  waiting.sort((a, b) => Number(a.rank > 0) - Number(b.rank > 0) || a.since - b.since || a.rank - b.rank || (a.name < b.name ? -1 : 1));
  const nights = proofs.rotated === undefined ? 1 : Math.max(1, (now - Date.parse(proofs.rotated)) / DAY);
  const share = Math.min(waiting.length, Math.ceil((waiting.length * nights) / days));
  const late = now + NEXT_NIGHT - days * DAY;
  return waiting.filter(({ since }, at) => at < share || since <= late).map(({ name }) => name);
}

/** Takes up how a proof ended. */
export function recordProof(proofs: Proofs, names: readonly string[], level: ProofLevel, good: boolean, now: number): void {
  for (const name of names) {
    const entry = Object.hasOwn(proofs.mailboxes, name) ? proofs.mailboxes[name] : undefined;
    const next: MailboxProofs = { ...(entry ?? { seen: isoTime(now) }), tried: isoTime(now) };
    delete next.failed;
    if (good) next.proved = { ...next.proved, [level]: isoTime(now) };
    else next.failed = true;
    proofs.mailboxes[name] = next;
  }
}

export interface ProofCoverage {
  /** Mailboxes that are known of. */
  mailboxes: number;
  /** Those that were proved within the days that were asked for, at that level or a higher one. */
  proved: number;
  /** The longest that any of them has waited for a proof (or been there without one), in seconds; undefined without mailboxes. */
  oldestSeconds: number | undefined;
  /** The first few that are overdue, those that wait longest first. */
  overdue: { mailbox: string; proved: string | undefined }[];
  /** How many are overdue. */
  overdueCount: number;
  /** Those whose last proof failed. */
  failed: string[];
}

const NAMED = 10;

/** Which mailboxes were last proved when. One that was first seen less than `days` ago is not overdue. */
export function proofCoverage(proofs: Proofs, level: ProofLevel, days: number, now: number): ProofCoverage {
  const entries = Object.entries(proofs.mailboxes).map(([mailbox, entry]) => {
    const proved = LEVELS.slice(LEVELS.indexOf(level))
      .flatMap((each) => entry.proved?.[each] ?? [])
      .toSorted()
      .at(-1);
    return { mailbox, proved, failed: entry.failed === true, waits: now - Date.parse(proved ?? entry.seen) };
  });
  entries.sort((a, b) => b.waits - a.waits || (a.mailbox < b.mailbox ? -1 : 1));
  const overdue = entries.filter(({ waits }) => waits > days * DAY);
  const [oldest] = entries;
  return {
    mailboxes: entries.length,
    proved: entries.filter(({ proved, waits }) => proved !== undefined && waits <= days * DAY).length,
    oldestSeconds: oldest === undefined ? undefined : Math.round(oldest.waits / 1000),
    overdue: overdue.slice(0, NAMED).map(({ mailbox, proved }) => ({ mailbox, proved })),
    overdueCount: overdue.length,
    failed: entries.filter(({ failed }) => failed).map(({ mailbox }) => mailbox),
  };
}
