/** How a repository grows, and how long its disk will hold that. */
import type { Repository } from '../../repository/repository.ts';
import { freeSpace } from '../../system/file-system.ts';
import { now } from '../../system/clock.ts';
import type { KnownRun } from '../all-runs.ts';

const DAY = 86_400_000;
const WINDOW_DAYS = 30;

export interface Growth {
  /** The whole repository. */
  size: { bytes: number; objects: number };
  /** Bytes that backups of all hosts stored in the last seven days, first backups included. */
  lastWeek: number;
  /** Bytes a day that backups stored in the last thirty days, or since there are any, first backups left out; undefined in the first day. */
  perDay: number | undefined;
  /** Free bytes, where the repository lies in a directory of this host. */
  free: number | undefined;
  /** Days until those are used up. */
  daysUntilFull: number | undefined;
}

/** @param runs of all hosts @param directory of the repository, where it is one of this host */
export async function growthOf({ target }: Repository, runs: readonly KnownRun[], directory: string | undefined): Promise<Growth> {
  const size = { bytes: 0, objects: 0 };
  for await (const { size: bytes } of target.list('')) {
    size.bytes += bytes;
    size.objects++;
  }
  const backups = runs.filter(({ command, counts }) => command === 'backup' && counts['bytesStored'] !== undefined);
  const stored = (each: KnownRun): number => each.counts['bytesStored'] ?? 0;
  const within = (days: number) => (each: KnownRun) => now() - Date.parse(each.startedAt) < days * DAY;
  const lastWeek = backups.filter(within(7)).reduce((sum, each) => sum + stored(each), 0);
  const perDay = rateOf(backups.filter(within(WINDOW_DAYS)), stored);
  const free = directory === undefined ? undefined : freeSpace(directory);
  const daysUntilFull = free === undefined || perDay === undefined || perDay <= 0 ? undefined : Math.floor(free / perDay);
  return { size, lastWeek, perDay, free, daysUntilFull };
}

/** A first backup stores what was always there: it says nothing about the days to come. */
function isFirst({ counts }: KnownRun): boolean {
  return counts['messages'] !== undefined && counts['messages'] > 0 && counts['newMessages'] === counts['messages'];
}

function rateOf(backups: readonly KnownRun[], stored: (run: KnownRun) => number): number | undefined {
  const [oldest] = backups;
  if (oldest === undefined) return undefined;
  const span = (now() - Date.parse(oldest.startedAt)) / DAY;
  if (span < 1) return undefined;
  return Math.round(backups.filter((run) => !isFirst(run)).reduce((sum, run) => sum + stored(run), 0) / span);
}
