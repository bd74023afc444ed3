/** Times as people type them: `2026-11-20`, `2026-11-20 03:00`, `yesterday`, in local time unless they say otherwise. */
import { now } from '../system/clock.ts';

const FORM = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?)?(Z|[+-]\d{2}:?\d{2})?$/;

/**
 * Reads a time. One without hours means a whole day, one without seconds a whole minute, and so on.
 * @param edge which end of that span is meant
 * @returns milliseconds since 1970 (UTC), or undefined for what is no time or no day of the calendar
 */
export function parseLocalTime(text: string, edge: 'start' | 'end'): number | undefined {
  const back = ['today', 'yesterday'].indexOf(text.trim().toLowerCase());
  if (back >= 0) {
    const today = new Date(now());
    const begin = (days: number): number => new Date(today.getFullYear(), today.getMonth(), today.getDate() + days).getTime();
    return edge === 'start' ? begin(-back) : begin(1 - back) - 1;
  }
  const match = FORM.exec(text.trim());
  if (match === null) return undefined;
  const [, year = '', month = '', day = '', hour, minute = '', second, fraction, zone] = match;
  const fields = [Number(year), Number(month) - 1, Number(day), Number(hour ?? 0), Number(minute || 0), Number(second ?? 0)] as const;
  const milliseconds = Number((fraction ?? '').padEnd(3, '0'));
  const utc = new Date(Date.UTC(...fields, milliseconds));
  // The calendar has no 31st of February: such a day comes back as another one.
  if (utc.getUTCMonth() !== fields[1] || utc.getUTCDate() !== fields[2] || fields[3] > 23 || fields[4] > 59 || fields[5] > 60)
    return undefined;
  const begin = zone === undefined ? new Date(...fields, milliseconds).getTime() : utc.getTime() - offsetOf(zone);
  if (edge === 'start') return begin;
  // A day is not always 24 hours long.
  if (hour === undefined && zone === undefined) return new Date(fields[0], fields[1], fields[2] + 1).getTime() - 1;
  const span = hour === undefined ? 86_400_000 : second === undefined ? 60_000 : fraction === undefined ? 1000 : 1;
  return begin + span - 1;
}

/** Milliseconds that a zone (`Z`, `+09:00`) is ahead of UTC. */
function offsetOf(zone: string): number {
  if (zone === 'Z') return 0;
  const digits = zone.replace(/\D/g, '');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}
