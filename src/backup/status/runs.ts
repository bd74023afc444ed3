/** What the history of runs says of a host: how the last ones ended, which failed, which never ended. */
import { now } from '../../system/clock.ts';
import type { KnownRun } from '../all-runs.ts';

const DAY = 86_400_000;
/** Failures of the last days that are worth telling. */
const TOLD_DAYS = 7;
const TOLD = 5;

/** Mistakes at the keyboard say nothing about backups. */
const MISTYPED = new Set(['usage', 'not-found', 'ambiguous']);
/** What keeps backups as they should be; of anything else, whoever ran it saw how it ended. */
const CARE = new Set(['backup', 'verify', 'check', 'prune', 'forget', 'erase', 'copy', 'watch']);
/** Options by which a run is of a part only, or of nothing that counts. */
const NARROW = /^--(?:mailbox|repository|host)\b/;

/** Whether a run tells how backups are: not one that somebody mistyped, or of a part that somebody chose. */
function counts(run: KnownRun): boolean {
  const mistyped = run.error !== undefined && MISTYPED.has(run.error.code);
  return !(mistyped && (run.command !== 'backup' || run.error?.code === 'usage' || run.arguments.some((word) => NARROW.test(word))));
}

export interface RunSummary {
  lastRuns: Record<'backup' | 'verify' | 'check', KnownRun | undefined>;
  /** Runs of the last days that failed and after which the same command did not yet end well, newest first. */
  failures: KnownRun[];
  /** The same for runs that were killed. */
  incomplete: KnownRun[];
  running: KnownRun[];
}

/** @param runs of one host, oldest first */
export function summarize(runs: readonly KnownRun[]): RunSummary {
  const own = runs.filter(counts);
  const last = (command: string): KnownRun | undefined => own.findLast((run) => run.command === command && run.state !== 'running');
  const recent = own.filter(({ startedAt }) => now() - Date.parse(startedAt) < TOLD_DAYS * DAY);
  const mended = (run: KnownRun): boolean =>
    recent.some((later) => later.command === run.command && later.startedAt > run.startedAt && ['ok', 'warning'].includes(later.state));
  const open = (state: string): KnownRun[] =>
    recent
      .filter((run) => CARE.has(run.command) && run.state === state && !mended(run))
      .toReversed()
      .slice(0, TOLD);
  return {
    lastRuns: { backup: last('backup'), verify: last('verify'), check: last('check') },
    failures: open('failed'),
    incomplete: open('incomplete'),
    running: own.filter(({ state }) => state === 'running'),
  };
}
