/** The charts of one host, or of several together: numbers and words, whatever draws them. */
import type { HostReport } from '../model.ts';
import type { Say } from './say.ts';
import { type Measure, type Scale, scaleFor } from './scale.ts';
import { type Calendar, countRuns, longest, oldestAge, type Series, storedPerDay, together } from './series.ts';

export interface Chart {
  name: 'stored' | 'backup' | 'restore' | 'age';
  title: string;
  measure: Measure;
  shape: 'bars' | 'line';
  series: Series;
  scale: Scale;
  /** Seconds that should not be passed, and what the line is called. */
  goal: { seconds: number; label: string } | undefined;
  /** Failed backups of each bin. */
  failed: readonly number[];
  /** The same as the drawing, in words. */
  summary: string;
}

/** Those for which there is anything to draw. */
export function chartsOf(hosts: readonly HostReport[], calendar: Calendar, say: Say): Chart[] {
  const { words } = say;
  const weeks = calendar.unit === 'week';
  const all = (of: (host: HostReport) => Series, how: (a: number, b: number) => number): Series => together(hosts.map(of), how);
  const add = (a: number, b: number): number => a + b;
  const most = (a: number, b: number): number => Math.max(a, b);
  const failed = together(
    hosts.map(({ trend }) => countRuns(trend, 'backup', false, calendar)),
    add,
  ).map((count) => count ?? 0);
  const rto = commonGoal(hosts.map(({ goals }) => goals.rto?.goalSeconds));
  const rpo = commonGoal(hosts.map(({ goals }) => goals.rpo?.goalSeconds));
  const draw = (
    chart: Pick<Chart, 'name' | 'title' | 'measure' | 'shape' | 'series'>,
    goal?: { name: string; seconds: number | undefined },
  ): Chart[] => {
    if (chart.series.every((value) => value === undefined)) return [];
    const seconds = goal?.seconds;
    const line =
      goal === undefined || seconds === undefined ? undefined : { seconds, label: words.goalLine(goal.name, say.brief(seconds)) };
    const counts = chart.name === 'backup' ? failed : [];
    const whole = { ...chart, scale: scaleFor(chart.series, chart.measure, seconds), goal: line, failed: counts };
    return [{ ...whole, summary: summaryOf(whole, calendar, say) }];
  };
  return [
    ...draw({
      name: 'stored',
      title: weeks ? words.chartStoredWeeks : words.chartStored,
      measure: 'bytes',
      shape: 'bars',
      series: all(({ trend }) => storedPerDay(trend, calendar), add),
    }),
    ...draw({
      name: 'backup',
      title: weeks ? words.chartBackupWeeks : words.chartBackup,
      measure: 'seconds',
      shape: 'line',
      series: all(({ trend }) => longest(trend, 'backup', calendar), most),
    }),
    ...draw(
      {
        name: 'restore',
        title: words.chartRestore,
        measure: 'seconds',
        shape: 'line',
        series: all(({ trend }) => longest(trend, 'verify', calendar), most),
      },
      { name: words.rto, seconds: rto },
    ),
    ...draw(
      {
        name: 'age',
        title: words.chartAge,
        measure: 'seconds',
        shape: 'bars',
        series: all(({ trend }) => oldestAge(trend, calendar), most),
      },
      { name: words.rpo, seconds: rpo },
    ),
  ];
}

/** The goal of those that have one, where it is the same. */
function commonGoal(goals: readonly (number | undefined)[]): number | undefined {
  const different = new Set(goals.filter((goal) => goal !== undefined));
  return different.size === 1 ? [...different][0] : undefined;
}

/** What a bin is called: its day, or the first day of its week. */
export function binName({ unit, edges }: Calendar, bin: number, say: Say): string {
  const day = say.dates.day(edges[bin] ?? 0);
  return unit === 'day' ? day : say.words.weekFrom(day);
}

function summaryOf(chart: Omit<Chart, 'summary'>, calendar: Calendar, say: Say): string {
  const { series, measure, goal, failed } = chart;
  const { words } = say;
  const known = [...series.entries()].flatMap(([bin, value]) => (value === undefined ? [] : [{ bin, value }]));
  const [first] = known;
  const last = known.at(-1);
  if (first === undefined || last === undefined) return words.chartNothing;
  const least = known.reduce((a, b) => (b.value < a.value ? b : a));
  const most = known.reduce((a, b) => (b.value > a.value ? b : a));
  const show = (value: number): string => (measure === 'seconds' ? say.brief(value) : say.value(value, measure));
  const above = goal === undefined ? 0 : known.filter(({ value }) => value > goal.seconds).length;
  const failures = failed.reduce((sum, count) => sum + count, 0);
  return [
    known.length === 1
      ? words.chartOne(show(first.value), binName(calendar, first.bin, say))
      : words.chartSays(show(least.value), show(most.value), binName(calendar, most.bin, say), show(last.value)),
    goal?.label,
    above > 0 && words.chartAbove(above),
    failures > 0 && words.chartFailed(failures),
  ]
    .filter((part) => typeof part === 'string')
    .join(say.lang === 'ja' ? '、' : '; ');
}
