import { now } from '../../system/clock.ts';
import { quantities } from '../quantities.ts';
import { wordsOf, type Lang, type Words } from '../words/index.ts';
import { sayIn } from '../words/say.ts';
import { alignColumns } from './table.ts';

/** How text for people is made up, in a terminal and in a mail. Sizes are bytes, durations milliseconds. */
export interface TextHelpers {
  readonly lang: Lang;
  /** What is said, in that language. */
  readonly words: Words;
  /** A template that is English, in the language of the reader, from the catalogue; what stands in it goes where that language wants it. */
  say(parts: TemplateStringsArray, ...values: readonly (string | number)[]): string;
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
  number(value: number): string;
  size(bytes: number): string;
  duration(milliseconds: number): string;
  /** A UTC ISO 8601 time as local date and time. */
  time(iso: string): string;
  /** How long ago that was, as roughly as anybody wants to know. */
  ago(iso: string): string;
  /** A span of seconds, as roughly as anybody wants to know. */
  span(seconds: number): string;
  /** The same in one unit, for tables: `36m`, `2.5h`, `3.1d`. */
  brief(seconds: number): string;
  /** Aligned columns; numbers stand right. `head` is printed dim. Cells may be coloured. */
  table(rows: readonly (readonly string[])[], details?: { head?: readonly string[]; right?: readonly number[] }): string;
  /** `label  value` lines, aligned. */
  pairs(rows: readonly (readonly [string, string])[]): string;
}

const STYLES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] } as const;

/** The helpers that commands make their text with, for a language and with or without colours. */
export function textHelpers(details: { color: boolean; lang: Lang }): TextHelpers {
  const style =
    (name: keyof typeof STYLES) =>
    (text: string): string =>
      details.color ? `\u001B[${STYLES[name][0]}m${text}\u001B[${STYLES[name][1]}m` : text;

  const helpers: TextHelpers = {
    lang: details.lang,
    words: wordsOf(details.lang),
    say: (parts, ...values) => sayIn(details.lang, parts, values),
    bold: style('bold'),
    dim: style('dim'),
    red: style('red'),
    green: style('green'),
    yellow: style('yellow'),
    cyan: style('cyan'),
    ...quantities(details.lang),
    span: (seconds) => helpers.duration(coarse(seconds) * 1000),
    brief: (seconds) => inOneUnit(seconds, details.lang),
    ago(iso) {
      const seconds = Math.max(0, (now() - Date.parse(iso)) / 1000);
      return seconds < 1 ? helpers.words.common.justNow : helpers.words.common.ago(helpers.span(seconds));
    },
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

function coarse(seconds: number): number {
  const unit = seconds < 60 ? 1 : seconds < 86_400 ? 60 : 3600;
  return Math.floor(seconds / unit) * unit;
}

const UNITS = [
  [2 * 86_400, 86_400, 'day'],
  [3600, 3600, 'hour'],
  [120, 60, 'minute'],
  [0, 1, 'second'],
] as const;

function inOneUnit(seconds: number, lang: Lang): string {
  const [, size, unit] = UNITS.find(([from]) => seconds >= from) ?? UNITS[3];
  const value = seconds / size;
  const digits = size > 60 && value < 10 ? 1 : 0;
  const style = { style: 'unit', unit, unitDisplay: lang === 'ja' ? 'short' : 'narrow', maximumFractionDigits: digits } as const;
  return new Intl.NumberFormat(lang === 'ja' ? 'ja-JP' : 'en-GB', style).format(value);
}
