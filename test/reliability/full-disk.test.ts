/** Disks that are full, or fill up, under the repository, the local state or a restore. */
import assert from 'node:assert/strict';
import { closeSync, existsSync, ftruncateSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { mailrecover, mailrecoverJson, notBuilt, type Document } from '../support/binary.ts';
import { noMount, smallDisk } from '../support/disk.ts';
import { Random } from '../support/random.ts';
import { scratch } from '../support/tmp.ts';
import { audit } from './audit.ts';
import { deliver, folderPath, makeFolder, messagesOf } from './mailbox.ts';
import { compareTrees, readTree } from './tree.ts';
import { liveTree, makeWorld, restoredTree, settle, type World } from './world.ts';

const USERS = ['alice@example.org', 'bob@example.org'];

/** Mail that does not compress: two mailboxes, `messages` of 20 KB each. */
function fill(world: World, messages: number): void {
  const random = new Random(`${messages} messages`);
  for (const user of USERS) {
    makeFolder(world.mail, user, 'INBOX');
    for (let index = 0; index < messages; index++) deliver(world.mail, user, 'INBOX', random.bytes(20_000).toString('latin1'));
  }
}

/** Leaves so many bytes of a disk free; gives them back when it is called. */
function occupy(disk: string, leave: number): () => void {
  const path = join(disk, 'occupied');
  const file = openSync(path, 'w');
  let size = 0;
  for (const block of [1 << 20, 4096, 512]) {
    try {
      for (;;) size += writeSync(file, Buffer.alloc(block));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    }
  }
  ftruncateSync(file, Math.max(0, size - leave));
  closeSync(file);
  return () => rmSync(path);
}

function errorOf(document: Document): { code: string; message: string; hint?: string } {
  return document['error'] as { code: string; message: string; hint?: string };
}

async function assertRefused(world: World, args: string[]): Promise<void> {
  const document = await mailrecoverJson(['--config', world.config, ...args], { expect: 1 });
  const error = errorOf(document);
  assert.equal(error.code, 'no-space', error.message);
  assert.ok(error.hint !== undefined && error.hint !== '');
}

suite('full disks', { skip: noMount() || notBuilt() }, () => {
  test('a repository on a disk that fills up, first and later', async () => {
    const disk = smallDisk(16);
    const world = await makeWorld(join(scratch('full'), 'world'), { repo: join(disk, 'repo') });
    fill(world, 20);
    for (const leave of [0, 9000, 300_000]) {
      const release = occupy(disk, leave);
      await settle();
      await assertRefused(world, ['backup']);
      audit(world.repo, world.secrets);
      assert.deepEqual(leftBehind(world.repo), [], 'no unfinished writes stay');
      release();
    }
    await mailrecoverJson(['--config', world.config, 'backup']);
    assert.deepEqual(audit(world.repo, world.secrets).twice, []);
    assert.deepEqual(compareTrees(liveTree(world), await restoredTree(world)), []);

    const before = audit(world.repo, world.secrets).snapshots.length;
    fill(world, 10);
    await settle();
    const release = occupy(disk, 100_000);
    await assertRefused(world, ['backup']);
    assert.equal(audit(world.repo, world.secrets).snapshots.length, before);
    release();
    await mailrecoverJson(['--config', world.config, 'backup']);
    assert.deepEqual(audit(world.repo, world.secrets).twice, []);
    assert.deepEqual(compareTrees(liveTree(world), await restoredTree(world)), []);
  });

  test('a local state on a disk that fills up', async () => {
    const disk = smallDisk(8);
    const world = await makeWorld(join(scratch('full'), 'world'), { state: join(disk, 'state') });
    fill(world, 5);
    for (const leave of [0, 4096, 20_000]) {
      const release = occupy(disk, leave);
      await settle();
      const ran = await mailrecover(['--config', world.config, '--json', 'backup']);
      // It may just have been enough; else it says so.
      if (ran.code !== 0) assert.equal(errorOf(ran.json()).code, 'no-space', ran.stdout);
      audit(world.repo, world.secrets);
      release();
    }
    await mailrecoverJson(['--config', world.config, 'backup']);
    assert.deepEqual(audit(world.repo, world.secrets).twice, []);
    assert.deepEqual(compareTrees(liveTree(world), await restoredTree(world)), []);
  });

  test('a restore onto a disk without room says so before it writes, and one that filled up meanwhile goes on', async () => {
    const disk = smallDisk(8);
    const world = await makeWorld(join(scratch('full'), 'world'));
    fill(world, 20);
    await settle();
    await mailrecoverJson(['--config', world.config, 'backup']);
    const to = join(disk, 'to');
    const release = occupy(disk, 400_000);
    await assertRefused(world, ['restore', 'latest', '--to', to]);
    if (existsSync(to))
      assert.deepEqual(
        readdirSync(to).filter((name) => !name.startsWith('.')),
        [],
      );
    release();

    const counter = join(world.base, 'counter');
    const full = await mailrecover(['--config', world.config, '--json', 'restore', 'latest', '--to', to], {
      plans: [{ do: 'fail', at: 60, errno: 'ENOSPC', forever: true, kinds: ['create', 'write'], under: [to], counter }],
    });
    assert.equal(full.code, 1, full.stdout);
    assert.equal(errorOf(full.json()).code, 'no-space');
    const first = messagesOf(join(to, folderPath('', 'alice@example.org', 'INBOX')));
    assert.ok(first.length > 0, 'what was restored stays');
    await mailrecoverJson(['--config', world.config, 'restore', 'latest', '--to', to]);
    assert.deepEqual(compareTrees(liveTree(world), readTree(to)), []);
  });

  test('a restore onto a disk without inodes', async () => {
    const disk = smallDisk(8, { inodes: 48 });
    const world = await makeWorld(join(scratch('full'), 'world'));
    fill(world, 40);
    await settle();
    await mailrecoverJson(['--config', world.config, 'backup']);
    await assertRefused(world, ['restore', 'latest', '--to', join(disk, 'to')]);
  });
});

function leftBehind(repo: string): string[] {
  return readdirSync(repo, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.tmp-'));
}
