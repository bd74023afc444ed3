import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeName, encodeName } from '../../src/repository/catalog/percent.ts';

test('names are spelled as the format wants them', () => {
  assert.equal(encodeName('1795214400.M1P2.mx1,S=5123:2,S'), '1795214400.M1P2.mx1,S=5123:2,S');
  assert.equal(encodeName('a b%\n"\xff'), 'a%20b%25%0A%22%FF');
  assert.equal(encodeName(''), '');
  assert.equal(decodeName('%C3%A9'), '\xc3\xa9');
});

test('every byte string comes back', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const name = Buffer.from(bytes).toString('latin1');
      const text = encodeName(name);
      assert.match(text, /^[A-Za-z0-9._,:=+@/~%-]*$/);
      assert.equal(decodeName(text), name);
    }),
  );
});

test('only the one spelling is decoded', () => {
  for (const text of ['%', '%4', '%zz', '%ff', '%41', 'a b', 'é', '%2E', '\n', '%FF%', 'a\0'])
    assert.equal(decodeName(text), undefined, text);
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^(%[0-9A-Fa-f]{2}|[a-c %])*$/)), (text) => {
      const name = decodeName(text);
      if (name !== undefined) assert.equal(encodeName(name), text);
    }),
  );
});
