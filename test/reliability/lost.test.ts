/** What a backup makes of a state, a repository or keys that were lost, put back from an older copy, or damaged. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BackupOptions } from '../../src/backup/options.ts';
import type { BackupReport } from '../../src/backup/report.ts';
import { scratch } from '../support/tmp.ts';
import { audit, type Audit } from './audit.ts';
import { deliver, flag, folderPath, makeFolder, messagesOf } from './mailbox.ts';
import { backUp, copyWorld, liveTree, makeWorld, restoredTree, settle, snapshotIds, type World, useMemory } from './world.ts';
import { compareTrees } from './tree.ts';

useMemory();

const USERS = ['alice@example.org', 'bob@example.org'];

async function worldWithMail(): Promise<World> {
  const world = await makeWorld(join(scratch('lost'), 'world'));
  for (const user of USERS) {
    makeFolder(world.mail, user, 'INBOX');
    for (let index = 0; index < 5; index++) deliver(world.mail, user, 'INBOX', `To: ${user}\n\nmessage ${index}\n`);
  }
  return world;
}

function change(world: World, day: number): void {
  const inbox = folderPath(world.mail, 'alice@example.org', 'INBOX');
  deliver(world.mail, 'alice@example.org', 'INBOX', `delivered on day ${day}\n`);
  flag(inbox, messagesOf(inbox)[0] ?? '', day % 2 === 0 ? 'S' : 'FS');
  writeFileSync(join(inbox, 'dovecot-uidlist'), `3 V1 N${day}\n${'x'.repeat(day)}\n`);
}

async function nightly(world: World, options: Partial<BackupOptions> = {}): Promise<BackupReport> {
  await settle();
  return backUp(world, options);
}

/** Several nights, each with a change. */
async function nights(world: World, from: number, to: number): Promise<void> {
  for (let day = from; day <= to; day++) {
    change(world, day);
    await nightly(world);
  }
}

/** After a backup all live mail comes back. */
async function assertWhole(world: World, missing?: ReadonlySet<string>): Promise<Audit> {
  const audited = audit(world.repo, world.secrets, missing);
  assert.deepEqual(compareTrees(liveTree(world), await restoredTree(world)), []);
  return audited;
}

function stateDirectory(world: World): string {
  return join(world.state, readdirSync(world.state)[0] ?? '');
}

/** All files below a directory, as paths below it. */
function filesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(path, name)).isFile())
    .sort();
}

test('the state is lost: all is read again, nothing is stored twice', async () => {
  const world = await worldWithMail();
  await nights(world, 1, 3);
  rmSync(world.state, { recursive: true });
  const report = await nightly(world);
  assert.ok(report.counts.bytesRead > 0);
  assert.deepEqual((await assertWhole(world)).twice, []);
  change(world, 4);
  await nightly(world);
  assert.deepEqual((await assertWhole(world)).twice, []);
});

test('a run was cut off, the next one read another mailbox, and then the state is lost: nothing is stored twice', async () => {
  const world = await worldWithMail();
  await nights(world, 1, 1);
  change(world, 2);
  await settle();
  const { target } = world;
  const cutOff = {
    ...target,
    put: async (...args: Parameters<typeof target.put>) => {
      const stored = await target.put(...args);
      if (args[0].startsWith('packs/')) throw new Error('cut off');
      return stored;
    },
  };
  await assert.rejects(backUp(world, { target: cutOff }), /cut off/);
  await nightly(world, { mailboxes: ['bob@example.org'] });
  rmSync(world.state, { recursive: true });
  await nightly(world);
  assert.deepEqual((await assertWhole(world)).twice, []);
});

test('the state is lost while one mailbox is to be backed up: the snapshot holds the others all the same', async () => {
  const world = await worldWithMail();
  await nights(world, 1, 2);
  rmSync(world.state, { recursive: true });
  change(world, 3);
  await nightly(world, { mailboxes: ['alice@example.org'] });
  assert.deepEqual((await assertWhole(world)).twice, []);
});

