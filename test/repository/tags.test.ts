import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { TAG_SIZE, tagger, tagOf } from '../../src/repository/tags.ts';

test('tags are HMAC-SHA-256, cut to 16 bytes', () => {
  for (let round = 0; round < 20; round++) {
    const secret = randomBytes(32);
    const sha = createHash('sha256').update(randomBytes(round)).digest('hex');
    const tag = Buffer.alloc(TAG_SIZE);
    tagger(secret)(sha, tag);
    assert.equal(tag.toString('hex'), tagOf(secret, sha));
  }
});
