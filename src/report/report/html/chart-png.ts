/**
 * Charts as pictures for mails, at twice the size that they are shown in. There is no text in them: numbers and words
 * stand around them in the mail, and once more in the alternative text. What is behind them shines through, so that they
 * fit a light and a dark mail.
 */
import type { Chart } from './chart.ts';
import { type Canvas, canvasOf, type Point } from './canvas.ts';
import { PICTURE } from './palette.ts';
import { encodePng } from './png.ts';

/** Pixels of the picture for one of the mail. */
const SCALE = 2;
/** Room above and below, so that nothing at the edges is cut in half. */
const MARGIN = 4;
const DASH = [10, 8] as const;

/** @param size in pixels of the mail */
export function chartPng(chart: Chart, size: { width: number; height: number }): Buffer {
  const canvas = canvasOf(size.width * SCALE, size.height * SCALE);
  const { series, scale, goal } = chart;
  const floor = canvas.height - MARGIN;
  const y = (value: number): number => floor - (Math.min(value, scale.top) / scale.top) * (floor - MARGIN);
  const x = (bin: number): number => ((bin + 0.5) / series.length) * canvas.width;
  for (const tick of scale.ticks)
    canvas.rect(0, Math.round(y(tick)) - 1, canvas.width, Math.round(y(tick)) + 1, PICTURE.axis, tick === 0 ? 1 : 0.35);
  const known = [...series.entries()].flatMap(([bin, value]) => (value === undefined ? [] : [{ bin, value }]));
  if (chart.shape === 'bars') {
    const half = Math.max(1, (canvas.width / series.length) * 0.36);
    for (const { bin, value } of known) {
      const over = goal !== undefined && value > goal.seconds;
      canvas.rect(x(bin) - half, Math.min(y(value), floor - 2), x(bin) + half, floor, over ? PICTURE.failed : PICTURE.bar);
      // A bar that is cut off has a gap below its end.
      if (value > scale.top) canvas.clear(x(bin) - half - 1, MARGIN + 12, x(bin) + half + 1, MARGIN + 17);
    }
  } else
    drawLine(
      canvas,
      known.map(({ bin, value }) => [x(bin), y(value)] as const),
    );
  if (goal !== undefined) {
    const at = Math.round(y(goal.seconds));
    for (let from = 0; from < canvas.width; from += DASH[0] + DASH[1]) canvas.rect(from, at - 1.5, from + DASH[0], at + 1.5, PICTURE.goal);
  }
  for (const [bin, count] of chart.failed.entries()) if (count > 0) drawCross(canvas, [x(bin), floor - 12]);
  return encodePng(canvas.pixels, canvas.width, canvas.height);
}

const MOST_DOTS = 31;

function drawLine(canvas: Canvas, points: readonly Point[]): void {
  for (const [index, point] of points.entries()) {
    const before = points[index - 1];
    if (before !== undefined) canvas.line(before, point, 4, PICTURE.bar);
  }
  if (points.length <= MOST_DOTS) for (const point of points) canvas.disc(point, 5, PICTURE.bar);
}

function drawCross(canvas: Canvas, [x, y]: Point): void {
  canvas.line([x - 6, y - 6], [x + 6, y + 6], 4, PICTURE.failed);
  canvas.line([x - 6, y + 6], [x + 6, y - 6], 4, PICTURE.failed);
}
