/** When jobs are due. */
import { isHourly, listedCron, parseCron, type CronFields } from './cron.ts';
import type { Scheduler } from './jobs.ts';
import { localZone, offsetAt, transitions, wallTime } from '../system/zone.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
/** More than clocks are ever set forward or back. */
const MARGIN = 3 * 3_600_000;

export interface Due {
  at: string;
  timeZone: string | undefined;
  scheduler: Scheduler;
}

/** The next `count` moments after `from` at which it comes, milliseconds since 1970. Fewer where it comes more seldom than once in eight years. */
export async function nextDue(due: Due, from: number, count: number): Promise<number[]> {
  return walk(due, from, count, 'next');
}

/** The newest moment at or before `from` at which it came. */
export async function lastDue(due: Due, from: number): Promise<number | undefined> {
  return (await walk(due, from + 1, 1, 'prev'))[0];
}

/** The moments in `(from, to]` at which it came, the newest `limit` of them, ascending. */
export async function dueBetween(due: Due, from: number, to: number, limit: number): Promise<number[]> {
  const found = await walk(due, to + 1, limit, 'prev', from);
  return found.filter((at) => at > from).toReversed();
}

async function walk(
  { at, timeZone, scheduler }: Due,
  from: number,
  count: number,
  step: 'next' | 'prev',
  until?: number,
): Promise<number[]> {
  const { CronExpressionParser } = await import('cron-parser');
  const fields = parseCron(at);
  const zone = timeZone ?? localZone();
  const forward = step === 'next';
  const momentOf = moments(fields, zone, scheduler, from);
  // The library reads the clock on the wall as if it were UTC, which has no changes; what those mean is decided here.
  const start = wallTime(zone, from) + (forward ? -MARGIN : MARGIN);
  const expression = CronExpressionParser.parse(listedCron(fields), { currentDate: start, tz: 'UTC' });
  const found: number[] = [];
  while (found.length < count) {
    let wall: number;
    try {
      wall = expression[step]().getTime();
    } catch {
      break;
    }
    const time = momentOf(wall);
    if (time === undefined || time === found.at(-1) || (forward ? time <= from : time >= from)) continue;
    if (until !== undefined && time <= until) break;
    found.push(time);
  }
  return found;
}

/**
 * The moment at which what is due at a time on the wall runs. Where clocks show a time twice, that is the first one. What clocks skip, systemd leaves out
 * (measured with version 252), and cron runs right after the change (crontab(5), Debian). What comes at the same minutes of every hour is written in UTC,
 * or followed by cron, and so is not touched by changes of whole hours.
 */
function moments(fields: CronFields, zone: string, scheduler: Scheduler, near: number): (wall: number) => number | undefined {
  const around = transitions(zone, near - 2 * DAY, near + 400 * DAY);
  const whole = around.every(({ before, after }) => before % 60 === 0 && after % 60 === 0);
  if (isHourly(fields) && whole) {
    const offset = offsetAt(zone, near) * MINUTE;
    return (wall) => wall - offset;
  }
  return (wall) => {
    const [before, after] = [offsetAt(zone, wall - DAY), offsetAt(zone, wall + DAY)];
    const times = [before, after]
      .map((offset) => ({ time: wall - offset * MINUTE, offset }))
      .filter(({ time, offset }) => offsetAt(zone, time) === offset);
    if (times.length > 0) return Math.min(...times.map(({ time }) => time));
    return scheduler === 'systemd' ? undefined : transitions(zone, wall - DAY, wall + DAY)[0]?.at;
  };
}
