import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { renderPdf } from '../../src/report/report/pdf/render.ts';
import { initArguments, makeSetting } from '../commands/setting.ts';
import { missing } from '../support/host.ts';
import { finding, host, NOW, OLD, report, SILENT } from './sample.ts';

const setting = makeSetting(2);
const DAY = 86_400_000;
const trend = Array.from({ length: 40 }, (_, day) => ({
  time: new Date(Date.parse(NOW) - (40 - day) * DAY).toISOString(),
  command: 'backup' as const,
  ok: day % 9 !== 3,
  seconds: 300 + day,
  messages: 10,
  bytesStored: 1e6 * (day + 1),
}));
const many = report(
  [host('mx1', [], { trend }), host('mx2', [OLD], { trend }), host('mx3', [SILENT], { silent: true, backup: undefined, proof: undefined })],
  [
    finding(
      'warning',
      'room',
      'the disk of the repository is full in 12 days, on about 2026-12-04',
      'make room there, or keep fewer snapshots',
    ),
  ],
);

before(async () => {
  await setting.json(...initArguments(setting));
});

/** The text of a PDF as a reader of it finds it. */
function textIn(pdf: Buffer): string {
  const file = join(setting.root, 'shown.pdf');
  writeFileSync(file, pdf);
  const { status, stdout, stderr } = spawnSync('pdftotext', ['-layout', file, '-'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout.replace(/\s+/g, ' ');
}

test('a PDF embeds its letters, names its language and counts its pages', async () => {
  for (const lang of ['en', 'ja'] as const) {
    const { bytes, missing: lacking } = await renderPdf(many, { lang, timeZone: 'Asia/Tokyo' });
    const source = bytes.toString('latin1');
    assert.match(source, /^%PDF-1\./);
    assert.ok(source.includes(`/Lang (${lang})`), lang);
    assert.equal([...source.matchAll(/\/FontFile2 /g)].length, 2);
    assert.ok(Number(/\/Count (\d+)/.exec(source)?.[1]) >= 2);
    assert.deepEqual(lacking, []);
    // Only the letters that are used: the whole font has several megabytes.
    assert.ok(bytes.length < 300_000, String(bytes.length));
  }
});

test('its text is there to be read and searched, in both languages', { skip: missing('pdftotext') }, async () => {
  const english = textIn((await renderPdf(many, { lang: 'en', timeZone: 'UTC' })).bytes);
  assert.match(english, /Failed.*Something is wrong on 1 of 3 hosts.*What to do next.*mx3.*mailrecover status/);
  const japanese = textIn((await renderPdf(many, { lang: 'ja', timeZone: 'UTC' })).bytes);
  assert.match(japanese, /異常/);
  assert.match(japanese, /次に行うこと/);
  assert.match(japanese, /空き容量を確保するか、保持するスナップショットを減らしてください/);
});

test('letters that the font does not have are named, and a sign stands for each', async () => {
  const { missing: lacking } = await renderPdf(report([host('mx1')], [finding('warning', 'room', 'a 🙂 b\u202Ec')]), { lang: 'en' });
  assert.deepEqual(lacking, ['🙂']);
});

test('report --pdf writes it, for its owner alone', async () => {
  const file = join(setting.root, 'report.pdf');
  const { code, json } = await setting.json('report', '--pdf', file, '--lang', 'ja');
  assert.deepEqual([code, json.artifacts], [0, [{ kind: 'pdf', path: file }]]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.ok(readFileSync(file).subarray(0, 5).equals(Buffer.from('%PDF-')));
});
