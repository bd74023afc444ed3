import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeHeader, encodeHeader } from '../../../src/repository/age/header.ts';
import { generateIdentity } from '../../../src/repository/age/keys.ts';
import { CHUNK, open, seal, sealedSize, Sealer } from '../../../src/repository/age/payload.ts';
import { missing } from '../../support/host.ts';
import { Random } from '../../support/random.ts';
import { scratch } from '../../support/tmp.ts';

const { identity, secret } = generateIdentity();

/** Sealed in parts of these sizes, and what went in. */
function sealed(sizes: readonly number[], room = 0): { plain: Buffer; bytes: Buffer } {
  const fileKey = randomBytes(16);
  const sealer = new Sealer(encodeHeader(fileKey, [identity.recipient]), fileKey, { prove: true, room });
  const parts = sizes.map((size) => randomBytes(size));
  const plain = Buffer.concat(parts);
  for (const part of parts) {
    sealer.add(part);
    // It is not looked at again.
    part.fill(0);
  }
  return { plain, bytes: sealer.finish() };
}

const ENDS = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1, 5 * CHUNK];
const random = new Random('parts');
const CASES = [
  [],
  ...ENDS.map((size) => [size]),
  ...ENDS.flatMap((size) => [
    [1, size],
    [size, 1],
    [CHUNK, size, 0],
    [0, size, CHUNK],
    [7, CHUNK - 7, size],
  ]),
  ...Array.from({ length: 40 }, () => Array.from({ length: 1 + random.int(8) }, () => random.int(2.5 * CHUNK))),
];

test('in whatever parts bytes are sealed, the same is opened, and no byte is one too many', () => {
  for (const sizes of CASES) {
    const { plain, bytes } = sealed(sizes, random.int(2) * 4 * CHUNK);
    const { fileKey, length } = decodeHeader(bytes, [identity], 'sealed');
    assert.ok(open(fileKey, bytes.subarray(length), 'sealed').equals(plain), String(sizes));
    assert.equal(bytes.length - length, sealedSize(plain.length), String(sizes));
  }
  const fileKey = randomBytes(16);
  const whole = seal(encodeHeader(fileKey, [identity.recipient]), fileKey, Buffer.from('x'));
  assert.equal(open(fileKey, whole.subarray(decodeHeader(whole, [identity], 'whole').length), 'whole').toString(), 'x');
});

test('age opens it', { skip: missing('age') }, () => {
  const directory = scratch('payload');
  writeFileSync(join(directory, 'identity'), secret, { mode: 0o600 });
  for (const sizes of [[], [CHUNK], [CHUNK, CHUNK], [3 * CHUNK, 5], [9, CHUNK, CHUNK - 9]]) {
    const { plain, bytes } = sealed(sizes);
    const { status, stdout, stderr } = spawnSync('age', ['-d', '-i', join(directory, 'identity')], { input: bytes, maxBuffer: 1e8 });
    assert.equal(status, 0, String(stderr));
    assert.ok(stdout.equals(plain), String(sizes));
  }
});
