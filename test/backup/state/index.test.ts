import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packsToMerge, rawOfAdopted } from '../../../src/backup/merge-packs.ts';
import { emptyIndex, type MailboxState, type PackState, StateDirectory, type StateIndex } from '../../../src/backup/state/state.ts';
import { scratch } from '../../support/tmp.ts';

function mailbox(name: string, signatures: unknown[] | undefined): MailboxState {
  return {
    mailbox: name,
    store: 'mail',
    areas: [{ area: 'mail', root: `${name}/Maildir`, path: `/srv/${name}/Maildir` }],
    ...(signatures === undefined ? {} : { signatures: JSON.stringify(signatures) }),
    file: `${name.length}-0`,
    check: 7,
    counts: { folders: 1, messages: 2, bytes: 3 },
  };
}

test('the index comes back as it was kept, whatever names hold, and a damaged one is not believed', () => {
  const state = new StateDirectory(scratch('state'));
  const odd = 'a\tb\n"\\\u0001\xe4\xff@example.org';
  const index: StateIndex = {
    ...emptyIndex('r1'),
    snapshot: 'abc',
    sequence: 3,
    mailboxes: [
      mailbox('alice@example.org', [
        [0, '', 1, 2, 3],
        [0, odd, 4, 5, 6, 7],
      ]),
      mailbox(odd, []),
      mailbox('bob@example.org', undefined),
      { ...mailbox('account', undefined), imap: { of: 'me@there:993', folders: {}, subscribed: ['W\u00f6rk \u65e5\u672c'] } },
    ],
  };
  state.save(index);
  assert.deepEqual(state.load('r1'), index);
  assert.equal(state.load('r2'), undefined);
  state.save({ ...index, mailboxes: [] });
  assert.deepEqual(state.load('r1')?.mailboxes, []);
  state.save(index);
  const path = join(state.path, 'index.json');
  const bytes = readFileSync(path);
  for (const at of [0, Math.floor(bytes.length / 2), bytes.length - 2]) {
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    writeFileSync(path, damaged);
    assert.equal(state.load('r1'), undefined, String(at));
  }
  for (const length of [0, 1, Math.floor(bytes.length / 2), bytes.length - 1]) {
    writeFileSync(path, bytes.subarray(0, length));
    assert.ok(length === bytes.length - 1 || state.load('r1') === undefined, String(length));
  }
});

test('full packs that are known by their tags alone are not written anew; small ones are', () => {
  const packs = (size: number): PackState[] =>
    Array.from({ length: 20 }, (_, number) => ({
      name: String(number),
      size,
      raw: rawOfAdopted(size),
      live: 5,
      tags: { name: 't', size: 1 },
      mailboxes: ['a'],
    }));
  assert.equal(packsToMerge({ ...emptyIndex('r'), packs: packs(4_500_000) }).size, 0);
  assert.equal(packsToMerge({ ...emptyIndex('r'), packs: packs(30_000) }).size, 20);
});
