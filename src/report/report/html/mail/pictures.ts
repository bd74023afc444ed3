import type { Chart } from '../chart.ts';
import { chartPng } from '../chart-png.ts';
import { type Markup, markup } from '../markup.ts';
import { LIGHT } from '../palette.ts';
import type { Say } from '../say.ts';
import type { Calendar } from '../series.ts';
import { layout, row, text, WIDTH } from './parts.ts';

export interface Picture {
  cid: string;
  filename: string;
  content: Uint8Array;
  contentType: 'image/png';
  /** The same in words. */
  alt: string;
}

/** Room for the numbers of the axis, left of a picture. */
const AXIS = 64;
const SIZE = { width: WIDTH - 48 - AXIS, height: 110 } as const;

/** A chart as a picture, with its numbers and days as text around it, so that nothing is lost where pictures are not shown. */
export function mailChart(chart: Chart, calendar: Calendar, say: Say): { picture: Picture; html: Markup } {
  const alt = `${chart.title}${say.words.colon}${chart.summary}`;
  const cid = `${chart.name}@mailrecover`;
  const picture: Picture = { cid, filename: `${chart.name}.png`, content: chartPng(chart, SIZE), contentType: 'image/png', alt };
  const { scale, measure } = chart;
  const axis = (value: number, place: 'top' | 'bottom'): Markup =>
    markup`<td class="m" width="${AXIS}" align="right" valign="${place}" style="width:${AXIS}px;padding-right:8px;font-size:11px;line-height:14px;color:${LIGHT.muted}">${say.tick(value, measure, scale.top)}</td>`;
  const day = (ms: number, side: 'left' | 'right'): Markup =>
    markup`<td class="m" align="${side}" style="font-size:11px;line-height:18px;color:${LIGHT.muted}">${say.dates.day(ms)}</td>`;
  const { width, height } = SIZE;
  const html = row(
    markup`${text(chart.title, { weight: 'bold' })}${layout(markup`<tr><td height="8" style="height:8px;font-size:1px;line-height:8px">&nbsp;</td></tr>`)}${layout(
      markup`<tr>${axis(scale.top, 'top')}<td rowspan="2"><img src="cid:${cid}" width="${width}" height="${height}" alt="${alt}" border="0" style="display:block;width:100%;max-width:${width}px;height:auto;border:0;font-size:12px;line-height:16px;color:${LIGHT.muted}"></td></tr><tr>${axis(0, 'bottom')}</tr><tr><td></td><td>${layout(
        markup`<tr>${day(calendar.edges[0] ?? 0, 'left')}${day(calendar.until, 'right')}</tr>`,
      )}</td></tr>`,
    )}${text(chart.summary, { size: 12, name: 'm' })}`,
    { top: 8, bottom: 12 },
  );
  return { picture, html };
}
