/** Round numbers for axes, and how far up an axis goes. */
import type { Series } from './series.ts';

export type Measure = 'bytes' | 'seconds' | 'count';

export interface Scale {
  /** The value at the top. */
  top: number;
  /** From 0 upwards, at most five. */
  ticks: readonly number[];
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TIMES = [1, 2, 5, 10, 15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE];
const LONG_TIMES = [
  HOUR,
  2 * HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  5 * DAY,
  10 * DAY,
  20 * DAY,
  50 * DAY,
  100 * DAY,
  200 * DAY,
];
/** How many times the ordinary a value must be to be cut off, so that the others can be seen beside it. */
const FAR_OUT = 4;

/** @param goal is always within the scale */
export function scaleFor(series: Series, measure: Measure, goal?: number): Scale {
  const values = series.filter((value) => value !== undefined).sort((a, b) => a - b);
  const most = values.at(-1) ?? 0;
  const ordinary = values[Math.floor((values.length - 1) * 0.9)] ?? 0;
  const cut = values.length >= 5 && ordinary > 0 && most > FAR_OUT * ordinary ? 1.5 * ordinary : most;
  const wanted = Math.max(cut, (goal ?? 0) * 1.05, Number.MIN_VALUE);
  const step = stepFor(wanted / 3.4, measure);
  const count = Math.max(1, Math.ceil(wanted / step - 1e-9));
  return { top: step * count, ticks: Array.from({ length: count + 1 }, (_, index) => index * step) };
}

/** The round number next above. */
function stepFor(least: number, measure: Measure): number {
  if (measure === 'seconds') {
    const found = [...TIMES, ...LONG_TIMES].find((step) => step >= least);
    if (found !== undefined) return found;
  }
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-300)));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((each) => each >= least * (1 - 1e-9)) ?? least;
  return measure === 'seconds' ? step : Math.max(1, step);
}
