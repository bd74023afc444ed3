/** Objects that say which of two hosts serves (docs/format.md, "Epochs"): names only, so that whoever looks after a repository knows them. */

/** How far a switch has come; each stage is an object of its own, put by a conditional put and never changed. */
export const EPOCH_STAGES = ['claim', 'fence', 'active', 'settled', 'withdrawn'] as const;
export type EpochStage = (typeof EPOCH_STAGES)[number];

const PATH = /^epochs\/(\d{8})-(claim|fence|active|settled|withdrawn)\.json$/;

export function epochPath(epoch: number, stage: EpochStage): string {
  return `epochs/${String(epoch).padStart(8, '0')}-${stage}.json`;
}

/** Reads the path of such an object, or undefined where it is none. */
export function parseEpochPath(path: string): { epoch: number; stage: EpochStage } | undefined {
  const match = PATH.exec(path);
  return match === null ? undefined : { epoch: Number(match[1]), stage: match[2] as EpochStage };
}

const JOURNAL = /^epochs\/(\d{8})-([0-9a-f]{16})-(\d{6})\.jsonl$/;

/** A piece of the journal of a switch: pieces are numbered from 1, and each is put only where none of its number is. */
export function journalPath(epoch: number, run: string, piece: number): string {
  return `epochs/${String(epoch).padStart(8, '0')}-${run}-${String(piece).padStart(6, '0')}.jsonl`;
}

/** Reads the path of such a piece, or undefined where it is none. */
export function parseJournalPath(path: string): { epoch: number; run: string; piece: number } | undefined {
  const [, epoch, run, piece] = JOURNAL.exec(path) ?? [];
  return run === undefined ? undefined : { epoch: Number(epoch), run, piece: Number(piece) };
}

const LEASE = /^epochs\/(\d{8})-lease-(\d{4})\.json$/;

/** What a host promises that serves by a lease: numbered from 1 within an epoch, the last one counts. */
export function leasePath(epoch: number, number: number): string {
  return `epochs/${String(epoch).padStart(8, '0')}-lease-${String(number).padStart(4, '0')}.json`;
}

/** Reads the path of such a promise, or undefined where it is none. */
export function parseLeasePath(path: string): { epoch: number; number: number } | undefined {
  const match = LEASE.exec(path);
  return match === null ? undefined : { epoch: Number(match[1]), number: Number(match[2]) };
}

/** Whether an object is one of these. */
export function isEpochPath(path: string): boolean {
  return [parseEpochPath, parseJournalPath, parseLeasePath].some((parse) => parse(path) !== undefined);
}
