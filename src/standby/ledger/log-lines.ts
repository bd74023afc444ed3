/** What Postfix's log says of the messages that it accepted (cleanup(8), qmgr(8), and the delivery agents). */
import { isoTime } from '../../system/clock.ts';

export type LogEvent =
  | { event: 'id'; queue: string; at: string; id: string }
  /** The queue manager has it: it was accepted. */
  | { event: 'from'; queue: string; at: string; from: string; size: number }
  | { event: 'to'; queue: string; at: string; to: string; status: string; local: boolean }
  | { event: 'gone'; queue: string; at: string };

const LINE = /^(.{15,40}?) \S+ postfix[^/ ]*\/(?:[a-z0-9-]+\/)*([a-z]+)\[\d+\]: ([0-9A-Za-z]{6,20}): (.*)$/;
/** Agents that deliver on this host; `smtp` hands over to another. */
const LOCAL = new Set(['lmtp', 'virtual', 'local', 'pipe']);
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAY_MS = 24 * 3600 * 1000;

/**
 * Reads a line.
 * @param now milliseconds since 1970: the old form of time (RFC 3164) has no year, and is of this host's zone
 * @returns undefined where it says nothing of a message
 */
export function parseLogLine(line: string, now: number): LogEvent | undefined {
  const [, stamp = '', program = '', queue = '', rest = ''] = LINE.exec(line) ?? [];
  if (queue === '') return undefined;
  const at = timeOf(stamp, now);
  if (at === undefined) return undefined;
  const id = /^(?:resent-)?message-id=(.*)$/.exec(rest)?.[1];
  if (program === 'cleanup') {
    // A milter had the last word.
    if (/^(?:milter-)?(?:reject|discard): /.test(rest)) return { event: 'gone', queue, at };
    return id === undefined ? undefined : { event: 'id', queue, at, id: id.trim() };
  }
  if (program === 'smtpd') return rest.startsWith('reject: END-OF-') ? { event: 'gone', queue, at } : undefined;
  if (program === 'qmgr') {
    if (rest === 'removed') return { event: 'gone', queue, at };
    const [, from, size] = /^from=<(.*)>, size=(\d+), nrcpt=\d+/.exec(rest) ?? [];
    return from === undefined ? undefined : { event: 'from', queue, at, from, size: Number(size) };
  }
  const [, to, status] = /^to=<(.*?)>,.*\bstatus=([a-z]+)\b/.exec(rest) ?? [];
  return to === undefined || status === undefined ? undefined : { event: 'to', queue, at, to, status, local: LOCAL.has(program) };
}

function timeOf(stamp: string, now: number): string | undefined {
  const iso = Date.parse(stamp);
  if (/^\d{4}-/.test(stamp)) return Number.isNaN(iso) ? undefined : isoTime(iso);
  const [, name = '', day, hour, minute, second] = /^([A-Z][a-z]{2}) +(\d+) (\d\d):(\d\d):(\d\d)$/.exec(stamp) ?? [];
  const month = MONTHS.indexOf(name);
  if (month < 0) return undefined;
  const year = Number(isoTime(now).slice(0, 4));
  const inYear = (number: number): number => localTime(number, month + 1, [day, hour, minute, second]);
  // A line of December, read in January.
  const time = inYear(year) > now + DAY_MS ? inYear(year - 1) : inYear(year);
  return Number.isNaN(time) ? undefined : isoTime(time);
}

function localTime(year: number, month: number, [day = '', hour = '', minute = '', second = '']: (string | undefined)[]): number {
  return Date.parse(`${year}-${String(month).padStart(2, '0')}-${day.padStart(2, '0')}T${hour}:${minute}:${second}`);
}
