/** Numbers, sizes, durations and times as people read them in a language; on the screen, in reports and in mails alike. */

export type Lang = 'en' | 'ja';

export interface Quantities {
  number(value: number): string;
  /** Bytes, in powers of a thousand. */
  size(bytes: number): string;
  /** The two largest units, `1 hr 5 mins`. */
  duration(milliseconds: number): string;
  /** A UTC ISO 8601 time as date and time of the time zone. */
  time(iso: string): string;
}

const BYTE_UNITS = ['kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'] as const;

/** Hours have two digits in both, so that columns stand below each other; Japanese locale data have one. */
const DATE_TIME: Readonly<Record<Lang, Intl.DateTimeFormatOptions>> = {
  en: { dateStyle: 'medium', timeStyle: 'medium' },
  ja: { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' },
};

/** The locale that stands for a language. */
function localeOf(lang: Lang): string {
  return lang === 'ja' ? 'ja-JP' : 'en-GB';
}

/** @param timeZone IANA name; without it the one of this host */
export function quantities(lang: Lang, timeZone?: string): Quantities {
  const locale = localeOf(lang);
  // Making a formatter takes longer than a thousand uses of it.
  const formats = new Map<string, Intl.NumberFormat>();
  const inUnit = (value: number, unit: string, digits: number): string => {
    let format = formats.get(`${unit} ${digits}`);
    if (format === undefined) {
      format = new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: digits });
      formats.set(`${unit} ${digits}`, format);
    }
    return format.format(value);
  };
  let plain: Intl.NumberFormat | undefined;
  let dateTime: Intl.DateTimeFormat | undefined;
  const number = (value: number): string => (plain ??= new Intl.NumberFormat(locale)).format(value);

  return {
    number,
    size(bytes) {
      // "0 byte" is what the locale data make of nothing.
      if (bytes < 999.5) return `${number(Math.round(bytes))} B`;
      let unit = 0;
      let value = bytes / 1000;
      while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
        value /= 1000;
        unit++;
      }
      return inUnit(value, BYTE_UNITS[unit] ?? 'kilobyte', value < 10 ? 1 : 0);
    },
    duration(milliseconds) {
      if (milliseconds < 999.5) return inUnit(milliseconds, 'millisecond', 0);
      if (milliseconds < 59_950) return inUnit(milliseconds / 1000, 'second', 1);
      const seconds = Math.round(milliseconds / 1000);
      const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
      const parts: [number, string][] = [
        [days, 'day'],
        [hours, 'hour'],
        [minutes, 'minute'],
        [seconds % 60, 'second'],
      ];
      const first = parts.findIndex(([value]) => value > 0);
      return parts
        .slice(first, first + 2)
        .filter(([value]) => value > 0)
        .map(([value, unit]) => inUnit(value, unit, 0))
        .join(' ');
    },
    time(iso) {
      const zone = timeZone === undefined ? {} : { timeZone };
      return (dateTime ??= new Intl.DateTimeFormat(locale, { ...DATE_TIME[lang], ...zone })).format(new Date(iso));
    },
  };
}
