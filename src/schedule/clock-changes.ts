/** What the changes of clocks mean for a job, in words. */
import { isHourly, parseCron } from './cron.ts';
import type { Job, Scheduler } from './jobs.ts';
import { localZone, transitions, type Transition } from '../system/zone.ts';

const MINUTE = 60_000;
const YEAR = 365 * 86_400_000;

export interface ClockNote {
  job: string;
  kind: 'left-out' | 'later' | 'once' | 'pause';
  /** When the clocks change, milliseconds since 1970. */
  at: number;
  message: string;
}

/** What happens to the jobs at the changes of clocks in the year to come. */
export function clockNotes(jobs: readonly Job[], timeZone: string | undefined, scheduler: Scheduler, now: number): ClockNote[] {
  const zone = timeZone ?? localZone();
  const changes = transitions(zone, now, now + YEAR);
  return jobs.flatMap((job) => (job.at === undefined ? [] : changes.flatMap((change) => noteOf(job, job.at ?? '', change, scheduler))));
}

function noteOf(job: Job, at: string, change: Transition, scheduler: Scheduler): ClockNote[] {
  const fields = parseCron(at);
  const whole = change.before % 60 === 0 && change.after % 60 === 0;
  if (isHourly(fields) && (scheduler === 'cron' || whole)) return [];
  const forward = change.after > change.before;
  // Clock times that do not exist, or come twice, begin here.
  const start = change.at + Math.min(change.before, change.after) * MINUTE;
  const length = Math.abs(change.after - change.before);
  const times: number[] = [];
  for (let minute = 0; minute < length; minute++) {
    const wall = start + minute * MINUTE;
    if (fields.hour.includes(Math.floor(wall / 3_600_000) % 24) && fields.minute.includes(Math.floor(wall / MINUTE) % 60)) times.push(wall);
  }
  const day = start - (start % 86_400_000);
  const [first] = times.filter(() => fits(fields, day));
  if (first === undefined) return [];
  const shown = `${clock(start)} to ${clock(start + length * MINUTE)} on ${isoDay(day)}`;
  const made = (kind: ClockNote['kind'], message: string): ClockNote[] => [{ job: job.name, kind, at: change.at, message }];
  if (forward) {
    return scheduler === 'systemd'
      ? made('left-out', `job '${job.name}' does not run at ${clock(first)}: clocks skip ${shown}`)
      : made('later', `job '${job.name}' runs after the change of clocks in place of ${clock(first)}: they skip ${shown}`);
  }
  return fields.hour.length === 24
    ? scheduler === 'systemd'
      ? made('pause', `job '${job.name}' pauses for ${length} minutes: clocks show ${shown} twice, and it runs the first time only`)
      : []
    : made('once', `job '${job.name}' runs the first time only: clocks show ${shown} twice`);
}

function fits(fields: ReturnType<typeof parseCron>, day: number): boolean {
  const date = new Date(day);
  if (!fields.month.includes(date.getUTCMonth() + 1)) return false;
  const inMonth = fields.dayOfMonth.includes(date.getUTCDate());
  const inWeek = fields.dayOfWeek.includes(date.getUTCDay());
  return fields.eitherDay ? inMonth || inWeek : inMonth && inWeek;
}

function clock(wall: number): string {
  return new Date(wall).toISOString().slice(11, 16);
}

function isoDay(wall: number): string {
  return new Date(wall).toISOString().slice(0, 10);
}
