import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textHelpers } from '../../src/report/text/helpers.ts';
import { columnsOf, printable } from '../../src/report/text/width.ts';

const en = textHelpers({ color: false, lang: 'en' });

test('columns: wide characters take two, marks and colours none', () => {
  assert.equal(columnsOf('abc'), 3);
  assert.equal(columnsOf('受信箱'), 6);
  assert.equal(columnsOf('e\u0301'), 1);
  assert.equal(columnsOf('\u001B[31mred\u001B[39m'), 3);
});

test('tables align, also beside wide characters, and keep a row on one line', () => {
  const table = en.table(
    [
      ['受信箱', '12'],
      ['INBOX', '1,234'],
    ],
    { head: ['folder', 'messages'], right: [1] },
  );
  assert.equal(table, 'folder  messages\n受信箱        12\nINBOX      1,234');
  assert.equal(en.table([['a\nb', 'c']]), 'a b  c');
});

test('what strangers wrote can not steer the terminal', () => {
  assert.equal(printable('a\u001B]0;title\u0007b\u001B[2Jc\rd\u202Ee'), 'a\uFFFD]0;title\uFFFDb\uFFFD[2Jc\uFFFDd\uFFFDe');
  assert.equal(printable('\u001B[31mred\u001B[39m'), '\u001B[31mred\u001B[39m');
});

test('sizes, durations and times in the language asked for', () => {
  assert.deepEqual(
    [en.size(0), en.size(999), en.size(1500), en.size(32_500_000), en.size(999_999)],
    ['0 B', '999 B', '1.5 kB', '33 MB', '1 MB'],
  );
  assert.deepEqual(
    [en.duration(12), en.duration(1500), en.duration(61_000), en.duration(3_600_000)],
    ['12 ms', '1.5 secs', '1 min 1 sec', '1 hr'],
  );
  const ja = textHelpers({ color: false, lang: 'ja' });
  assert.equal(ja.duration(61_000), '1 分 1 秒');
  assert.match(ja.time('2026-11-20T12:00:00.000Z'), /^2026\/11\/\d\d/);
});
