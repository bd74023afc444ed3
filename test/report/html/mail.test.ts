import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportMessage } from '../../../src/commands/report/message.ts';
import { renderMail } from '../../../src/report/report/html/mail.ts';
import { htmlProblem, visibleText } from '../../support/html.ts';
import * as samples from '../../support/reports.ts';

const { allWell, twoFailed, oneHost, oneRun, neverRan, manyHosts, damaged, hostile, HOSTILE } = samples;
const en = { lang: 'en', timeZone: 'UTC' } as const;

for (const [name, make] of Object.entries({
  allWell,
  twoFailed,
  oneHost,
  oneRun,
  neverRan,
  damaged,
  hostile,
  manyHosts: () => manyHosts(200, 30),
})) {
  test(`the mail is well-formed, short, and shows nothing from elsewhere: ${name}`, () => {
    for (const lang of ['en', 'ja'] as const) {
      const { html, pictures } = renderMail(make(), { lang, timeZone: 'Asia/Tokyo' });
      assert.equal(htmlProblem(html), undefined);
      assert.ok(Buffer.byteLength(html) < 100_000, String(Buffer.byteLength(html)));
      const shown = [...html.matchAll(/\ssrc="([^"]*)"/g)].map(([, source]) => source);
      assert.deepEqual(
        shown,
        pictures.map(({ cid }) => `cid:${cid}`),
      );
      assert.doesNotMatch(html, /\shref=|url\(|@import|<script|<link|<svg|\bfloat:|display:\s*(?:flex|grid)/);
      // What Outlook takes apart or leaves out.
      assert.doesNotMatch(html, /[";\s](?:font|padding|margin|background):[^"]/);
      for (const { alt, content, contentType } of pictures) {
        assert.ok(html.includes(`alt="${alt}"`) && alt.length > 20, alt);
        assert.equal(contentType, 'image/png');
        assert.ok(content.byteLength > 200 && content.byteLength < 60_000, String(content.byteLength));
      }
    }
  });
}

test('what counts comes first: verdict, what to do, hosts', () => {
  const text = visibleText(renderMail(twoFailed(), en).html.replace(/^[\s\S]*<body/, '<body'));
  const order = [
    '✕ Failed',
    'Something is wrong on 2 of 14 hosts',
    'What to do next',
    'mailrecover backup',
    'Hosts',
    '✕ Silent',
    'In numbers',
  ];
  const places = order.map((said) => text.indexOf(said));
  assert.ok(
    places.every((place, index) => place > (places[index - 1] ?? -1)),
    places.join(' '),
  );
});

test('strangers write text alone, and no more than has room', () => {
  const { html } = renderMail(hostile(), en);
  assert.ok(visibleText(html).includes(HOSTILE));
  assert.doesNotMatch(html, /<img src=x|<b>"/);
  const report = twoFailed();
  const finding = { severity: 'error', code: 'x', message: 'm'.repeat(50_000), hint: `do '${'h'.repeat(50_000)}'` } as const;
  const long = {
    ...report,
    by: 'b'.repeat(40_000),
    actions: Array.from({ length: 50 }, () => ({ hint: finding.hint, because: finding, host: 'h'.repeat(300) })),
  };
  assert.ok(Buffer.byteLength(renderMail(long, en).html) < 100_000);
});

test('hosts that find no room are counted, and the bad ones come first', () => {
  const report = manyHosts(400, 7);
  const { html } = renderMail(report, en);
  assert.ok(Buffer.byteLength(html) < 100_000);
  const rows = html.split('<tr valign="top"').length - 1;
  const text = visibleText(html);
  assert.ok(rows > 60, String(rows));
  assert.equal(Number(/(\d+) more hosts that are well are not listed here/.exec(text)?.[1]), 400 - rows);
  for (const { host, level } of report.hosts) if (level !== 'ok') assert.ok(text.includes(host), host);
});

test('the mail of a report has text, HTML, its pictures, and the JSON document', async () => {
  const { text, html, attachments = [] } = await reportMessage(twoFailed(), 'ja', ['admin@example.org']);
  assert.match(text, /14 台中 2 台で異常があります/);
  assert.ok(html !== undefined && htmlProblem(html) === undefined);
  const cids = [...html.matchAll(/src="cid:([^"]*)"/g)].map(([, cid]) => cid);
  assert.deepEqual(
    attachments.map(({ contentType, cid }) => [contentType, cid]),
    [...cids.map((cid) => ['image/png', cid]), ['application/json', undefined]],
  );
});
