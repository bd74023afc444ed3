/** When jobs are due. */
import type { CronExpression } from 'cron-parser';
import { isHourly, parseCron, plainCron, type CronFields } from './cron.ts';
import type { Scheduler } from './jobs.ts';
import { localZone, offsetAt, transitions, wallTime } from './zone.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

export interface Due {
  at: string;
  timeZone: string | undefined;
  scheduler: Scheduler;
}

/** The next `count` moments after `from` at which it comes, milliseconds since 1970. Fewer where it comes more seldom than once in eight years. */
export async function nextDue(due: Due, from: number, count: number): Promise<number[]> {
  return walk(due, from, count, (expression) => expression.next());
}

/** The newest moment at or before `from` at which it came. */
export async function lastDue(due: Due, from: number): Promise<number | undefined> {
  return (await walk(due, from + 1, 1, (expression) => expression.prev()))[0];
}

/** The moments in `(from, to]` at which it came, the newest `limit` of them, ascending. */
export async function dueBetween(due: Due, from: number, to: number, limit: number): Promise<number[]> {
  const found = await walk(due, to + 1, limit, (expression) => expression.prev(), from);
  return found.filter((at) => at > from).toReversed();
}

async function walk(
  { at, timeZone, scheduler }: Due,
  from: number,
  count: number,
  step: (expression: CronExpression) => { getTime(): number },
  until?: number,
): Promise<number[]> {
  const { CronExpressionParser } = await import('cron-parser');
  const fields = parseCron(at);
  const zone = timeZone ?? localZone();
  const runs = scheduler === 'systemd' ? asSystemd(fields, zone, from) : () => true;
  const expression = CronExpressionParser.parse(plainCron(at), { currentDate: from, tz: zone });
  const found: number[] = [];
  while (found.length < count) {
    let time: number;
    try {
      time = step(expression).getTime();
    } catch {
      break;
    }
    if (until !== undefined && time <= until) break;
    if (runs(time)) found.push(time);
  }
  return found;
}

/**
 * Whether systemd runs at a moment at which cron would: not where the clock shows another time than the one that was asked for, since that one was left out,
 * and not a second time in the hour that comes twice (measured with systemd 252).
 */
function asSystemd(fields: CronFields, zone: string, near: number): (time: number) => boolean {
  const around = transitions(zone, near - 400 * DAY, near + 400 * DAY);
  const whole = around.every(({ before, after }) => before % 60 === 0 && after % 60 === 0);
  if (isHourly(fields) && whole) return () => true;
  const hours = new Set(fields.hour);
  const minutes = new Set(fields.minute);
  return (time) => {
    const wall = wallTime(zone, time);
    if (!hours.has(Math.floor(wall / 3_600_000) % 24) || !minutes.has(Math.floor(wall / MINUTE) % 60)) return false;
    return !isRepeated(zone, time);
  };
}

/** Whether clocks showed the same time before, because they were set back in between. */
function isRepeated(zone: string, time: number): boolean {
  const offset = offsetAt(zone, time);
  for (const back of [30, 60, 120]) {
    if (offsetAt(zone, time - back * MINUTE) === offset + back) return true;
  }
  return false;
}
