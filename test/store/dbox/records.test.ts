import assert from 'node:assert/strict';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cutDbox } from '../../../src/store/dbox/records.ts';
import type { Pieces } from '../../../src/store/pieces.ts';
import { scratch } from '../../support/tmp.ts';

const GUID = '0123456789abcdef0123456789abcdef';

function record(body: string, metadata = `R6b0256ac\nZ${body.length.toString(16)}\nG${GUID}\nBINBOX\n`): string {
  const size = body.length.toString(16).toUpperCase().padStart(16, '0');
  return `\x01\x02N          ${size}\n${body}\n\x01\x03\n${metadata}\n`;
}

function cut(text: string): Pieces {
  const path = join(scratch('dbox'), 'm.1');
  writeFileSync(path, text, 'latin1');
  const fd = openSync(path, 'r');
  try {
    const pieces = cutDbox(fd, text.length);
    assert.equal(
      pieces.lengths.reduce((sum, length) => sum + length, 0),
      text.length,
    );
    return pieces;
  } finally {
    closeSync(fd);
  }
}

/** Bodies of the messages that are found. */
function bodies(text: string): string[] {
  const { lengths, records } = cut(text);
  return records.map(({ parts: [part = -1] }) => {
    const at = lengths.slice(0, part).reduce((sum, length) => sum + length, 0);
    return text.slice(at, at + (lengths[part] ?? 0));
  });
}

const HEAD = '2 M1e C6b0256ac\n';

test('each message is a part, with what the metadata says of it', () => {
  const text = HEAD + record('Subject: a\n\nbody\n') + record('') + record('Subject: b\n\n\x01\x02N like a header\n');
  assert.deepEqual(bodies(text), ['Subject: a\n\nbody\n', '', 'Subject: b\n\n\x01\x02N like a header\n']);
  const [first, second] = cut(text).records;
  assert.deepEqual([first?.at, first?.received, first?.guid, first?.size], [HEAD.length, 0x6b0256ac, GUID, 17]);
  assert.equal(text.startsWith('\x01\x02N', second?.at), true);
});

test('metadata of any length, and none of use', () => {
  const long = `P${'x'.repeat(20_000)}\nR10\n`;
  const { records } = cut(HEAD + record('a', long) + record('b', 'Rnonsense\nGnone\n') + record('c', ''));
  assert.deepEqual(
    records.map(({ received, guid }) => [received, guid]),
    [
      [16, ''],
      [0, ''],
      [0, ''],
    ],
  );
});

test('what is damaged, cut short or being written is kept, and is no message', () => {
  const whole = HEAD + record('one') + record('two');
  assert.deepEqual(bodies(''), []);
  assert.deepEqual(bodies('rubbish\n'.repeat(10_000)), []);
  assert.deepEqual(bodies(`1 M1e\n${record('one')}`), []);
  for (let length = HEAD.length; length < whole.length; length += 3)
    assert.ok(bodies(whole.slice(0, length)).length < 2, `${length} bytes`);
  assert.deepEqual(bodies(whole.replace('two', 'two, and more than the header says')), ['one']);
});
