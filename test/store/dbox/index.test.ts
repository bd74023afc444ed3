import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readIndex } from '../../../src/store/dbox/index-read.ts';
import { extensionData, IndexDamage, nextUid } from '../../../src/store/dbox/index-state.ts';
import { Random } from '../../support/random.ts';

const APPEND = 0x02;
const FLAGS = 0x04;
const INTRO = 0x40;
const RECORD = 0x200;
const KEYWORDS = 0x400;
const EXPUNGE_GUID = 0xed90;

function u32(...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  for (const [at, number] of numbers.entries()) bytes.writeUInt32LE(number >>> 0, at * 4);
  return bytes;
}

/** A record of a log: its size stands in seven bits a byte, each with the highest bit set. */
function entry(type: number, data: Buffer): Buffer {
  const size = (data.length + 8) >> 2;
  const head = Buffer.from([0x80 | (size >> 21), 0x80 | ((size >> 14) & 0x7f), 0x80 | ((size >> 7) & 0x7f), 0x80 | (size & 0x7f)]);
  return Buffer.concat([head, u32(type), data]);
}

function log(...entries: Buffer[]): Buffer {
  const head = Buffer.alloc(40);
  head.writeUInt8(1, 0);
  head.writeUInt16LE(40, 2);
  head.writeUInt32LE(7, 4);
  head.writeUInt32LE(1, 8);
  return Buffer.concat([head, ...entries]);
}

/** Introduces an extension by its name. */
function intro(name: string, size: number): Buffer {
  const fixed = Buffer.alloc(20);
  fixed.writeUInt32LE(0xffff_ffff, 0);
  fixed.writeUInt16LE(size, 12);
  fixed.writeUInt16LE(name.length, 18);
  return entry(INTRO, Buffer.concat([fixed, Buffer.from(name), Buffer.alloc(-name.length & 3)]));
}

const keyword = (name: string, uid: number): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(name.length, 2);
  return entry(KEYWORDS, Buffer.concat([head, Buffer.from(name), Buffer.alloc(-name.length & 3), u32(uid, uid)]));
};

const SOUND = log(
  entry(APPEND, u32(1, 0, 2, 0, 3, 8)),
  intro('mdbox', 8),
  entry(RECORD, u32(2, 77, 1795314400)),
  keyword('Work', 2),
  entry(FLAGS, Buffer.concat([u32(1, 0xffff_ffff), Buffer.from([1, 8, 0, 0])])),
  entry(EXPUNGE_GUID, Buffer.concat([u32(1), Buffer.alloc(16)])),
);

test('a log alone says what there is', () => {
  const state = readIndex({ log: SOUND });
  assert.ok(state !== undefined);
  assert.deepEqual([...state.messages.keys()], [2, 3]);
  assert.deepEqual([nextUid(state), state.messages.get(2)?.flags, state.messages.get(3)?.flags], [4, 1, 1]);
  const message = state.messages.get(2);
  assert.deepEqual([...(message?.keywords ?? [])], ['Work']);
  assert.equal(message === undefined ? undefined : extensionData(state, message, 'mdbox', 4)?.readUInt32LE(0), 77);
  assert.equal(readIndex({}), undefined);
});

test('what is being written, and what is damaged, is said to be so', () => {
  for (let length = 41; length < SOUND.length; length += 5) {
    try {
      readIndex({ log: SOUND.subarray(0, length) });
    } catch (error) {
      assert.ok(error instanceof IndexDamage, String(error));
    }
  }
  assert.throws(() => readIndex({ log: Buffer.concat([SOUND, Buffer.alloc(12)]) }), IndexDamage);
  assert.throws(() => readIndex({ log: Buffer.alloc(100, 'x') }), IndexDamage);
  assert.throws(() => readIndex({ index: Buffer.alloc(200, 'x'), log: SOUND }), IndexDamage);
});

test('rubbish is damage, never another error', () => {
  const random = new Random('rubbish');
  for (let round = 0; round < 2000; round++) {
    const bytes = Buffer.from(SOUND);
    for (let turns = 1 + random.int(8); turns > 0; turns--) bytes[40 + random.int(bytes.length - 40)] = random.int(256);
    try {
      readIndex({ log: bytes });
    } catch (error) {
      assert.ok(error instanceof IndexDamage, String(error));
    }
  }
});
