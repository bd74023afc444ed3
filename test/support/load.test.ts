import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { dovecot, idOf, noDovecot } from './dovecot.ts';
import { Imap } from './imap.ts';
import { imapSnapshot } from './imap-snapshot.ts';
import { Ledger } from './ledger.ts';
import { startLoad } from './load.ts';
import { writeTree } from './maildir.ts';
import { scratch } from './tmp.ts';

const USERS = ['alice@example.org', 'bob@example.org'];

test('the ledger knows what was there throughout', () => {
  const ledger = new Ledger();
  const [stays, moves, goes] = ['<stays>', '<moves>', '<goes>'].map((id) => {
    const instance = ledger.adding('u', id, 'INBOX');
    ledger.added(instance, 1);
    return instance;
  });
  const from = ledger.now();
  if (moves === undefined || goes === undefined || stays === undefined) throw new Error('three were made');
  ledger.moving(moves, 'Work');
  ledger.moved(moves, 9);
  ledger.removing(goes);
  ledger.removed(goes);
  const late = ledger.adding('u', '<late>', 'Work');
  ledger.added(late, 10);
  const to = ledger.now();
  assert.deepEqual(ledger.steady(from, to), [{ user: 'u', messageId: '<stays>', folder: 'INBOX', uid: 1 }]);
  const presence = ledger.presence('u', from, to);
  assert.deepEqual(presence.get('<stays>'), { least: 1, most: 1 });
  assert.deepEqual(presence.get('<moves>'), { least: 1, most: 2 });
  assert.deepEqual(presence.get('<goes>'), { least: 0, most: 1 });
  assert.deepEqual(presence.get('<late>'), { least: 0, most: 1 });
});

test('after a load the server holds what the ledger says', { skip: noDovecot() }, async () => {
  const root = scratch('load');
  writeTree({
    root,
    users: USERS,
    messages: 400,
    folders: ['Work', 'Archive', 'Lists'],
    owner: idOf(),
    mail: { median: 2000, sigma: 0.8 },
  });
  const server = await dovecot({ users: USERS, mail: `${root}/%d/%n/Maildir` });
  const load = await startLoad(server, { rate: 300 });
  await sleep(3000);
  await load.stop();
  for (const [operation, count] of Object.entries(load.counts)) assert.ok(count > 0, operation);
  const now = load.ledger.now();
  for (const user of USERS) {
    const state = await imapSnapshot(server, user);
    const steady = load.ledger.steady(now, now).filter((instance) => instance.user === user);
    const total = Object.values(state.folders).reduce((sum, { messages }) => sum + Object.keys(messages).length, 0);
    assert.equal(total, steady.length);
    const client = await Imap.login(server, user);
    for (const folder of Object.keys(state.folders)) {
      await client.select(folder, { readOnly: true });
      const there = [...(await client.headers('Message-ID')).values()].sort();
      assert.deepEqual(
        there,
        steady
          .filter((instance) => instance.folder === folder)
          .map(({ messageId }) => messageId)
          .sort(),
      );
    }
    await client.close();
    for (const { folder, uid } of steady) if (uid !== 0) assert.ok(state.folders[folder]?.messages[uid] !== undefined, `${folder} ${uid}`);
  }
  console.log(`# ${Math.round(load.rate())} changes a second`);
});
