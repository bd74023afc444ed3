/** Reading threads beside the main one, which helps while it has nothing to list: all is stored, and nothing twice. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Random } from '../support/random.ts';
import { scratch } from '../support/tmp.ts';
import { audit } from './audit.ts';
import { deliver, makeFolder } from './mailbox.ts';
import { backUp, liveTree, makeWorld, restoredTree, settle, useMemory } from './world.ts';

useMemory();

test('many mailboxes with new mail, the same mail among them', async () => {
  const world = await makeWorld(join(scratch('threads'), 'w'));
  const random = new Random('threads');
  const users = Array.from({ length: 16 }, (_, number) => `user${number}@example.org`);
  for (const user of users) {
    makeFolder(world.mail, user, 'INBOX');
    deliver(world.mail, user, 'INBOX', `Subject: ${user}\n\nfirst\n`);
  }
  await settle();
  await backUp(world, { threads: 2 });

  const shared = Array.from({ length: 20 }, (_, number) => `Subject: to all, ${number}\n\n${random.bytes(3000).toString('base64')}\n`);
  for (const user of users) {
    for (const text of shared) deliver(world.mail, user, 'INBOX', text);
    for (let number = 0; number < 40; number++)
      deliver(world.mail, user, 'INBOX', `Subject: to ${user}, ${number}\n\n${random.bytes(2000).toString('base64')}\n`);
  }
  await settle();
  const { counts } = await backUp(world, { threads: 2 });
  assert.equal(counts.newMessages, users.length * 60);
  assert.deepEqual(await restoredTree(world), liveTree(world));
  assert.deepEqual(audit(world.repo, world.secrets).twice, []);
  await settle();
  assert.ok((await backUp(world, { threads: 2, deep: true })).counts.bytesStored < 3000, 'it is all known now');
});
