/** Cron expressions as calendar events of systemd.time(7). */
import { isHourly, type CronFields } from './cron.ts';
import { transitions } from '../system/zone.ts';

const DAY_NAMES = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const YEAR = 366 * 86_400_000;

/**
 * The `OnCalendar=` values that together mean the expression. Two where both days are restricted: systemd wants the weekday and the date to fit, cron
 * one of them.
 * @param zone stands after each value; without it the clock of the host counts
 */
export function onCalendar(fields: CronFields, zone?: string): string[] {
  const time = `${list(fields.hour, 0, 23)}:${list(fields.minute, 0, 59)}:00${zone === undefined ? '' : ` ${zone}`}`;
  const month = list(fields.month, 1, 12);
  const date = `*-${month}-${list(fields.dayOfMonth, 1, 31)} ${time}`;
  const days = fields.dayOfWeek.length === 7 ? '' : `${weekdays(fields.dayOfWeek)} `;
  return fields.eitherDay ? [date, `${days}*-${month}-* ${time}`] : [`${days}${date}`];
}

/**
 * The zone in which a timer is written: UTC for what comes at the same minutes of every hour, where clocks change by whole hours: systemd would otherwise
 * leave out the hour that comes twice. Else the one that was asked for.
 */
export function calendarZone(fields: CronFields, asked: string | undefined, zone: string, now: number): string | undefined {
  const changes = transitions(zone, now, now + YEAR);
  const whole = changes.every(({ before, after }) => before % 60 === 0 && after % 60 === 0);
  return isHourly(fields) && changes.length > 0 && whole ? 'UTC' : asked;
}

/** `*`, or numbers and ranges; two digits, as systemd writes them itself. */
function list(values: readonly number[], min: number, max: number): string {
  if (values.length === max - min + 1) return '*';
  return runs(values)
    .map(([from, to]) => (from === to ? two(from) : to === from + 1 ? `${two(from)},${two(to)}` : `${two(from)}..${two(to)}`))
    .join(',');
}

function weekdays(values: readonly number[]): string {
  return values.map((day) => DAY_NAMES[day]).join(',');
}

function runs(values: readonly number[]): [number, number][] {
  const found: [number, number][] = [];
  for (const value of values) {
    const last = found.at(-1);
    if (last !== undefined && last[1] === value - 1) last[1] = value;
    else found.push([value, value]);
  }
  return found;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
