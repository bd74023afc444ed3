/** Time zones: where their clocks are set back or forward. From the runtime's own zone data. */

/** A moment at which the clocks of a zone change. */
export interface Transition {
  /** Milliseconds since 1970: the first one with the new offset. */
  at: number;
  /** Minutes east of UTC. */
  before: number;
  after: number;
}

const HOUR = 3_600_000;

/** The zone that this host's clock is set to. */
export function localZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

export function isTimeZone(name: string): boolean {
  try {
    return /^[A-Za-z]/.test(name) && Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** What clocks of the zone show, as milliseconds since 1970 if it were UTC. */
export function wallTime(zone: string, at: number): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of format(zone).formatToParts(at)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string): Intl.DateTimeFormat {
  let made = formats.get(zone);
  if (made === undefined) {
    made = new Intl.DateTimeFormat('en-GB-u-ca-gregory-nu-latn', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, made);
  }
  return made;
}

/** Minutes east of UTC. */
export function offsetAt(zone: string, at: number): number {
  const whole = Math.floor(at / 1000) * 1000;
  return Math.round((wallTime(zone, whole) - whole) / 60_000);
}

/** The changes of a zone's clocks between two moments, in order. */
export function transitions(zone: string, from: number, to: number): Transition[] {
  const found: Transition[] = [];
  const step = 24 * HOUR;
  let before = offsetAt(zone, from);
  for (let at = from; at < to; at += step) {
    const end = Math.min(at + step, to);
    const after = offsetAt(zone, end);
    if (after === before) continue;
    let [low, high] = [at, end];
    while (high - low > 1000) {
      const middle = Math.floor((low + high) / 2000) * 1000;
      if (middle <= low) break;
      if (offsetAt(zone, middle) === before) low = middle;
      else high = middle;
    }
    found.push({ at: Math.ceil(high / 1000) * 1000, before, after });
    before = after;
  }
  return found;
}
