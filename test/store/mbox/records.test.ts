import assert from 'node:assert/strict';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cutMbox } from '../../../src/store/mbox/records.ts';
import { parseFromLine } from '../../../src/store/mbox/from-line.ts';
import { scratch } from '../../support/tmp.ts';

const FROM = 'From bob@example.com Thu Nov 19 10:00:00 2026';

/** The messages that are found, and whether all parts together are the file. */
function messagesIn(text: string): string[] {
  const path = join(scratch('mbox'), 'box');
  writeFileSync(path, text, 'latin1');
  const fd = openSync(path, 'r');
  try {
    const { lengths, records } = cutMbox(fd, text.length);
    assert.equal(
      lengths.reduce((sum, length) => sum + length, 0),
      text.length,
    );
    const starts = lengths.map((_, number) => lengths.slice(0, number).reduce((sum, length) => sum + length, 0));
    return records
      .filter(({ isInternal }) => isInternal !== true)
      .map(({ parts }) => parts.map((part) => text.slice(starts[part], (starts[part] ?? 0) + (lengths[part] ?? 0))).join(''));
  } finally {
    closeSync(fd);
  }
}

test('messages begin at From lines, whose date is one', () => {
  assert.deepEqual(messagesIn(''), []);
  assert.deepEqual(messagesIn('not an mbox\n'), []);
  assert.deepEqual(messagesIn(`${FROM}\nSubject: a\n\nbody\n\n${FROM}\nSubject: b\n\nFrom here on\nFrom there\n\n`), [
    'Subject: a\n\nbody\n',
    'Subject: b\n\nFrom here on\nFrom there\n',
  ]);
  assert.deepEqual(messagesIn(`${FROM}\nSubject: a\n\n`), ['Subject: a\n']);
  assert.deepEqual(messagesIn(`${FROM}\nSubject: cut`), ['Subject: cut']);
  assert.deepEqual(messagesIn(`${FROM}\n`), ['']);
});

test('a Content-Length that leads to a message, or to the end, hides what looks like one', () => {
  const body = `quoted:\n\n${FROM}\nSubject: not mail\n`;
  const whole = `Subject: a\n\n${body}`;
  const stored = `${FROM}\nSubject: a\nContent-Length: ${body.length}\n\n${body}`;
  assert.deepEqual(messagesIn(`${stored}\n${FROM}\nSubject: b\n\nx\n\n`), [whole, 'Subject: b\n\nx\n']);
  assert.deepEqual(messagesIn(stored), [whole]);
  assert.deepEqual(messagesIn(`${stored}\n`), [whole]);
  // One that leads elsewhere says nothing.
  assert.equal(messagesIn(`${FROM}\nSubject: a\nContent-Length: 3\n\nbody\n\n${FROM}\n\n`).length, 2);
});

test("a server's own headers are no part of a message, wherever they stand", () => {
  const headers = (status: string, uid: number): string =>
    `${FROM}\nX-IMAPbase: 1795314400 0000000009 Work\n more\nSubject: a\nStatus: ${status}\nTo: b\nX-Keywords: Work   \nX-UID: ${uid}\n\nbody\n\n`;
  for (const text of [headers('RO', 7), headers('', 12345)]) assert.deepEqual(messagesIn(text), ['Subject: a\nTo: b\n\nbody\n']);
  assert.deepEqual(messagesIn(`${FROM}\nX-IMAP: 1795314400 0000000009\nSubject: internal data\n\nleave it\n\n${FROM}\nSubject: a\n\n`), [
    'Subject: a\n',
  ]);
});

test('dates of From lines', () => {
  const utc = Date.UTC(2026, 10, 19, 10, 0, 0) / 1000;
  assert.equal(parseFromLine('From a Thu Nov 19 10:00:00 2026 +0000'), utc);
  assert.equal(parseFromLine('From a Thu Nov 19 12:00:00 +0200 2026'), utc);
  assert.equal(parseFromLine('From "a b"@c Thu Nov 19 10:00:00 UTC 2026'), utc);
  assert.equal(parseFromLine('From a  Thu Nov  5 10:00 2026'), new Date(2026, 10, 5, 10, 0).getTime() / 1000);
  for (const line of [
    'From here on',
    'From a Thu Nov 39 10:00:00 2026',
    'From a Thu Foo 19 10:00:00 2026',
    'from a Thu Nov 19 10:00:00 2026',
  ])
    assert.equal(parseFromLine(line), undefined, line);
});
