/** Whether what the schedule says did run, from the history of runs. Plain functions, for `status` and for `schedule show`. */
import { parseCron } from './cron.ts';
import type { Job, Schedule, Scheduler } from './jobs.ts';
import { dueBetween, lastDue, nextDue } from './times.ts';

/** A run as the history tells it, as far as it matters here. */
export interface PastRun {
  command: string;
  /** The command line, global options included. */
  arguments: readonly string[];
  /** UTC ISO 8601. */
  startedAt: string;
  /** `ok`, `warning`, `partial`, `failed`, `running` or `incomplete`. */
  state: string;
}

/** Since when which jobs are installed, as `schedule install` wrote it down. */
export interface Installed {
  scheduler: Scheduler;
  jobs: readonly { name: string; at?: string | undefined; run: string; since: string }[];
}

export interface JobCoverage {
  job: string;
  command: string;
  /** Newest moment at which it was due, while it was installed; milliseconds since 1970. */
  lastDue: number | undefined;
  nextDue: number | undefined;
  /** When the newest run of it began, by the schedule or by hand. */
  lastRun: number | undefined;
  lastState: string | undefined;
  /** When the newest run of it began that ended well. */
  lastSuccess: number | undefined;
  running: boolean;
}

/** A job that was due and did not run since. */
export interface MissedRun {
  job: string;
  command: string;
  /** The newest moment at which it was due, milliseconds since 1970. */
  due: number;
  /** How many due moments passed without a run; {@link COUNT_LIMIT} means that many or more. For `watch`, 1. */
  times: number;
  lastRun: number | undefined;
}

export const COUNT_LIMIT = 1000;

/** A timer may be late by its random delay, by a minute of accuracy, and by what a busy host needs to start a program. */
const LATE_MS = 5 * 60_000;

/** Words of a command line that say nothing about what is done. */
const PLAIN = new Set(['--quiet', '-q', '--verbose', '--json', '--no-color', '--events']);

/** Whether a run did what the job does: the same command, and at least the same options. */
export function isRunOf(job: Pick<Job, 'words'>, run: Pick<PastRun, 'command' | 'arguments'>): boolean {
  const name = run.command.split(' ');
  if (!name.every((word, at) => job.words[at] === word)) return false;
  const options = job.words.slice(name.length).filter((word) => !PLAIN.has(word));
  const given = run.arguments.filter((word) => !PLAIN.has(word));
  // A sample is no full run, so what restricts a run must be the same on both sides.
  return (
    options.every((word) => given.includes(word)) &&
    given.every((word) => !/^--(?:sample|rotate|mailbox)\b/.test(word) || options.includes(word))
  );
}

/** When each job was due, is due, and ran. */
export async function coverage(
  schedule: Schedule,
  installed: Installed | undefined,
  runs: readonly PastRun[],
  now: number,
): Promise<JobCoverage[]> {
  const scheduler = installed?.scheduler ?? 'systemd';
  return Promise.all(
    schedule.jobs.map(async (job): Promise<JobCoverage> => {
      const own = runs.filter((run) => isRunOf(job, run));
      const newest = own.at(-1);
      const good = own.findLast((run) => run.state === 'ok' || run.state === 'warning');
      const due = job.at === undefined ? undefined : { at: job.at, timeZone: schedule.timeZone, scheduler };
      const since = sinceOf(job, installed);
      const last = due === undefined ? undefined : await lastDue(due, now);
      return {
        job: job.name,
        command: job.words.join(' '),
        lastDue: last !== undefined && since !== undefined && last >= since ? last : undefined,
        nextDue: due === undefined ? undefined : (await nextDue(due, now, 1))[0],
        lastRun: newest === undefined ? undefined : Date.parse(newest.startedAt),
        lastState: newest?.state,
        lastSuccess: good === undefined ? undefined : Date.parse(good.startedAt),
        running: own.some((run) => run.state === 'running'),
      };
    }),
  );
}

/**
 * Jobs that were due since they were installed and have not run since then. A run that began before and still goes on is none; what is late by its random
 * delay and a few minutes is none yet. Nothing is missed where no schedule is installed.
 */
export async function missedRuns(
  schedule: Schedule,
  installed: Installed | undefined,
  runs: readonly PastRun[],
  now: number,
): Promise<MissedRun[]> {
  if (installed === undefined) return [];
  const missed: MissedRun[] = [];
  for (const job of schedule.jobs) {
    const since = sinceOf(job, installed);
    if (since === undefined || job.unrecorded === true) continue;
    const own = runs.filter((run) => isRunOf(job, run));
    if (own.some((run) => run.state === 'running')) continue;
    const newest = own.at(-1);
    const lastRun = newest === undefined ? undefined : Date.parse(newest.startedAt);
    const found = { job: job.name, command: job.words.join(' '), lastRun };
    if (job.at === undefined) {
      if (now - Math.max(since, lastRun ?? 0) > LATE_MS) missed.push({ ...found, due: lastRun ?? since, times: 1 });
      continue;
    }
    parseCron(job.at);
    const until = now - job.randomDelay * 1000 - LATE_MS;
    const due = await dueBetween(
      { at: job.at, timeZone: schedule.timeZone, scheduler: installed.scheduler },
      Math.max(since, lastRun ?? 0),
      until,
      COUNT_LIMIT,
    );
    const newestDue = due.at(-1);
    if (newestDue !== undefined) missed.push({ ...found, due: newestDue, times: due.length });
  }
  return missed;
}

/** Since when the job is installed as it is; undefined where it is not. */
function sinceOf(job: Job, installed: Installed | undefined): number | undefined {
  const found = installed?.jobs.find(({ name, at, run }) => name === job.name && at === job.at && run === job.words.join(' '));
  return found === undefined ? undefined : Date.parse(found.since);
}
