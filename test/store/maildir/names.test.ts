import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { baseName, flagsPart, isMessageName } from '../../../src/store/maildir/names.ts';

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
