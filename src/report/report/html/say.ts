/** Everything that a view needs to say something: words, quantities and dates of one language and time zone. */
import { type Lang, type Quantities, quantities } from '../../quantities.ts';
import type { Measure } from './scale.ts';
import { datesIn, type Dates } from './dates.ts';
import { tell } from '../../text/tell.ts';
import { wordsOf, type Words } from '../../words/index.ts';

export interface ViewOptions {
  lang: Lang;
  /** IANA name; without it the one of this host. */
  timeZone?: string | undefined;
}

export interface Say extends Quantities {
  lang: Lang;
  words: Words['page'];
  /** The whole catalogue, and two of its parts. */
  all: Words;
  common: Words['common'];
  report: Words['report'];
  /** A message of a finding or an error, or a hint, in that language where somebody translated it. */
  tell(message: string): string;
  dates: Dates;
  /** A span in seconds, `39 mins 37 secs`; and the same in one unit, `40 mins`, `2.5 hrs`. */
  span(seconds: number): string;
  brief(seconds: number): string;
  /** `2.5 hrs ago`, or `never`. */
  ago(seconds: number | undefined): string;
  value(value: number, measure: Measure): string;
  /** A value on an axis, in the unit that suits its top: `0.5 hr`. */
  tick(value: number, measure: Measure, top: number): string;
}

export function sayIn({ lang, timeZone }: ViewOptions): Say {
  const all = wordsOf(lang);
  const { page: words, common, report } = all;
  const said = quantities(lang, timeZone);
  const span = (seconds: number): string => said.duration(Math.max(0, seconds) * 1000);
  const value = (amount: number, measure: Measure): string =>
    measure === 'bytes' ? said.size(amount) : measure === 'seconds' ? span(amount) : said.number(amount);
  return {
    ...said,
    lang,
    words,
    all,
    common,
    report,
    tell: (message) => tell(message, { lang, time: said.time }),
    dates: datesIn(lang, timeZone),
    span,
    brief: (seconds) => inOneUnit(seconds, seconds, lang),
    ago: (seconds) => (seconds === undefined ? common.never : common.ago(inOneUnit(seconds, seconds, lang))),
    value,
    tick: (amount, measure, top) => (measure === 'seconds' ? inOneUnit(amount, top, lang) : value(amount, measure)),
  };
}

const UNITS = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
] as const;

/** @param like in the unit that suits this span */
function inOneUnit(seconds: number, like: number, lang: Lang): string {
  const [size, unit] = UNITS.find(([each]) => like >= 2 * each || (like >= each && like % each === 0)) ?? [1, 'second'];
  const amount = Math.max(0, seconds) / size;
  return formatOf(lang, unit, amount < 10 ? 1 : 0).format(amount);
}

const formats = new Map<string, Intl.NumberFormat>();

function formatOf(lang: Lang, unit: string, maximumFractionDigits: number): Intl.NumberFormat {
  const key = `${lang} ${unit} ${maximumFractionDigits}`;
  let format = formats.get(key);
  if (format === undefined) {
    format = new Intl.NumberFormat(lang === 'ja' ? 'ja-JP' : 'en-GB', { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits });
    formats.set(key, format);
  }
  return format;
}
