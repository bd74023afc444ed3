/** Tables of known entries: whatever their size, and however often they are asked, each tag is found and no other. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KnownEntries, mergeTables, RECORD, writeRecord } from '../../../src/backup/content/known.ts';
import { TAG_SIZE } from '../../../src/repository/tags.ts';
import { scratch } from '../../support/tmp.ts';

function tagOf(number: number): Buffer {
  const tag = createHash('sha256').update(`entry ${number}`).digest().subarray(0, TAG_SIZE);
  // Some begin alike.
  if (number % 50 === 0) tag.writeUInt32BE(0x7fffffff, 0);
  return tag;
}

function table(count: number, first = 0): Buffer {
  const records = Buffer.alloc(count * RECORD);
  for (let at = 0; at < count; at++) writeRecord(records, at * RECORD, tagOf(first + at), (first + at) % 1000);
  return records;
}

for (const count of [1, 63, 64, 65, 1000, 400_000]) {
  test(`${count} entries`, () => {
    const path = join(scratch('known'), 'table');
    writeFileSync(path, mergeTables([table(count)]));
    const known = new KnownEntries([path], new Set([7]));
    try {
      // Some before the table is read whole, where it is small, and many after.
      for (let at = 0; at < count; at += Math.max(1, Math.floor(count / 3000))) {
        const pack = at % 1000;
        assert.equal(known.lookup(tagOf(at)), pack === 7 ? undefined : pack, String(at));
        assert.equal(known.lookup(tagOf(count + at)), undefined);
      }
    } finally {
      known.close();
    }
  });
}
