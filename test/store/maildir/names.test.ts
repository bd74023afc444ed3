import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MailrecoverError } from '../../../src/errors/error.ts';
import { baseName, flagsPart, isMessageName, percentDecode, percentDecodeBuffer, percentEncode } from '../../../src/store/maildir/names.ts';

test('percent-encoding spells bytes as the format wants them', () => {
  assert.equal(percentEncode('1795214400.M1P2.mx1,S=5123:2,S'), '1795214400.M1P2.mx1,S=5123:2,S');
  assert.equal(percentEncode('a b%\n"\xff'), 'a%20b%25%0A%22%FF');
  assert.equal(percentEncode(Buffer.from('é/~+@-_')), '%C3%A9/~+@-_');
  assert.equal(percentEncode(''), '');
  assert.deepEqual(percentDecodeBuffer('%C3%A9'), Buffer.from('é'));
  assert.throws(
    () => percentEncode('\u3042'),
    (error) => error instanceof MailrecoverError && error.code === 'bug',
  );
});

test('every byte string comes back', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = percentEncode(Buffer.from(bytes));
      assert.match(text, /^[A-Za-z0-9._,:=+@/~%-]*$/);
      assert.deepEqual(percentDecodeBuffer(text), Buffer.from(bytes));
      assert.equal(percentEncode(percentDecode(text)), text);
    }),
  );
});

test('only the canonical spelling is decoded', () => {
  for (const text of ['%', '%4', '%zz', '%ff', '%41', 'a b', 'é', '%2E', '\n', '%FF%', 'a\0']) {
    assert.throws(
      () => percentDecode(text),
      (error) => error instanceof MailrecoverError && error.code === 'damage',
      text,
    );
  }
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^(%[0-9A-Fa-f]{2}|[a-c %])*$/)), (text) => {
      try {
        assert.equal(percentEncode(percentDecode(text)), text);
      } catch (error) {
        assert.ok(error instanceof MailrecoverError && error.code === 'damage');
      }
    }),
  );
});

test('base name and flags part meet at the first colon', () => {
  assert.deepEqual([baseName('a:2,S'), flagsPart('a:2,S')], ['a', ':2,S']);
  assert.deepEqual([baseName('a:b:2,S'), flagsPart('a:b:2,S')], ['a', ':b:2,S']);
  assert.deepEqual([baseName('a'), flagsPart('a')], ['a', '']);
  fc.assert(fc.property(fc.string(), (name) => baseName(name) + flagsPart(name) === name));
});

test('messages are what Dovecot reads as such', () => {
  for (const name of ['1', 'a:2,', 'x y', '\xff', 'lost']) assert.ok(isMessageName(name), name);
  for (const name of ['', '.', '..', '.nfs1', ':2,S']) assert.ok(!isMessageName(name), name);
});
