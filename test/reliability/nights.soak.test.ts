/** Many nights with few changes each, and two hosts that share a repository. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { listSnapshots, listSnapshotRefs, openRepository, readSnapshot } from '../../src/repository/repository.ts';
import { resolveSnapshot } from '../../src/repository/resolve.ts';
import type { Target } from '../../src/repository/target.ts';
import { Random } from '../support/random.ts';
import { rounds } from '../support/soak.ts';
import { scratch } from '../support/tmp.ts';
import { audit } from './audit.ts';
import { deliver, expunge, flag, folderPath, makeFolder, messagesOf, transfer } from './mailbox.ts';
import { compareTrees, readTree } from './tree.ts';
import { backUp, liveTree, makeWorld, restoreTo, settle, useMemory, type World } from './world.ts';

useMemory();

const USERS = ['alice@example.org', 'bob@example.org', 'carol@example.net', 'dave@example.net'];
const FOLDERS = ['INBOX', 'Sent', 'Archive'];

function fill(world: World, random: Random, messages: number): void {
  for (const user of USERS)
    for (const folder of FOLDERS) {
      makeFolder(world.mail, user, folder);
      for (let index = 0; index < messages; index++)
        deliver(world.mail, user, folder, `Subject: night\n\n${random.bytes(200 + random.int(800)).toString('base64')}`);
    }
}

/** New mail, flags, a move and an expunge, in one or two mailboxes. @returns bytes of new mail */
function day(world: World, random: Random): number {
  let delivered = 0;
  for (let visits = 1 + random.int(2); visits > 0; visits--) {
    const user = random.pick(USERS);
    const inbox = folderPath(world.mail, user, 'INBOX');
    for (let fresh = random.int(4); fresh > 0; fresh--) {
      const bytes = `Subject: night\n\n${random.bytes(200 + random.int(800)).toString('base64')}`;
      deliver(world.mail, user, 'INBOX', bytes);
      delivered += bytes.length;
    }
    const messages = messagesOf(inbox);
    if (messages.length < 8) continue;
    flag(inbox, random.pick(messages), random.pick(['S', 'FS', 'RS', '']));
    if (random.chance(0.3)) transfer(join(inbox, random.pick(messagesOf(inbox))), folderPath(world.mail, user, 'Archive'), false, true);
    if (random.chance(0.3)) expunge(inbox, random.pick(messagesOf(inbox)));
  }
  return delivered;
}

/** A target that notes which objects are read. */
function watched(target: Target, opened: Set<string>): Target {
  return {
    ...target,
    get: (path) => {
      opened.add(path);
      return target.get(path);
    },
    getRange: (path, start, end) => {
      opened.add(path);
      return target.getRange(path, start, end);
    },
  };
}

async function newest(world: World) {
  const refs = await listSnapshotRefs(world.target);
  const ref = refs.reduce((a, b) => (a.sequence > b.sequence ? a : b));
  return readSnapshot(world.target, ref);
}

