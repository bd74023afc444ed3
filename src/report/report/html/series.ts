/** From the runs of hosts to the numbers of charts: one value for each day, or each week where there are many days. */
import type { TrendPoint } from '../model.ts';
import type { Dates } from './dates.ts';

const DAY = 86_400_000;
/** More days than these are drawn by weeks. */
const MOST_DAYS = 92;
const MOST_WEEKS = 53;

export interface Calendar {
  unit: 'day' | 'week';
  /** Milliseconds since 1970; one more than there are bins. */
  edges: readonly number[];
  /** The moment of the report: nothing is known of what comes after. */
  until: number;
}

/** One value a bin; undefined where there is nothing to tell. */
export type Series = readonly (number | undefined)[];

/** The days from the first point of any host to the report, and those of its period at least. */
export function calendarOf(trends: readonly (readonly TrendPoint[])[], period: { from: number; to: number }, dates: Dates): Calendar {
  const first = trends.reduce((least, [point]) => (point === undefined ? least : Math.min(least, Date.parse(point.time))), period.from);
  const until = period.to;
  const end = dates.startOfDay(until);
  const limit = end - MOST_WEEKS * 7 * DAY + 7 * DAY;
  const days: number[] = [];
  // From the middle of one day to the middle of the one before, since days may have 23 hours or 25.
  for (let day = end; ; day = dates.startOfDay(day - DAY / 2)) {
    days.unshift(day);
    if (day <= first || day <= limit) break;
  }
  const after = dates.startOfDay(end + 1.5 * DAY);
  if (days.length <= MOST_DAYS) return { unit: 'day', edges: [...days, after], until };
  const edges = [after];
  for (let index = days.length - 7; index > -7; index -= 7) edges.unshift(days[Math.max(0, index)] ?? after);
  return { unit: 'week', edges, until };
}

/** Bytes that were stored in a bin, by the day. */
export function storedPerDay(trend: readonly TrendPoint[], calendar: Calendar): Series {
  const first = Date.parse(trend[0]?.time ?? '');
  return fold(trend, calendar, (sum: number | undefined, { bytesStored }) =>
    bytesStored === undefined ? sum : (sum ?? 0) + bytesStored,
  ).map((sum, bin) => (sum === undefined ? undefined : sum / daysOf(calendar, bin, first)));
}

/** Days of a bin that the history covers, those that have begun among them; a day when clocks change may have 25 hours. */
function daysOf({ edges, until }: Calendar, bin: number, first: number): number {
  const from = Math.max(edges[bin] ?? 0, first);
  const to = Math.min(edges[bin + 1] ?? 0, until);
  return Math.max(1, Math.ceil((to - from) / DAY - 0.1));
}

/** Seconds that the longest successful run of a bin took. */
export function longest(trend: readonly TrendPoint[], command: TrendPoint['command'], calendar: Calendar): Series {
  return fold(trend, calendar, (most: number | undefined, point) =>
    point.command !== command || !point.ok || point.seconds === undefined ? most : Math.max(most ?? 0, point.seconds),
  );
}

/** How many runs of a bin ended so. */
export function countRuns(trend: readonly TrendPoint[], command: TrendPoint['command'], ok: boolean, calendar: Calendar): number[] {
  const counted = fold(trend, calendar, (count: number | undefined, point) =>
    point.command === command && point.ok === ok ? (count ?? 0) + 1 : count,
  );
  return counted.map((count) => count ?? 0);
}

/** Seconds that the newest backup was old in a bin, when it was oldest: the mail of so long would have been lost then. */
export function oldestAge(trend: readonly TrendPoint[], calendar: Calendar): Series {
  const { edges, until } = calendar;
  const good = trend.filter(({ command, ok }) => command === 'backup' && ok).map(({ time }) => Date.parse(time));
  let next = 0;
  return edges.slice(0, -1).map((from, bin) => {
    const to = Math.min(edges[bin + 1] ?? 0, until);
    let most: number | undefined;
    while (next < good.length && (good[next] ?? 0) <= from) next++;
    for (; next < good.length && (good[next] ?? 0) <= to; next++) {
      const before = good[next - 1];
      if (before !== undefined) most = Math.max(most ?? 0, (good[next] ?? 0) - before);
    }
    const last = good[next - 1];
    if (last !== undefined) most = Math.max(most ?? 0, to - last);
    return most === undefined ? undefined : Math.max(0, most / 1000);
  });
}

/** One series of several. */
export function together(all: readonly Series[], how: (a: number, b: number) => number): Series {
  const length = Math.max(0, ...all.map((series) => series.length));
  return Array.from({ length }, (_, bin) => {
    let value: number | undefined;
    for (const series of all) {
      const other = series[bin];
      if (other !== undefined) value = value === undefined ? other : how(value, other);
    }
    return value;
  });
}

function fold<T>(trend: readonly TrendPoint[], { edges }: Calendar, step: (value: T | undefined, point: TrendPoint) => T | undefined) {
  const bins = Array.from<T | undefined>({ length: edges.length - 1 }).fill(undefined);
  for (const point of trend) {
    const bin = binOf(edges, Date.parse(point.time));
    if (bin !== undefined) bins[bin] = step(bins[bin], point);
  }
  return bins;
}

function binOf(edges: readonly number[], time: number): number | undefined {
  let [low, high] = [0, edges.length - 1];
  if (!(time >= (edges[low] ?? 0) && time < (edges[high] ?? 0))) return undefined;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (time < (edges[middle] ?? 0)) high = middle;
    else low = middle;
  }
  return low;
}
