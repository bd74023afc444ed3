import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, inflateSync } from 'node:zlib';
import { canvasOf } from '../../../src/report/report/html/canvas.ts';
import { datesIn } from '../../../src/report/report/html/dates.ts';
import { hintOf } from '../../../src/report/report/html/hint.ts';
import { escapeText, markup } from '../../../src/report/report/html/markup.ts';
import { DARK, LIGHT, PICTURE, type Theme } from '../../../src/report/report/html/palette.ts';
import { encodePng } from '../../../src/report/report/html/png.ts';
import { scaleFor } from '../../../src/report/report/html/scale.ts';
import { calendarOf, longest, oldestAge, storedPerDay } from '../../../src/report/report/html/series.ts';
import type { TrendPoint } from '../../../src/report/report/model.ts';

/** Contrast as WCAG 2.2 defines it. */
function contrast(a: string, b: string): number {
  const luminance = (colour: string): number => {
    const [r = 0, g = 0, blue = 0] = [1, 3, 5]
      .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * blue;
  };
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

test('every text can be read on everything that it stands on, in light and dark', () => {
  assert.ok(Math.abs(contrast('#ffffff', '#000000') - 21) < 1e-9);
  const themes: Record<string, Theme> = { light: LIGHT, dark: DARK };
  for (const [name, theme] of Object.entries(themes)) {
    const { page, card, inset, ink, muted, accent, levels } = theme;
    const tints = Object.values(levels).map(({ tint }) => tint);
    for (const back of [page, card, inset, ...tints])
      for (const text of [ink, muted]) assert.ok(contrast(text, back) >= 4.5, `${name} ${text} on ${back}`);
    for (const back of [page, card, inset]) assert.ok(contrast(accent, back) >= 4.5, `${name} ${accent} on ${back}`);
    for (const { ink: text, tint } of Object.values(levels))
      for (const back of [page, card, inset, tint]) assert.ok(contrast(text, back) >= 4.5, `${name} ${text} on ${back}`);
  }
  for (const colour of Object.values(PICTURE))
    for (const back of ['#ffffff', DARK.card]) assert.ok(contrast(colour, back) >= 3, `${colour} on ${back}`);
});

test('markup escapes what it is given, and shows what would steer', () => {
  assert.equal(escapeText(`<a b='c' d="e">&\`\u0000\u202E\uD800`), '&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;&#96;\uFFFD\uFFFD\uFFFD');
  const { markup: made } = markup`<p title="${'"><script>'}">${['<', markup`<b>${'&'}</b>`, 3, undefined, false]}</p>`;
  assert.equal(made, '<p title="&quot;&gt;&lt;script&gt;">&lt;<b>&amp;</b>3</p>');
});

test('hints fall into words and commands, or stay one sentence', () => {
  assert.deepEqual(hintOf("on mx1: 'mailrecover backup', then 'mailrecover schedule install'"), {
    parts: [{ text: 'on mx1:' }, { command: 'mailrecover backup' }, { text: 'then' }, { command: 'mailrecover schedule install' }],
    flows: false,
  });
  const commands = (hint: string): unknown => {
    const { parts, flows } = hintOf(hint);
    return [flows, ...parts.flatMap((part) => ('command' in part ? part.command : []))];
  };
  assert.deepEqual(commands('see what Dovecot says: doveadm who'), [false, 'doveadm who']);
  assert.deepEqual(commands("add 'system: {}' to the configuration"), [false]);
  assert.deepEqual(commands('mailrecover prune --gone K'), [false, 'mailrecover prune --gone K']);
  assert.deepEqual(commands("look at it ('mailrecover diff'); if all is well: mailrecover approve X --reason TEXT"), [
    true,
    'mailrecover diff',
    'mailrecover approve X --reason TEXT',
  ]);
  const japanese = "'mailrecover diff' で確認してください。問題がなければ mailrecover approve X --reason TEXT を実行してください";
  assert.deepEqual(commands(japanese), [true, 'mailrecover diff', 'mailrecover approve X --reason TEXT']);
});

test('axes have round numbers; what is far out is cut off, a goal never', () => {
  assert.deepEqual(scaleFor([1, 2, undefined, 87], 'count').ticks, [0, 50, 100]);
  assert.deepEqual(scaleFor([1900, 2400], 'seconds', 3600).ticks, [0, 1800, 3600, 5400]);
  assert.equal(scaleFor([40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 5000], 'bytes').top, 100);
  assert.ok(scaleFor([1, 2], 'seconds', 86_400).top >= 86_400);
  for (const series of [[], [0], [undefined]]) assert.ok(scaleFor(series, 'bytes').top > 0);
  for (const top of [0.001, 3, 59, 61, 4000, 90_000, 1e7, 1e12]) assert.ok(scaleFor([top], 'seconds').ticks.length <= 6, String(top));
});

test('days are days of the time zone, also when clocks change', () => {
  const { startOfDay } = datesIn('en', 'Europe/Berlin');
  const day = (iso: string): string => new Date(startOfDay(Date.parse(iso))).toISOString();
  assert.equal(day('2026-03-29T12:00:00Z'), '2026-03-28T23:00:00.000Z');
  assert.equal(day('2026-03-29T22:30:00Z'), '2026-03-29T22:00:00.000Z');
  assert.equal(day('2026-10-25T00:30:00Z'), '2026-10-24T22:00:00.000Z');
  assert.equal(day('2026-10-25T23:30:00Z'), '2026-10-25T23:00:00.000Z');
  assert.equal(
    new Date(datesIn('en', 'Asia/Tokyo').startOfDay(Date.parse('2026-11-22T05:00:00Z'))).toISOString(),
    '2026-11-21T15:00:00.000Z',
  );
});

const point = (time: string, bytesStored: number | undefined, ok = true): TrendPoint => ({
  time,
  command: 'backup',
  ok,
  seconds: 10,
  messages: 1,
  bytesStored,
});

test('runs become one value a day, and ages what would have been lost', () => {
  const trend = [
    point('2026-11-18T03:00:00.000Z', 100),
    point('2026-11-18T15:00:00.000Z', 50),
    point('2026-11-20T03:00:00.000Z', undefined, false),
    point('2026-11-21T03:00:00.000Z', 70),
  ];
  const period = { from: Date.parse('2026-11-19T06:00:00Z'), to: Date.parse('2026-11-21T06:00:00Z') };
  const calendar = calendarOf([trend], period, datesIn('en', 'UTC'));
  assert.equal(calendar.unit, 'day');
  assert.equal(calendar.edges.length, 5);
  assert.deepEqual(storedPerDay(trend, calendar), [150, undefined, undefined, 70]);
  assert.deepEqual(longest(trend, 'backup', calendar), [10, undefined, undefined, 10]);
  assert.deepEqual(oldestAge(trend, calendar), [12 * 3600, 33 * 3600, 57 * 3600, 60 * 3600]);
});

test('a year becomes weeks, however the clocks change', () => {
  const to = Date.parse('2026-11-21T06:00:00Z');
  const trend = Array.from({ length: 365 }, (_, index) => point(new Date(to - (364 - index) * 86_400_000 - 3_600_000).toISOString(), 700));
  const calendar = calendarOf([trend], { from: to - 7 * 86_400_000, to }, datesIn('en', 'Europe/Berlin'));
  assert.equal(calendar.unit, 'week');
  assert.ok(calendar.edges.length <= 54, String(calendar.edges.length));
  assert.deepEqual([...new Set(storedPerDay(trend, calendar))], [700]);
});

test('PNG: each chunk is as the standard wants it, and the pixels come back', () => {
  const canvas = canvasOf(5, 3);
  canvas.rect(1, 0.5, 3, 3, '#2040ff');
  canvas.disc([4.5, 1.5], 0.5, '#ff0000');
  canvas.line([0, 2.5], [5, 2.5], 1, '#00ff00');
  const png = encodePng(canvas.pixels, 5, 3);
  assert.equal(png.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n');
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    const body = png.subarray(at + 4, at + 8 + length);
    assert.equal(png.readUInt32BE(at + 8 + length), crc32(body));
    chunks.set(body.toString('latin1', 0, 4), body.subarray(4));
    at += 12 + length;
  }
  assert.deepEqual([...chunks.keys()], ['IHDR', 'IDAT', 'IEND']);
  const lines = inflateSync(chunks.get('IDAT') ?? Buffer.alloc(0));
  const pixels = new Uint8Array(5 * 3 * 4);
  for (let y = 0; y < 3; y++)
    for (let x = 0; x < 20; x++) pixels[y * 20 + x] = (lines[y * 21 + 1 + x] ?? 0) + (y === 0 ? 0 : (pixels[(y - 1) * 20 + x] ?? 0));
  assert.deepEqual(pixels, canvas.pixels);
  // Half covered, whole, untouched.
  assert.deepEqual([canvas.pixels[7], canvas.pixels[20 + 7], canvas.pixels[3]], [128, 255, 0]);
});