test('after many nights a restore opens few objects, and they are small', { timeout: 3_600_000 }, async (t) => {
  const nights = rounds(60, 1000);
  const base = scratch('nights');
  const world = await makeWorld(join(base, 'world'));
  const random = new Random('nights');
  fill(world, random, 20);
  let stored = 0;
  const fresh = { bytes: 0 };
  for (let night = 0; night < nights; night++) {
    fresh.bytes += day(world, random);
    await settle();
    const report = await backUp(world);
    // The first one tells that this host has a signing key now.
    assert.equal(report.outcome, night === 0 ? 'warning' : 'ok');
    if (night > 0) stored += report.counts.bytesStored;
  }
  const opened = new Set<string>();
  const own = (await newest(world)).key;
  const snapshot = await resolveSnapshot(watched(world.target, opened), 'latest', { host: 'mx1', own, trust: [], findings: [] });
  const to = join(base, 'to');
  const repository = await openRepository(watched(world.target, opened));
  const report = await restoreTo(world, to, snapshot.id, { repository, snapshot });
  assert.equal(report.outcome, 'ok');
  assert.deepEqual(compareTrees(liveTree(world), readTree(to)), []);
  const metadata = [...opened].filter((path) => !path.startsWith('packs/'));
  const catalogs = snapshot.catalogs.reduce((sum, catalog) => sum + catalog.size, 0);

  // The same mail backed up for the first time shows what a catalog costs at least.
  const other = await makeWorld(join(base, 'other'));
  rmSync(other.mail, { recursive: true });
  await backUp(other, { stores: [{ name: 'mail', path: `${world.mail}/%d/%n/Maildir` }] });
  const ideal = (await newest(other)).catalogs.reduce((sum, catalog) => sum + catalog.size, 0);
  t.diagnostic(
    `${nights} nights: ${metadata.length} metadata objects, catalogs of ${catalogs} bytes (a fresh one has ${ideal}), ${snapshot.packs.length} packs, ${Math.round(fresh.bytes / nights)} bytes delivered and ${Math.round(stored / nights)} stored a night`,
  );
  assert.ok(metadata.length <= 50, `${metadata.length} metadata objects are opened`);
  assert.ok(catalogs <= 2 * ideal, `${catalogs} bytes of catalogs, and a fresh one has ${ideal}`);
  assert.ok(snapshot.packs.length <= 30, `${snapshot.packs.length} packs are needed`);
  // A message is written once, and once more for each class of sizes through which its pack grows; a snapshot and a catalog come with each night.
  assert.ok(stored <= 5 * fresh.bytes + nights * 8000, `${stored} bytes were stored for ${fresh.bytes} of new mail`);
});

test('two hosts in one repository', async () => {
  const base = scratch('two');
  const first = await makeWorld(join(base, 'one'));
  const other = await makeWorld(join(base, 'two'));
  const second: World = { ...other, target: first.target, repo: first.repo, identity: first.identity, secrets: first.secrets };
  const random = new Random('two hosts');
  fill(first, random, 3);
  fill(second, random, 3);
  const [one, two] = [{ host: 'mx1' }, { host: 'mx2' }];
  for (let night = 0; night < rounds(6, 60); night++) {
    day(first, random);
    day(second, random);
    deliver(first.mail, 'alice@example.org', 'INBOX', `both hosts ${night}\n`);
    deliver(second.mail, 'alice@example.org', 'INBOX', `both hosts ${night}\n`);
    await settle();
    await Promise.all([backUp(first, one), backUp(second, two)]);
    // One of them loses its state now and then.
    if (night % 3 === 1) rmSync(second.state, { recursive: true });
  }
  audit(first.repo, first.secrets);
  const { snapshots } = await listSnapshots(first.target);
  for (const [world, host] of [
    [first, 'mx1'],
    [second, 'mx2'],
  ] as const) {
    const latest = snapshots.findLast((snapshot) => snapshot.host === host);
    const to = join(base, host);
    await restoreTo(first, to, latest?.id);
    assert.deepEqual(compareTrees(liveTree(world), readTree(to)), []);
  }
});

test('a host that trusts another one stores nothing that the other has stored', async () => {
  const base = scratch('trust');
  const first = await makeWorld(join(base, 'one'));
  fill(first, new Random('trust'), 5);
  await settle();
  await backUp(first);
  const key = (await newest(first)).key;
  // The second host has a copy of the mail, and the dedup secret by way of an identity.
  const second: World = { ...first, state: join(base, 'state'), keys: join(base, 'keys') };
  const report = await backUp(second, { host: 'mx2', trust: [key], identities: [first.identity] });
  assert.deepEqual(audit(first.repo, first.secrets).twice, []);
  assert.ok(report.counts.bytesRead > 0);
  // And one that does not trust stores its own.
  const third: World = { ...first, state: join(base, 'state3'), keys: join(base, 'keys3') };
  await backUp(third, { host: 'mx3', identities: [first.identity] });
  assert.ok(audit(first.repo, first.secrets).twice.length > 0);
});
