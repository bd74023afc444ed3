import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { renderPage } from '../../../src/report/report/html/page.ts';
import { htmlProblem, visibleText } from '../../support/html.ts';
import * as samples from '../../support/reports.ts';

const { allWell, twoFailed, oneHost, oneRun, neverRan, manyHosts, damaged, hostile, HOSTILE } = samples;
const ALL = { allWell, twoFailed, oneHost, oneRun, neverRan, damaged, hostile };
const en = { lang: 'en', timeZone: 'UTC' } as const;

for (const [name, make] of Object.entries(ALL)) {
  test(`the page is well-formed and asks for nothing: ${name}`, () => {
    for (const lang of ['en', 'ja'] as const) {
      const page = renderPage(make(), { lang, timeZone: 'Asia/Tokyo' });
      assert.equal(htmlProblem(page), undefined);
      assert.ok(page.includes(`<html lang="${lang}">`));
      // Links lead within the page; nothing names another place, in markup, styles or script.
      for (const [, target = ''] of page.matchAll(/\s(?:href|src|action|data|poster|srcset)="([^"]*)"/g)) assert.match(target, /^#/);
      assert.doesNotMatch(page, /url\(|@import|https?:\/\/|\sstyle="|\son\w+="/);
    }
  });
}

test('its policy allows its own style sheet and script alone', () => {
  const page = renderPage(twoFailed(), en);
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? '';
  const plain = policy.replaceAll('&#39;', "'");
  for (const name of ['style', 'script']) {
    const body = new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(page)?.[1] ?? '';
    assert.ok(plain.includes(`${name}-src 'sha256-${createHash('sha256').update(body).digest('base64')}'`), name);
  }
  assert.match(plain, /^default-src 'none';/);
});

test('what strangers wrote is text', () => {
  const page = renderPage(hostile(), en);
  assert.equal([...page.matchAll(/<script/g)].length, 1);
  assert.doesNotMatch(page, /<img|<\/script><script>/);
  assert.ok(visibleText(page).includes(HOSTILE));
});

test('the verdict, what to do, and every host stand in it, in that order', () => {
  const text = visibleText(renderPage(twoFailed(), en));
  const places = ['Something is wrong on 2 of 14 hosts', 'What to do next', 'mailrecover history', 'In numbers', 'Each host'].map((said) =>
    text.indexOf(said),
  );
  assert.ok(
    places.every((place, index) => place > (places[index - 1] ?? -1)),
    places.join(' '),
  );
  for (const { host } of twoFailed().hosts) assert.ok(text.includes(host));
  assert.match(text, /Silent/);
});

test('a status is a word beside its sign', () => {
  const page = renderPage(twoFailed(), en);
  for (const [, after = ''] of page.matchAll(
    /<span class="badge \w+"><svg[^>]*><use[^>]*><\/use><\/svg>|<span class="badge \w+"><svg[^>]*><use href="#sign-\w+"\/><\/svg>([^<]*)/g,
  ))
    assert.match(after, /\w/);
});

test('charts say in words what they draw, and have a tooltip for each value', () => {
  const page = renderPage(oneHost(), en);
  const charts = [...page.matchAll(/<svg role="img" aria-label="([^"]*)"/g)]
    .map(([, label]) => label ?? '')
    .filter((label) => label.includes('least'));
  assert.equal(charts.length, 4);
  assert.match(
    charts[0] ?? '',
    /^Stored per day, average of each week: least [\d.]+ MB, most [\d.]+ MB \(week from \d+ \w+\), latest [\d.]+ MB$/,
  );
  assert.match(charts[2] ?? '', /RTO goal 1 hr/);
  assert.ok([...page.matchAll(/<title>[^<]*: [\d.]+ MB<\/title>/g)].length >= 50);
});

test('two hundred hosts with a year each stay a page that opens', () => {
  const page = renderPage(manyHosts(), en);
  assert.equal(htmlProblem(page), undefined);
  assert.ok(Buffer.byteLength(page) < 8_000_000, String(Buffer.byteLength(page)));
  assert.equal([...page.matchAll(/<details class="host [a-z]+" id=/g)].length, 200);
});

test('of ten thousand runs the failed ones are listed, and it is said how many are not', () => {
  const report = allWell();
  const [first] = report.hosts;
  assert.ok(first !== undefined);
  const [sample] = first.runs;
  assert.ok(sample !== undefined);
  const runs = Array.from({ length: 10_000 }, (_, index) => ({
    ...sample,
    id: String(index),
    state: index === 9000 ? 'failed' : 'ok',
    error: index === 9000 ? 'the one that failed' : undefined,
  }));
  const page = renderPage({ ...report, hosts: [{ ...first, runs }, ...report.hosts.slice(1)] }, en);
  const text = visibleText(page);
  assert.ok(text.includes('the one that failed'));
  assert.match(text, /and 9,\d\d\d more runs: mailrecover history --host archive\.example\.org/);
});

test('Japanese: all of the page, with messages that nobody translated marked as English', () => {
  const page = renderPage(twoFailed(), { lang: 'ja', timeZone: 'Asia/Tokyo' });
  const text = visibleText(page.replace(/<(span|div class="hint") lang="en">[\s\S]*?<\/\1>/g, ''));
  for (const said of ['14 台中 2 台で異常があります', '次に行うこと', 'ホスト一覧', '期間中の実行履歴', 'RTO 目標 1 時間'])
    assert.ok(text.includes(said), said);
  assert.doesNotMatch(text, /\b(goal|Failed|Newest|least|hosts)\b/);
});

test('why it was made stands below the verdict', () => {
  const report = twoFailed();
  const run = report.hosts.flatMap(({ failures }) => failures)[0];
  assert.ok(run !== undefined);
  const text = visibleText(renderPage({ ...report, run, occasion: { kind: 'reminder', since: '2026-11-19T03:00:00.000Z' } }, en));
  assert.match(text, /You were told before; this has lasted since 19 Nov 2026, 03:00\./);
  assert.match(text, /Occasion: 'backup' on mx3\.example\.org, failed: sftp server/);
});

test('the same trouble of several hosts is told once, with their names', () => {
  const report = manyHosts(200, 3);
  for (const lang of ['en', 'ja'] as const) {
    const page = renderPage(report, { lang, timeZone: 'UTC' });
    assert.equal([...page.matchAll(/<li class="(?:failed|warning)"><p class="because">/g)].length, 3);
    const [, named = ''] = /<p class="likewise">([^<]*)<\/p>/.exec(page) ?? [];
    assert.ok(named.includes('mail-073.region-2.example.org'), named);
  }
});
