/** Packs of which little is still needed: backup writes that anew from the live mail, so that prune, which has no key, can remove them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { listSnapshotRefs, readSnapshot } from '../../src/repository/repository.ts';
import { rounds } from '../support/soak.ts';
import { Random } from '../support/random.ts';
import { scratch } from '../support/tmp.ts';
import { audit } from './audit.ts';
import { deliver, expunge, folderPath, makeFolder, messagesOf } from './mailbox.ts';
import { backUp, liveTree, makeWorld, restoredTree, settle, useMemory, type World } from './world.ts';

useMemory();

const USER = 'alice@example.org';

async function packBytes(world: World): Promise<number> {
  const refs = await listSnapshotRefs(world.target);
  const { packs } = await readSnapshot(
    world.target,
    refs.reduce((a, b) => (a.sequence > b.sequence ? a : b)),
  );
  return packs.reduce((sum, { size }) => sum + size, 0);
}

function fill(world: World, random: Random, count: number): void {
  for (let number = 0; number < count; number++)
    deliver(world.mail, USER, 'INBOX', `Subject: ${number}\n\n${random.bytes(2000).toString('base64')}\n`);
}

test('after most mail of a pack is gone, a backup that lists everything writes the rest anew', async () => {
  const world = await makeWorld(join(scratch('sparse'), 'w'));
  const random = new Random('sparse');
  makeFolder(world.mail, USER, 'INBOX');
  fill(world, random, 100);
  await backUp(world);
  const full = await packBytes(world);
  const inbox = folderPath(world.mail, USER, 'INBOX');
  for (const message of messagesOf(inbox).slice(0, 40)) expunge(inbox, message);
  await settle();
  await backUp(world, { deep: true });
  assert.equal(await packBytes(world), full, 'six in ten are needed still');
  for (const message of messagesOf(inbox).slice(0, 45)) expunge(inbox, message);
  await settle();
  await backUp(world);
  assert.equal(await packBytes(world), full, 'a backup that lists only what changed leaves it');
  await settle();
  const report = await backUp(world, { deep: true });
  assert.ok(report.counts.bytesRead > 0);
  assert.ok((await packBytes(world)) < full / 4);
  assert.deepEqual(await restoredTree(world), liveTree(world));
  audit(world.repo, world.secrets);
  await settle();
  assert.equal((await backUp(world, { deep: true })).counts.bytesStored < 3000, true, 'it is done once');
});

test('with mail that comes and goes, what the newest snapshot needs stays near what is live', { timeout: 3_600_000 }, async (t) => {
  const nights = rounds(20, 200);
  const worst: Record<string, number> = {};
  const written: Record<string, number> = {};
  for (const deepEvery of [0, 5]) {
    const world = await makeWorld(join(scratch('churn'), 'w'));
    const random = new Random('churn');
    makeFolder(world.mail, USER, 'INBOX');
    const inbox = folderPath(world.mail, USER, 'INBOX');
    for (let night = 1; night <= nights; night++) {
      fill(world, random, 40);
      // Most mail lives a few days, some of it for ever.
      for (const [index, message] of messagesOf(inbox).entries()) if (index % 10 !== 0 && random.chance(0.25)) expunge(inbox, message);
      await settle();
      const deep = deepEvery > 0 && night % deepEvery === 0;
      written[deepEvery] = (written[deepEvery] ?? 0) + (await backUp(world, { deep })).counts.bytesStored;
      const share = (await packBytes(world)) / (messagesOf(inbox).length * 2030);
      worst[deepEvery] = Math.max(worst[deepEvery] ?? 0, night < 10 ? 0 : share);
    }
  }
  t.diagnostic(
    `${nights} nights: packs of the newest snapshot are at most ${worst[5]?.toFixed(2)} times the live mail, and ${written[5]} bytes were stored; without writing anew ${worst[0]?.toFixed(2)} times, and ${written[0]}`,
  );
  assert.ok((worst[5] ?? 9) < 6);
});
