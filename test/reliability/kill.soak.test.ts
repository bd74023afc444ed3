/** `kill -9` before every durable step of a backup, the first and a later one. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { mailrecover, notBuilt } from '../support/binary.ts';
import { rounds } from '../support/soak.ts';
import { scratch } from '../support/tmp.ts';
import { audit } from './audit.ts';
import { deliver, expunge, flag, folderPath, makeFolder, messagesOf, transfer } from './mailbox.ts';
import { backUp, copyWorld, liveTree, makeWorld, restoredTree, settle, type World, useMemory } from './world.ts';
import { compareTrees, readTree } from './tree.ts';

useMemory();

const USERS = ['alice@example.org', 'bob@example.org', 'carol@example.net'];

function fill(world: World): void {
  for (const user of USERS) {
    for (const folder of ['INBOX', 'Sent']) {
      makeFolder(world.mail, user, folder);
      for (let index = 0; index < 3; index++) deliver(world.mail, user, folder, `To: ${user}\n\n${folder} ${index}\n`);
    }
    deliver(world.mail, user, 'INBOX', 'To: all\n\nthe same bytes\n');
  }
}

/** A day: new mail in two mailboxes, flags, a move and an expunge. */
function change(world: World): void {
  const [alice, bob] = [folderPath(world.mail, 'alice@example.org', 'INBOX'), folderPath(world.mail, 'bob@example.org', 'INBOX')];
  deliver(world.mail, 'alice@example.org', 'INBOX', 'new today\n');
  deliver(world.mail, 'bob@example.org', 'Sent', 'also new today\n');
  const [first = '', second = '', third = ''] = messagesOf(alice);
  flag(alice, first, 'S');
  transfer(join(alice, second), folderPath(world.mail, 'alice@example.org', 'Sent'), false, true);
  expunge(alice, third);
  flag(bob, messagesOf(bob)[0] ?? '', 'FS');
}

/** Steps that a run takes, one letter each: the first of create, write, truncate, sync, rename, link, unlink, mkdir. */
async function stepsOf(world: World, base: string): Promise<string> {
  const copy = copyWorld(world, join(base, 'count'));
  const counter = join(base, 'counter');
  const ran = await mailrecover(['--config', copy.config, 'backup'], { plans: [{ do: 'kill', at: 0, under: [copy.base], counter }] });
  assert.equal(ran.code, 0, ran.stderr);
  const steps = readFileSync(counter, 'latin1');
  rmSync(copy.base, { recursive: true });
  rmSync(counter);
  return steps;
}

/** All steps in a soak; else a sample of them in which names and syncs come before plain writes. */
function chosen(steps: string, few: number): number[] {
  const all = Array.from(steps, (_, index) => index + 1);
  const wanted = rounds(few, all.length);
  if (wanted >= all.length) return all;
  const weight = (step: number): number => (/[rslum]/.test(steps[step - 1] ?? '') ? 0 : 1);
  const spread = all.map((step) => ({ step, key: ((step * 0.618_034) % 1) + weight(step) * 0.5 }));
  return spread
    .sort((a, b) => a.key - b.key)
    .slice(0, wanted)
    .map(({ step }) => step)
    .sort((a, b) => a - b);
}

async function killAt(world: World, base: string, step: number, torn: boolean): Promise<void> {
  const copy = copyWorld(world, join(base, `step-${step}`));
  const counter = join(base, `counter-${step}`);
  const ran = await mailrecover(['--config', copy.config, 'backup'], {
    plans: [{ do: 'kill', at: step, torn, under: [copy.base], counter }],
  });
  assert.equal(ran.signal, 'SIGKILL', ran.stderr);
  const before = audit(copy.repo, copy.secrets);
  assert.deepEqual(before.twice, []);
  await settle();
  const report = await backUp(copy);
  assert.deepEqual(
    report.findings.filter((finding) => finding.severity !== 'info' && finding.code !== 'new-host-key'),
    [],
  );
  const after = audit(copy.repo, copy.secrets);
  assert.deepEqual(after.twice, [], 'nothing is uploaded twice');
  assert.ok(after.snapshots.length > before.snapshots.length || before.snapshots.length > 0);
  assert.deepEqual(compareTrees(liveTree(copy), await restoredTree(copy)), []);
  // And once more, from a state that was left behind: nothing is left to do, and nothing is forgotten.
  const again = await backUp(copy);
  assert.equal(again.counts.bytesRead, 0);
  assert.deepEqual(compareTrees(liveTree(copy), await restoredTree(copy)), []);
  rmSync(copy.base, { recursive: true });
}

suite('kill -9 at every durable step', { skip: notBuilt() }, () => {
  for (const [name, later] of [
    ['of the first backup', false],
    ['of a later backup', true],
  ] as const) {
    test(name, async (t) => {
      const base = scratch('kill');
      const world = await makeWorld(join(base, 'world'));
      fill(world);
      if (later) {
        await settle();
        await backUp(world);
        change(world);
      }
      await settle();
      const steps = await stepsOf(world, base);
      const picked = chosen(steps, 6);
      t.diagnostic(`${picked.length} of ${steps.length} steps: ${steps}`);
      for (const step of picked) {
        try {
          await killAt(world, base, step, step % 2 === 0);
        } catch (error) {
          throw new Error(
            `killed before step ${step} (${steps[step - 1]}) of ${steps.length}${existsSync(join(base, `step-${step}`)) ? '' : ', removed'}`,
            { cause: error },
          );
        }
      }
    });
  }

  test('of a restore', async (t) => {
    const base = scratch('kill');
    const world = await makeWorld(join(base, 'world'));
    fill(world);
    await settle();
    await backUp(world);
    const to = join(base, 'to');
    const counter = join(base, 'counter');
    const restoreArgs = ['--config', world.config, 'restore', 'latest', '--to', to];
    const whole = await mailrecover(restoreArgs, { plans: [{ do: 'kill', at: 0, under: [to], counter }] });
    assert.equal(whole.code, 0, whole.stderr);
    const steps = readFileSync(counter, 'latin1');
    const picked = chosen(steps, 4);
    t.diagnostic(`${picked.length} of ${steps.length} steps: ${steps}`);
    for (const step of picked) {
      for (const path of [to, counter]) rmSync(path, { recursive: true });
      const ran = await mailrecover(restoreArgs, { plans: [{ do: 'kill', at: step, torn: step % 2 === 0, under: [to], counter }] });
      assert.equal(ran.signal, 'SIGKILL', ran.stderr);
      const again = await mailrecover(restoreArgs);
      assert.equal(again.code, 0, `killed before step ${step} (${steps[step - 1]}) of ${steps.length}: ${again.stderr}`);
      assert.deepEqual(compareTrees(liveTree(world), readTree(to)), []);
    }
  });
});
