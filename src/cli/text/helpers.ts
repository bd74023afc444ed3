import type { TextHelpers } from '../../commands/types.ts';
import { alignColumns } from './table.ts';

const STYLES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] } as const;
const BYTE_UNITS = ['kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'] as const;

/** The helpers that commands make their text with, for a language and with or without colours. */
export function textHelpers(details: { color: boolean; lang: 'en' | 'ja' }): TextHelpers {
  const locale = details.lang === 'ja' ? 'ja-JP' : 'en-GB';
  const style =
    (name: keyof typeof STYLES) =>
    (text: string): string =>
      details.color ? `\u001B[${STYLES[name][0]}m${text}\u001B[${STYLES[name][1]}m` : text;
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

  const helpers: TextHelpers = {
    bold: style('bold'),
    dim: style('dim'),
    red: style('red'),
    green: style('green'),
    yellow: style('yellow'),
    cyan: style('cyan'),
    number: (value) => (plain ??= new Intl.NumberFormat(locale)).format(value),
    size(bytes) {
      // "0 byte" is what the locale data make of nothing.
      if (bytes < 999.5) return `${helpers.number(Math.round(bytes))} B`;
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
    time: (iso) => (dateTime ??= new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' })).format(new Date(iso)),
    table(rows, { head, right = [] } = {}) {
      if (rows.length === 0) return '';
      const lines = alignColumns(head === undefined ? rows : [head, ...rows], right);
      if (head !== undefined) lines[0] = helpers.dim(lines[0] ?? '');
      return lines.join('\n');
    },
    pairs: (rows) => alignColumns(rows.map(([label, value]) => [helpers.dim(label), value])).join('\n'),
  };
  return helpers;
}
