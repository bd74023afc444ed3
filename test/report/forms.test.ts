import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportCsv } from '../../src/report/report/csv.ts';
import { reportDocument } from '../../src/report/report/json.ts';
import { reportJunit } from '../../src/report/report/junit.ts';
import { reportMarkdown } from '../../src/report/report/markdown.ts';
import { reportSubject } from '../../src/report/report/subject.ts';
import { reportText } from '../../src/report/report/text.ts';
import { textHelpers } from '../../src/report/text/helpers.ts';
import { columnsOf } from '../../src/report/text/width.ts';
import { wordsOf } from '../../src/report/words/index.ts';
import { finding, host, NOW, OLD, report, SILENT } from './sample.ts';

const en = textHelpers({ color: false, lang: 'en' });
const ja = textHelpers({ color: false, lang: 'ja' });
const three = report([host('mx1'), host('mx2', [OLD]), host('mx3', [SILENT], { silent: true, backup: undefined, proof: undefined })]);

test('the subject says how bad it is, and where', () => {
  const of = (...args: Parameters<typeof report>): string => reportSubject(report(...args), wordsOf('en'));
  assert.equal(reportSubject(three, wordsOf('en')), '[mailrecover] FAIL 1/3: mx3 silent');
  assert.equal(reportSubject(three, wordsOf('ja')), '[mailrecover] 異常 1/3台: mx3 応答なし');
  assert.equal(of([host('mx1')]), '[mailrecover] OK mx1');
  assert.equal(of([host('mx1'), host('mx2')]), '[mailrecover] OK 2 hosts');
  assert.equal(of([host('mx1', [OLD])]), '[mailrecover] WARN mx1: backup too old');
  assert.equal(of([host('mx1')], [finding('error', 'unreachable', 'x')]), '[mailrecover] FAIL mx1: out of reach');
  assert.equal(of([host('mx1')], [], { occasion: { kind: 'recovery', since: NOW } }), '[mailrecover] RECOVERED mx1');
  assert.equal(
    of([host('mx1', [OLD])], [], { occasion: { kind: 'reminder', since: NOW } }),
    '[mailrecover] WARN mx1: backup too old (still, since 2026-11-22)',
  );
  assert.equal(of([host('mx1')], [], { occasion: { kind: 'summary', since: undefined } }), '[mailrecover] OK mx1 (daily summary)');
});

test('a subject is one short line, whatever hosts are called', () => {
  const evil = `mx1\r\nBcc: all@example.org\u202E${'x'.repeat(200)}`;
  const subject = reportSubject(report([host(evil, [OLD])], [], { occasion: { kind: 'summary', since: undefined } }), wordsOf('en'));
  assert.ok(!/[\r\n\u202E]/.test(subject), subject);
  assert.ok(subject.length <= 110, String(subject.length));
  assert.ok(subject.endsWith('… (daily summary)'), subject);
});

test('the text begins with the verdict and what to do', () => {
  const text = reportText(three, en);
  const lines = text.split('\n');
  assert.equal(lines[0], 'FAIL  something is wrong on 1 of 3 hosts');
  assert.deepEqual(lines.slice(2, 5), [
    'What to do next',
    "  1. on mx3: is it up? ask there: 'mailrecover status'",
    "     since nothing was ever heard of host 'mx3'",
  ]);
  assert.match(text, /^ {2}FAIL {3}mx3 {3}nothing known/m);
  assert.match(text, /^ {2}OK {5}mx1/m);
  for (const line of lines) assert.ok(columnsOf(line) <= 100, line);
  const japanese = reportText(three, ja);
  assert.match(japanese, /^異常 {2}3 台中 1 台で異常があります$/m);
  assert.match(japanese, /^次に行うこと$/m);
});

test('CSV has a row a host, with quotes where they are needed', () => {
  const [head = '', ...rows] = reportCsv(report([host('mx1', [finding('error', 'a,"b', 'x')]), host('=cmd')])).split('\r\n');
  assert.match(head, /^host,level,silent,snapshot,/);
  assert.equal(rows.length, 3);
  assert.match(rows[0] ?? '', /^mx1,failed,false,.*,"a,""b"$/);
  assert.match(rows[1] ?? '', /^'=cmd,ok,/);
  assert.equal(rows[2], '');
});

test('JUnit has a case for each promise, and is XML whatever is in it', () => {
  const rubbish = finding('error', 'backup-old', 'a <b> & "c" \u0000 \u001B[31m \uFFFF', 'x > y');
  const xml = reportJunit(report([host('mx1', [rubbish, OLD]), host('mx2')]));
  assert.match(
    xml,
    /^<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuites name="mailrecover" tests="11" failures="1" errors="0" time="0">\n/,
  );
  assert.match(
    xml,
    /<testcase classname="mailrecover.mx1" name="backup" time="0">\n {6}<failure type="backup-old" message="a &lt;b&gt; &amp; &quot;c&quot; \uFFFD \uFFFD\[31m \uFFFD">/,
  );
  assert.match(xml, /<testcase classname="mailrecover.mx2" name="proof" time="0"\/>/);
  const open = xml.match(/<(?!\?|\/)[^>]*[^/]>/g)?.length;
  assert.equal(open, xml.match(/<\//g)?.length);
});

test('Markdown is not broken by what it tells', () => {
  const markdown = reportMarkdown(report([host('a|b', [finding('error', 'x', '*bold* `code` <b>\nnext', 'do | this')])]), en);
  assert.match(markdown, /^# FAIL: something is wrong$/m);
  assert.match(markdown, /\| a\\\|b \|/);
  assert.match(markdown, /\\\*bold\\\* \\`code\\` \\<b\\> next/);
});

test('the document is that of every command', () => {
  const document = reportDocument(three);
  assert.deepEqual(
    [document['schema'], document['command'], document['outcome'], document['counts']],
    ['mailrecover/1', 'report', 'failed', { hosts: 3, failed: 1, warnings: 1 }],
  );
  assert.deepEqual(JSON.parse(JSON.stringify(document['findings'])), [SILENT, OLD]);
});
