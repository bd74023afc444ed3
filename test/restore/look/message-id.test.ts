import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fitOf, messageIdOf, parseMessageId } from '../../../src/restore/look/message-id.ts';

const bytes = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)), minLength: 1, maxLength: 40 });
const sha = fc.stringMatching(/^[0-9a-f]{64}$/);
const place = fc.record({ store: bytes, mailbox: bytes, dir: bytes, base: bytes });

test('an id means the message that it was made of, and is safe to type', () => {
  fc.assert(
    fc.property(place, sha, (where, hash) => {
      const id = messageIdOf(where, hash);
      assert.match(id, /^[A-Za-z0-9._,:=+@/~%-]+$/);
      const wanted = parseMessageId(id);
      assert.equal(fitOf(wanted, where, hash), 'exact');
      assert.equal(wanted.mailbox, where.mailbox);
      assert.equal(fitOf(wanted, { ...where, mailbox: `${where.mailbox}x` }, hash), undefined);
      assert.equal(fitOf(wanted, where, hash.startsWith('0') ? `1${hash.slice(1)}` : `0${hash.slice(1)}`), undefined);
    }),
  );
});

test('bytes that lie elsewhere in the mailbox fit less well', () => {
  const where = { store: 'mail', mailbox: 'ann@a.example', dir: '', base: '1.mx1' };
  const hash = '9f86d081884c7d65'.repeat(4);
  const wanted = parseMessageId(messageIdOf(where, hash));
  assert.equal(fitOf(wanted, { ...where, dir: '.Sent' }, hash), 'bytes');
  assert.equal(fitOf(parseMessageId('9f86d081'), { ...where, dir: '.Sent' }, hash), 'exact');
  assert.equal(fitOf(parseMessageId('ann@a.example/9f86d081884c7d65'), where, hash), 'exact');
  assert.equal(fitOf(parseMessageId('bob@a.example/9f86d081884c7d65'), where, hash), undefined);
  assert.equal(fitOf(parseMessageId('1.mx1'), where, hash), 'exact');
  assert.equal(fitOf(parseMessageId('1.mx2'), where, hash), undefined);
});
