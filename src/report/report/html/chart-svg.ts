/**
 * Charts as inline SVG that fills the width it is given: what has a place on the time axis stands in percent, so that
 * texts keep their size on a narrow screen, and shapes lie in an inner drawing that is stretched.
 */
import { binName, type Chart } from './chart.ts';
import { type Markup, markup, trusted } from './markup.ts';
import type { Say } from './say.ts';
import { scaleFor } from './scale.ts';
import type { Calendar, Series } from './series.ts';

const HEIGHT = 132;
/** Width of a bin in the stretched drawing. */
const BIN = 10;
/** Part of its bin that a bar leaves free at each side. */
const GAP = 1.4;
const MOST_LABELS = 5;
const MOST_DOTS = 31;

export function chartSvg(chart: Chart, calendar: Calendar, say: Say): Markup {
  const { series, scale, measure, goal, failed } = chart;
  const bins = series.length;
  const y = (value: number): number => round(HEIGHT - (Math.min(value, scale.top) / scale.top) * HEIGHT);
  const x = (bin: number): string => `${round(((bin + 0.5) / bins) * 100)}%`;
  const ticks = scale.ticks.map(
    (tick) =>
      markup`<line class="${tick === 0 ? 'base' : 'grid'}" x1="0" x2="100%" y1="${y(tick)}" y2="${y(tick)}"/><text class="yt" x="-8" y="${y(tick) + 4}">${say.tick(tick, measure, scale.top)}</text>`,
  );
  // The goal is named where fewer values pass it.
  const passing = (from: number, to: number): number => series.slice(from, to).filter((value) => isAbove(value, chart)).length;
  const side = passing(0, bins / 2) < passing(bins / 2, bins) ? 's' : 'e';
  const known = [...series.entries()].filter(([, value]) => value !== undefined);
  const dots =
    chart.shape === 'line' && known.length <= MOST_DOTS
      ? known.map(
          ([bin, value]) =>
            markup`<circle class="${isAbove(value, chart) ? 'dot over' : 'dot'}" cx="${x(bin)}" cy="${y(value ?? 0)}" r="${known.length > 24 ? 2 : 3}"/>`,
        )
      : [];
  const cut = known
    .filter(([, value]) => (value ?? 0) > scale.top)
    .map(([bin, value]) => {
      const side = bin < bins * 0.2 ? 's' : bin > bins * 0.8 ? 'e' : 'm';
      return markup`<text class="cut ${side}" x="${x(bin)}" y="-6">↑ ${measure === 'seconds' ? say.brief(value ?? 0) : say.value(value ?? 0, measure)}</text>`;
    });
  const crosses = [...failed.entries()]
    .filter(([, count]) => count > 0)
    .map(([bin]) => markup`<text class="cross" x="${x(bin)}" y="${HEIGHT - 4}">×</text>`);
  const hits = [...series.entries()].flatMap(([bin, value]) => {
    const count = failed[bin] ?? 0;
    if (value === undefined && count === 0) return [];
    const says = [
      value === undefined ? undefined : say.value(value, measure),
      count > 0 ? say.words.failedRuns(say.number(count)) : undefined,
    ];
    const title = `${binName(calendar, bin, say)}${say.words.colon}${says.filter((part) => part !== undefined).join(say.words.comma)}`;
    return [markup`<rect x="${bin * BIN}"><title>${title}</title></rect>`];
  });
  return markup`<figure class="chart"><figcaption>${chart.title}</figcaption><div class="plot"><svg role="img" aria-label="${chart.title}${say.words.colon}${chart.summary}" width="100%" height="${HEIGHT + 26}">${ticks}<svg viewBox="0 0 ${bins * BIN} ${HEIGHT}" width="100%" height="${HEIGHT}" preserveAspectRatio="none">${shapes(chart, y)}</svg>${
    goal === undefined
      ? undefined
      : markup`<line class="goal" x1="0" x2="100%" y1="${y(goal.seconds)}" y2="${y(goal.seconds)}"/><text class="goaltext ${side}" x="${side === 'e' ? 100 : 0}%" y="${y(goal.seconds) - 6}">${goal.label}</text>`
  }${dots}${crosses}${cut}${dayLabels(calendar, say)}<svg class="hits" viewBox="0 0 ${bins * BIN} ${HEIGHT}" width="100%" height="${HEIGHT}" preserveAspectRatio="none">${hits}</svg></svg></div><p class="says">${chart.summary}</p></figure>`;
}

function isAbove(value: number | undefined, { goal }: Chart): boolean {
  return goal !== undefined && (value ?? 0) > goal.seconds;
}

function shapes(chart: Chart, y: (value: number) => number): Markup {
  if (chart.shape === 'line') {
    const points = [...chart.series.entries()].flatMap(([bin, value]) => (value === undefined ? [] : [`${(bin + 0.5) * BIN} ${y(value)}`]));
    return trusted(points.length < 2 ? '' : `<path class="stroke" d="M${points.join('L')}"/>`);
  }
  const bars = (over: boolean): string =>
    [...chart.series.entries()]
      .filter(([, value]) => value !== undefined && isAbove(value, chart) === over)
      .map(([bin, value]) => {
        const top = Math.min(y(value ?? 0), HEIGHT - 1);
        return `M${round(bin * BIN + GAP)} ${HEIGHT}V${top}h${BIN - 2 * GAP}V${HEIGHT}z`;
      })
      .join('');
  const [ordinary, over] = [bars(false), bars(true)];
  return trusted(
    `${ordinary === '' ? '' : `<path class="bar" d="${ordinary}"/>`}${over === '' ? '' : `<path class="bar over" d="${over}"/>`}`,
  );
}

/** Some days along the axis, the first and the last among them. */
function dayLabels(calendar: Calendar, say: Say): Markup[] {
  const bins = calendar.edges.length - 1;
  const count = Math.min(bins, MOST_LABELS);
  const chosen = count === 1 ? [0] : Array.from({ length: count }, (_, index) => Math.round((index * (bins - 1)) / (count - 1)));
  return chosen.map((bin, index) => {
    const place = bins === 1 ? 'm' : index === 0 ? 's' : index === count - 1 ? 'e' : 'm';
    const x = place === 's' ? 0 : place === 'e' ? 100 : round(((bin + 0.5) / bins) * 100);
    const minor = index % 2 === 1 && count === MOST_LABELS ? ' minor' : '';
    return markup`<text class="xt ${place}${minor}" x="${x}%" y="${HEIGHT + 19}">${say.dates.day(place === 'e' ? calendar.until : (calendar.edges[bin] ?? 0))}</text>`;
  });
}

const SPARK = { bar: 3, gap: 1, height: 22, most: 24 } as const;

/** The last bins of a series as small bars for a table; what they say stands in the chart. */
export function spark(series: Series, label: string): Markup {
  const shown = series.slice(-SPARK.most);
  const { top } = scaleFor(shown, 'bytes');
  const step = SPARK.bar + SPARK.gap;
  const path = shown
    .map((value, bin) => {
      if (value === undefined) return '';
      const height = Math.max(1, Math.round(Math.min(1, value / top) * SPARK.height));
      return `M${bin * step} ${SPARK.height}v${-height}h${SPARK.bar}v${height}z`;
    })
    .join('');
  const width = SPARK.most * step;
  return markup`<svg class="spark" role="img" aria-label="${label}" width="${width}" height="${SPARK.height}" viewBox="${(shown.length - SPARK.most) * step} 0 ${width} ${SPARK.height}"><path d="${path}"/></svg>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
