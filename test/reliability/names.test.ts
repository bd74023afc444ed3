/** What a new name says of a message: flags and keywords change nothing else, any other letter may. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../support/tmp.ts';
import { deliver, folderPath, makeFolder } from './mailbox.ts';
import { backUp, liveTree, makeWorld, restoredTree, settle, useMemory } from './world.ts';

useMemory();

const USER = 'alice@example.org';

test('flags and keywords cost no look at a message, a letter of another kind does, and a deep backup looks at all', async () => {
  const world = await makeWorld(join(scratch('names'), 'w'));
  makeFolder(world.mail, USER, 'INBOX');
  for (let number = 0; number < 4; number++) deliver(world.mail, USER, 'INBOX', `Subject: ${number}\n\nas it came\n`);
  await settle();
  await backUp(world);

  const inbox = folderPath(world.mail, USER, 'INBOX');
  const names = ['new', 'cur'].flatMap((where) => readdirSync(join(inbox, where)).map((name) => join(inbox, where, name))).sort();
  const renamed = names.map((path, index) => join(inbox, 'cur', `${path.replace(/^.*\/|:.*$/g, '')}:2,${['S', 'FSa', 'SZ', ''][index]}`));
  for (const [index, path] of names.entries()) {
    renameSync(path, renamed[index] ?? '');
    // Mail never changes under its name, unless somebody compresses it in place.
    if (index === 0 || index === 2) writeFileSync(renamed[index] ?? '', `Subject: ${index}\n\nas somebody made it\n`);
  }
  await settle();
  const { counts } = await backUp(world);
  assert.equal(counts.flagChanges, 4);
  assert.equal(counts.bytesRead, readFileSync(renamed[2] ?? '').length, 'only the one with a Z was read');
  assert.deepEqual([...(await restoredTree(world)).keys()].sort(), [...liveTree(world).keys()].sort());

  await settle();
  const deep = await backUp(world, { deep: true });
  assert.equal(deep.counts.bytesRead, readFileSync(renamed[0] ?? '').length);
  assert.deepEqual(await restoredTree(world), liveTree(world));
});
