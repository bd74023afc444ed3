/** A power cut after every write, fsync and rename of a backup: what was not synced is gone, or is there in part. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { localTarget } from '../../src/repository/targets/local.ts';
import { mailrecover, notBuilt } from '../support/binary.ts';
import { powerCut, readTrace, SURVIVALS } from '../support/powercut.ts';
import { rounds } from '../support/soak.ts';
import { scratch } from '../support/tmp.ts';
import { audit } from './audit.ts';
import { deliver, flag, folderPath, makeFolder, messagesOf } from './mailbox.ts';
import { compareTrees } from './tree.ts';
import { backUp, liveTree, makeWorld, restoredTree, settle, useMemory, type World } from './world.ts';

useMemory();

const USERS = ['alice@example.org', 'bob@example.org'];

/** A host whose repository, state and keys lie on the disk that loses its power, and its mail on another. */
async function hostOn(base: string, disk: string): Promise<World> {
  mkdirSync(disk, { recursive: true });
  return makeWorld(base, { repo: join(disk, 'repo'), state: join(disk, 'state'), keys: join(disk, 'etc') });
}

function onDisk(world: World, disk: string): World {
  const repo = join(disk, 'repo');
  return { ...world, repo, state: join(disk, 'state'), keys: join(disk, 'etc'), target: localTarget(repo) };
}

/** Pairs of a prefix and a way to survive it, spread evenly. */
function cuts(records: number): { until: number; survival: (typeof SURVIVALS)[number]; seed: string }[] {
  const seeds = rounds(1, 4);
  const all = Array.from({ length: records + 1 }, (_, until) =>
    SURVIVALS.flatMap((survival) =>
      Array.from({ length: survival === 'some' ? seeds : 1 }, (_each, seed) => ({ until, survival, seed: String(seed) })),
    ),
  ).flat();
  const wanted = rounds(45, all.length);
  return all.filter((_, index) => Math.floor((index * wanted) / all.length) !== Math.floor(((index - 1) * wanted) / all.length));
}

async function survives(world: World, base: string, snapshots: number): Promise<void> {
  const before = audit(world.repo, world.secrets);
  assert.ok(before.snapshots.length >= snapshots, 'a committed snapshot is gone');
  await settle();
  const report = await backUp(world);
  assert.notEqual(report.outcome, 'partial');
  const after = audit(world.repo, world.secrets);
  assert.deepEqual(after.twice, [], 'something went up twice');
  assert.deepEqual(compareTrees(liveTree({ ...world, base }), await restoredTree(world)), []);
}

suite('power cuts', { skip: notBuilt() }, () => {
  for (const [name, nights] of [
    ['during the first backup', 0],
    ['during a later backup', 2],
  ] as const) {
    test(name, async (t) => {
      const base = scratch('power');
      const disk = join(base, 'disk');
      const world = await hostOn(base, disk);
      for (const user of USERS) {
        makeFolder(world.mail, user, 'INBOX');
        for (let index = 0; index < 4; index++) deliver(world.mail, user, 'INBOX', `To: ${user}\n\n${index}\n`);
      }
      for (let night = 0; night < nights; night++) {
        await settle();
        await backUp(world);
        deliver(world.mail, 'alice@example.org', 'INBOX', `night ${night}\n`);
        const bob = folderPath(world.mail, 'bob@example.org', 'INBOX');
        flag(bob, messagesOf(bob)[0] ?? '', 'S'.repeat(night + 1));
      }
      await settle();
      cpSync(disk, join(base, 'before'), { recursive: true });
      const file = join(base, 'trace');
      const ran = await mailrecover(['--config', world.config, 'backup'], { plans: [{ do: 'trace', under: [disk], file }] });
      assert.equal(ran.code, 0, ran.stderr);
      const trace = readTrace(file);
      const tried = cuts(trace.length);
      t.diagnostic(`${tried.length} cuts, ${trace.length} steps`);
      for (const { until, survival, seed } of tried) {
        const into = join(base, 'after');
        powerCut({ trace, root: disk, baseline: join(base, 'before'), until, survival, seed, into });
        try {
          await survives(onDisk(world, into), base, until === trace.length ? nights + 1 : nights);
        } catch (error) {
          throw new Error(`after ${until} of ${trace.length} steps (${describe(trace[until - 1])}), survived: ${survival} ${seed}`, {
            cause: error,
          });
        }
        rmSync(into, { recursive: true });
      }
    });
  }
});

function describe(step: ReturnType<typeof readTrace>[number] | undefined): string {
  return step === undefined ? 'none' : `${step.op} ${step.path}${'to' in step ? ` to ${step.to}` : ''}`;
}
