/** Days and times of a time zone, as they stand on axes and in tables. */
import { localZone, wallTime } from '../../../system/zone.ts';
import type { Lang } from '../../quantities.ts';

const DAY = 86_400_000;

export interface Dates {
  /** `22 Nov` */
  day(ms: number): string;
  /** `22 Nov 2026, 14:30` */
  moment(ms: number): string;
  /** `15–22 Nov 2026` */
  range(from: number, to: number): string;
  /** `GMT+9`, `JST`, `UTC` */
  zone(ms: number): string;
  /** Midnight before it. */
  startOfDay(ms: number): number;
}

/** @param timeZone IANA name; without it the one of this host */
export function datesIn(lang: Lang, timeZone?: string): Dates {
  const locale = lang === 'ja' ? 'ja-JP' : 'en-GB';
  const zone = timeZone === undefined ? {} : { timeZone };
  const format = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat => new Intl.DateTimeFormat(locale, { ...options, ...zone });
  const day = format({ day: 'numeric', month: 'short' });
  // The same days stand in all charts.
  const days = new Map<number, string>();
  const long = format({ day: 'numeric', month: 'short', year: 'numeric' });
  const moment = format({ day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const named = format({ timeZoneName: 'short' });
  /** Milliseconds that clocks there are ahead of UTC. */
  const ahead = (ms: number): number => wallTime(timeZone ?? localZone(), ms) - Math.floor(ms / 1000) * 1000;
  return {
    day(ms) {
      let named = days.get(ms);
      if (named === undefined) days.set(ms, (named = day.format(ms)));
      return named;
    },
    moment: (ms) => moment.format(ms),
    range: (from, to) => long.formatRange(from, to),
    zone: (ms) => named.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value ?? 'UTC',
    startOfDay(ms) {
      const local = ms + ahead(ms);
      const midnight = local - (((local % DAY) + DAY) % DAY);
      // Twice, since clocks may change on that very day.
      return midnight - ahead(midnight - ahead(ms));
    },
  };
}
