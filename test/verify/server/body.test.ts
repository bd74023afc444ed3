import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { BodyComparison, toWire } from '../../../src/verify/server/body.ts';
import { scratch } from '../../support/tmp.ts';

/** The rule once more, the slow and plain way. */
const plainWire = (bytes: Buffer): Buffer =>
  Buffer.from(
    bytes
      .toString('latin1')
      .replace(/(?<!\r)\n/g, '\r\n')
      .replaceAll('\0', '\x80'),
    'latin1',
  );

const mailBytes = fc.array(fc.constantFrom(13, 10, 0, 65, 255), { maxLength: 300 }).map((bytes) => Buffer.from(bytes));

test('stored bytes become those that are served', () => {
  fc.assert(
    fc.property(mailBytes, (stored) => {
      const wire = Buffer.alloc(stored.length * 2);
      assert.deepEqual(wire.subarray(0, toWire(stored, stored.length, false, wire)), plainWire(stored));
    }),
  );
});

function compare(path: string, served: Buffer, chunk: number): { same: boolean; sha256: string; fileSize: number; servedSize: number } {
  const comparison = new BodyComparison({ path });
  for (let at = 0; at < served.length; at += chunk) comparison.write(served.subarray(at, at + chunk));
  comparison.end();
  return comparison.result();
}

test('exactly the stored message is the same, in whatever pieces it comes', () => {
  const path = join(scratch(), 'message');
  fc.assert(
    fc.property(
      mailBytes,
      fc.integer({ min: 1, max: 50 }),
      fc.nat(),
      fc.constantFrom('flip', 'cut', 'add', 'none'),
      (stored, chunk, where, damage) => {
        writeFileSync(path, stored);
        let served = plainWire(stored);
        if (damage === 'flip' && served.length > 0)
          served = served.with(where % served.length, (served[where % served.length] ?? 0) ^ 4) as Buffer;
        if (damage === 'cut') served = served.subarray(0, -1);
        if (damage === 'add') served = Buffer.concat([served, Buffer.from('x')]);
        const result = compare(path, Buffer.from(served), chunk);
        assert.equal(result.same, Buffer.compare(served, plainWire(stored)) === 0);
        assert.deepEqual(result, {
          same: result.same,
          sha256: createHash('sha256').update(stored).digest('hex'),
          fileSize: stored.length,
          servedSize: plainWire(stored).length,
        });
      },
    ),
  );
});

test('line ends on the border of two chunks of a large file', () => {
  const path = join(scratch(), 'message');
  for (const shift of [0, 1, 2]) {
    const stored = Buffer.alloc(3 << 18, 'x');
    for (let at = (1 << 18) - shift; at < stored.length; at += 1 << 18) stored.write('\r\n', at, 'latin1');
    writeFileSync(path, stored);
    const two = [new BodyComparison({ path }), new BodyComparison({ path })] as const;
    const served = plainWire(stored);
    // Two sessions take turns, and share their buffers.
    for (let at = 0; at < served.length; at += 70_001) for (const one of two) one.write(served.subarray(at, at + 70_001));
    for (const one of two) assert.equal(one.result().same, true);
  }
});

test('a server that stops where a chunk of the file ends has not served all of it', () => {
  const path = join(scratch(), 'message');
  for (const length of [0, 1 << 18, 2 << 18]) {
    const stored = Buffer.alloc(length + 1, 'x');
    writeFileSync(path, stored);
    assert.equal(compare(path, stored.subarray(0, length), 50_000).same, false);
    assert.equal(compare(path, stored, 50_000).same, true);
  }
});

test('a link is not followed, even where a message should lie', () => {
  const top = scratch();
  writeFileSync(join(top, 'real'), 'x');
  symlinkSync('real', join(top, 'link'));
  assert.throws(() => new BodyComparison({ path: join(top, 'link') }), { code: 'ELOOP' });
});