test('the state is an older copy: nothing is stored twice, nothing that came since is forgotten', async () => {
  for (const only of [false, true]) {
    const world = await worldWithMail();
    await nights(world, 1, 2);
    cpSync(world.state, `${world.base}/older`, { recursive: true });
    deliver(world.mail, 'bob@example.org', 'INBOX', 'came since\n');
    await nights(world, 3, 6);
    rmSync(world.state, { recursive: true });
    cpSync(`${world.base}/older`, world.state, { recursive: true });
    change(world, 7);
    await nightly(world, only ? { mailboxes: ['alice@example.org'] } : {});
    assert.deepEqual((await assertWhole(world)).twice, []);
  }
});

test('each file of the state is damaged: it is noticed, and nothing wrong is written', async () => {
  const world = await worldWithMail();
  await nights(world, 1, 4);
  deliver(world.mail, 'bob@example.org', 'INBOX', 'delivered on day 1\n');
  change(world, 5);
  await settle();
  const damages: [string, (path: string) => void][] = [
    ['emptied', (path) => truncateSync(path, 0)],
    ['cut', (path) => truncateSync(path, statSync(path).size >> 1)],
    ['removed', (path) => rmSync(path)],
    ['flipped', (path) => flip(path, 0.5)],
    ['flipped at the end', (path) => flip(path, 1)],
    ['zeroed', (path) => writeFileSync(path, Buffer.alloc(statSync(path).size))],
  ];
  for (const file of filesBelow(stateDirectory(world))) {
    for (const [name, damage] of damages) {
      const copy = copyWorld(world, join(world.base, '..', 'copy'));
      damage(join(stateDirectory(copy), file));
      await withContext(`${file} ${name}`, async () => {
        await backUp(copy);
        const audited = await assertWhole(copy);
        if (!file.startsWith('tables')) assert.deepEqual(audited.twice, []);
        await backUp(copy, { deep: true });
        await assertWhole(copy);
      });
      rmSync(copy.base, { recursive: true });
    }
  }
});

function flip(path: string, where: number): void {
  const bytes = readFileSync(path);
  const at = Math.min(bytes.length - 1, Math.floor(bytes.length * where));
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

async function withContext(what: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    throw new Error(what, { cause: error });
  }
}

test('the catalogs are gone and a file of the state is damaged', async () => {
  for (const damaged of ['mailboxes', 'runs']) {
    const world = await worldWithMail();
    await nights(world, 1, 3);
    rmSync(join(world.repo, 'catalogs'), { recursive: true });
    const state = stateDirectory(world);
    for (const file of filesBelow(join(state, damaged))) truncateSync(join(state, damaged, file), 0);
    const before = await snapshotIds(world);
    await nightly(world);
    assert.equal((await snapshotIds(world)).length, before.length + 1);
    assert.deepEqual(compareTrees(liveTree(world), await restoredTree(world)), []);
  }
});

test('each object that the newest snapshot needs is deleted: the next backup stores it again', async () => {
  const world = await worldWithMail();
  await nights(world, 1, 4);
  await settle();
  for (const folder of ['packs', 'tags', 'catalogs', 'snapshots', 'hosts', 'keys']) {
    for (const file of filesBelow(join(world.repo, folder))) {
      const copy = copyWorld(world, join(world.base, '..', 'copy'));
      rmSync(join(copy.repo, folder, file));
      await withContext(`${folder}/${file} deleted`, async () => {
        await backUp(copy);
        assert.deepEqual(compareTrees(liveTree(copy), await restoredTree(copy)), []);
        const again = await backUp(copy);
        assert.equal(again.counts.bytesRead, 0);
        if (folder !== 'packs' && folder !== 'tags')
          assert.deepEqual(audit(copy.repo, copy.secrets, new Set([file.slice(3), /[0-9a-f]{64}/.exec(file)?.[0] ?? ''])).twice, []);
      });
      rmSync(copy.base, { recursive: true });
    }
  }
});

test('each object is cut short: the next backup stores it again', async () => {
  const world = await worldWithMail();
  await nights(world, 1, 3);
  await settle();
  for (const folder of ['packs', 'tags', 'catalogs']) {
    for (const file of filesBelow(join(world.repo, folder))) {
      const copy = copyWorld(world, join(world.base, '..', 'copy'));
      truncateSync(join(copy.repo, folder, file), 100);
      await withContext(`${folder}/${file} cut short`, async () => {
        await backUp(copy);
        assert.deepEqual(compareTrees(liveTree(copy), await restoredTree(copy)), []);
      });
      rmSync(copy.base, { recursive: true });
    }
  }
});

