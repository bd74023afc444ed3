/** The line that begins a message in an mbox: `From bob@example.org Thu Nov 19 10:00:00 2026`. */

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** Weekday, month, day, time, and year, before or after which a time zone may stand (Dovecot's mbox-from.c). */
const DATE =
  /(?:^|\s)(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +([A-Z][a-z]{2}) +(\d{1,2}) +(\d{1,2}):(\d{2})(?::(\d{2}))?(?: +([A-Z]{1,5}|[+-]\d{4}))?(?: +[A-Z]{1,5})? +(\d{4})(?: +([+-]\d{4}))?/;

/**
 * When the message was received, in seconds since 1970; without a time zone in that of this host.
 * @param line without its end
 * @returns undefined for a line that begins no message
 */
export function parseFromLine(line: string): number | undefined {
  if (!line.startsWith('From ')) return undefined;
  const match = DATE.exec(line.slice(4));
  if (match === null) return undefined;
  const [, name = '', day, hour, minute, second = '0', before, year, after] = match;
  const month = MONTHS.indexOf(name);
  if (month < 0 || Number(day) > 31 || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const numbers = [Number(year), month, Number(day), Number(hour), Number(minute), Number(second)] as const;
  const zone = after ?? before;
  if (zone === undefined || !/^[+-]/.test(zone)) {
    if (zone === 'UTC' || zone === 'GMT') return Date.UTC(...numbers) / 1000;
    return Math.floor(new Date(...numbers).getTime() / 1000);
  }
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3));
  return Date.UTC(...numbers) / 1000 - (zone.startsWith('-') ? -minutes : minutes) * 60;
}
