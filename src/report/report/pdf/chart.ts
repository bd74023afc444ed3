/** Charts as drawings that stay sharp in print. */
import { binName } from '../html/chart.ts';
import type { Chart } from '../html/chart.ts';
import { LIGHT } from '../html/palette.ts';
import type { Say } from '../html/say.ts';
import type { Calendar } from '../html/series.ts';
import { MARGIN, type Sheet } from './sheet.ts';

const HEIGHT = 92;
/** With its title and what stands below it. */
export const CHART_HEIGHT = HEIGHT + 76;
/** For the numbers at the axis. */
const AXIS = 58;
const MOST_DOTS = 31;

export function drawChart(sheet: Sheet, chart: Chart, calendar: Calendar, say: Say): void {
  const { doc, width } = sheet;
  sheet.room(CHART_HEIGHT);
  sheet.gap(8);
  sheet.text(chart.title, { face: 'bold' });
  sheet.text(chart.summary, { size: 8.5, color: LIGHT.muted });
  const top = doc.y + 8;
  const floor = top + HEIGHT;
  const left = MARGIN + AXIS;
  const span = width - AXIS;
  const { series, scale, goal, measure } = chart;
  const y = (value: number): number => floor - (Math.min(value, scale.top) / scale.top) * HEIGHT;
  const x = (bin: number): number => left + ((bin + 0.5) / series.length) * span;
  for (const tick of scale.ticks) {
    doc
      .moveTo(left, y(tick))
      .lineTo(left + span, y(tick))
      .lineWidth(tick === 0 ? 0.8 : 0.4)
      .strokeColor(tick === 0 ? LIGHT.muted : LIGHT.line)
      .stroke();
    label(sheet, say.tick(tick, measure, scale.top), MARGIN, y(tick) - 5, AXIS - 6, 'right');
  }
  const known = [...series.entries()].flatMap(([bin, value]) => (value === undefined ? [] : [{ bin, value }]));
  if (chart.shape === 'bars') {
    const half = Math.max(0.5, (span / series.length) * 0.36);
    for (const { bin, value } of known) {
      const over = goal !== undefined && value > goal.seconds;
      doc.rect(x(bin) - half, y(value), 2 * half, Math.max(0.5, floor - y(value))).fill(over ? LIGHT.levels.failed.ink : LIGHT.accent);
      // A bar that is cut off has a gap below its end.
      if (value > scale.top) doc.rect(x(bin) - half - 0.5, top + 6, 2 * half + 1, 2.5).fill(LIGHT.card);
    }
  } else {
    for (const [index, { bin, value }] of known.entries())
      if (index === 0) doc.moveTo(x(bin), y(value));
      else doc.lineTo(x(bin), y(value));
    if (known.length > 1) doc.lineWidth(1.4).lineJoin('round').strokeColor(LIGHT.accent).stroke();
    if (known.length <= MOST_DOTS) for (const { bin, value } of known) doc.circle(x(bin), y(value), 1.8).fill(LIGHT.accent);
  }
  if (goal !== undefined) {
    doc
      .moveTo(left, y(goal.seconds))
      .lineTo(left + span, y(goal.seconds))
      .lineWidth(1)
      .dash(4, { space: 3 });
    doc.strokeColor(LIGHT.levels.warning.ink).stroke().undash();
    label(sheet, goal.label, left, y(goal.seconds) - 11, span, 'right');
  }
  for (const [bin, count] of chart.failed.entries())
    if (count > 0) {
      const [at, middle] = [x(bin), floor - 6];
      doc
        .moveTo(at - 3, middle - 3)
        .lineTo(at + 3, middle + 3)
        .moveTo(at - 3, middle + 3)
        .lineTo(at + 3, middle - 3);
      doc.lineWidth(1.4).strokeColor(LIGHT.levels.failed.ink).stroke();
    }
  label(sheet, binName(calendar, 0, say), left, floor + 4, span / 2, 'left');
  label(sheet, binName(calendar, series.length - 1, say), left + span / 2, floor + 4, span / 2, 'right');
  doc.y = floor + 18;
}

function label({ doc }: Sheet, said: string, x: number, y: number, width: number, align: 'left' | 'right'): void {
  doc.font('plain').fontSize(7.5).fillColor(LIGHT.muted).text(said, x, y, { width, align, lineBreak: false });
}