test('the repository is an older copy of itself', async () => {
  const world = await worldWithMail();
  await nights(world, 1, 2);
  cpSync(world.repo, `${world.base}/older`, { recursive: true });
  await nights(world, 3, 5);
  rmSync(world.repo, { recursive: true });
  cpSync(`${world.base}/older`, world.repo, { recursive: true });
  change(world, 6);
  await nightly(world);
  assert.deepEqual((await assertWhole(world)).twice, []);
  // Without the state as well.
  rmSync(world.state, { recursive: true });
  await nightly(world);
  assert.deepEqual((await assertWhole(world)).twice, []);
});

test('the older copy of the repository, and mail that can no longer be read where it lay', async () => {
  const world = await worldWithMail();
  await nights(world, 1, 1);
  cpSync(world.repo, `${world.base}/older`, { recursive: true });
  await nights(world, 2, 2);
  rmSync(world.repo, { recursive: true });
  cpSync(`${world.base}/older`, world.repo, { recursive: true });
  // Only bob's mailbox is looked at, and alice's needs a pack that is gone.
  await nightly(world, { mailboxes: ['bob@example.org'] });
  assert.deepEqual((await assertWhole(world)).twice, []);
});

test('the dedup secret is lost: an identity saves the upload, and without one all is stored once more', async () => {
  const world = await worldWithMail();
  await nights(world, 1, 2);
  const secret = join(world.keys, readdirSync(world.keys).find((name) => name.startsWith('dedup-')) ?? '');
  rmSync(secret);
  const other = copyWorld(world, join(world.base, '..', 'copy'));
  change(world, 3);
  await nightly(world, { identities: [world.identity] });
  assert.deepEqual((await assertWhole(world)).twice, []);
  change(other, 3);
  const report = await nightly(other);
  assert.ok(report.findings.some((finding) => finding.code === 'new-dedup-secret'));
  await assertWhole(other);
  await nights(other, 4, 5);
  await assertWhole(other);
});

test('the dedup secret and the state are lost', async () => {
  const world = await worldWithMail();
  await nights(world, 1, 2);
  rmSync(world.state, { recursive: true });
  for (const name of readdirSync(world.keys)) if (name.startsWith('dedup-')) rmSync(join(world.keys, name));
  const copy = copyWorld(world, join(world.base, '..', 'copy'));
  await nightly(world, { identities: [world.identity] });
  assert.deepEqual((await assertWhole(world)).twice, []);
  await nightly(copy);
  assert.ok((await assertWhole(copy)).twice.length > 0);
});

test('the signing key is lost: a new chain begins, and restores', async () => {
  for (const lost of [false, true]) {
    const world = await worldWithMail();
    await nights(world, 1, 2);
    const old = readdirSync(join(world.repo, 'hosts'))[0]?.slice(0, 16) ?? '';
    const key = JSON.parse(readFileSync(join(world.repo, 'hosts', `${old}.json`), 'utf8')) as { key: string };
    rmSync(join(world.keys, 'host.key'));
    if (lost) rmSync(world.state, { recursive: true });
    const report = await nightly(world, { trust: [key.key] });
    assert.ok(report.findings.some((finding) => finding.code === 'new-host-key'));
    assert.deepEqual(audit(world.repo, world.secrets).twice, []);
    assert.deepEqual(compareTrees(liveTree(world), await restoredTree(world, report.snapshot)), []);
    await nights(world, 3, 4);
    assert.deepEqual(audit(world.repo, world.secrets).twice, []);
  }
});

test('a host key that is damaged is refused, and never replaced', async () => {
  const world = await worldWithMail();
  await nights(world, 1, 1);
  truncateSync(join(world.keys, 'host.key'), 20);
  await assert.rejects(backUp(world), { name: 'MailrecoverError', code: 'key' });
});

test('two runs at once: one of them makes the snapshot', async () => {
  const world = await worldWithMail();
  await settle();
  const results = await Promise.allSettled([backUp(world), backUp(world)]);
  assert.deepEqual(results.map((result) => result.status).sort(), ['fulfilled', 'rejected']);
  const failed = results.find((result) => result.status === 'rejected');
  assert.equal((failed?.reason as { code?: string } | undefined)?.code, 'locked');
  await assertWhole(world);
});
