/** `kill -9` at the steps of a live restore and of its undo: run again, nothing is lost and nothing is there twice. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mailrecover, notBuilt } from '../support/binary.ts';
import { noDovecot } from '../support/dovecot.ts';
import { Imap } from '../support/imap.ts';
import type { Plan } from '../support/preload/plan.ts';
import { rounds } from '../support/soak.ts';
import { ALICE, asides, complaints, contents, liveWorld, text } from './live-world.ts';

const skip = noDovecot() || notBuilt();
const DAY = Date.UTC(2020, 0, 1);

/** All steps in a soak; else some, spread evenly. */
function chosen(steps: number, few: number): number[] {
  const wanted = Math.min(steps, rounds(few, steps));
  return Array.from({ length: wanted }, (_, index) => 1 + Math.floor(((index + 0.5) * steps) / wanted));
}

for (const way of ['missing', 'folder', 'replace'] as const) {
  test(`killed while it restores by way of '${way}', and while that is undone`, { skip }, async (t) => {
    const live = await liveWorld();
    const { server, world } = live;
    const client = await Imap.login(server, ALICE);
    await client.create('Work');
    for (let index = 1; index <= 6; index++) {
      await client.append('INBOX', text(`m-${index}`), index % 2 === 0 ? ['\\Seen', 'old'] : [], DAY + index * 1000);
      await client.append('Work', text(`work-${index}`), ['\\Flagged'], DAY + index * 1000);
    }
    await world.backup([]);
    const before = await contents(server);
    await client.select('INBOX');
    await client.expunge('1:3');
    await client.store('5', '+', ['\\Answered']);
    await client.append('INBOX', text('later'), [], DAY);
    await client.command('DELETE "Work"');
    const start = await contents(server);

    const restore = ['restore', 'latest', '--live', way, '--yes', '--identity', live.identity];
    const config = ['--config', join(world.directory, 'etc/mailrecover.yaml'), '--json'];
    const counter = join(world.directory, 'counter');
    const plans = (at: number, kind?: string): Plan[] => [
      { do: 'kill', at, torn: kind === 'w', under: [live.root, join(world.directory, 'state/live'), '/proc/self/fd'], counter },
    ];
    const run = async (args: string[], at?: number, kind?: string): Promise<void> => {
      rmSync(counter, { force: true });
      const ran = await mailrecover([...config, ...args], at === undefined ? {} : { plans: plans(at, kind) });
      if (at === undefined || at === 0) assert.equal(ran.code, 0, ran.stdout + ran.stderr);
      else assert.equal(ran.signal, 'SIGKILL', `${ran.code} ${ran.stdout} ${ran.stderr}`);
    };
    const restored = async (): Promise<Record<string, string[]>> => {
      const all = await contents(server);
      // The date in the name is of no matter.
      return Object.fromEntries(Object.entries(all).map(([folder, lines]) => [folder.replace(/\/\d{4}-\d\d-\d\d\//, '/'), lines]));
    };
    const expected = async (): Promise<Record<string, string[]>> => {
      if (way === 'replace') return before;
      if (way === 'folder') return { ...start, 'Restored/INBOX': before['INBOX'] ?? [], 'Restored/Work': before['Work'] ?? [] };
      const lost = (before['INBOX'] ?? []).filter((line) => start['INBOX']?.includes(line) !== true && !/Answered/.test(line));
      const back = lost.filter((line) => !line.includes(shaOf(start['INBOX']?.find((each) => each.includes('Answered')) ?? 'none')));
      return { INBOX: [...(start['INBOX'] ?? []), ...back].sort(), Work: before['Work'] ?? [] };
    };
    const shaOf = (line: string): string => line.split(' ')[0] ?? '';
    const goal = await expected();

    await run(restore, 0);
    const steps = readFileSync(counter, 'latin1');
    assert.deepEqual(await restored(), goal);
    await run(['undo', '--yes'], 0);
    const undoSteps = readFileSync(counter, 'latin1');
    assert.deepEqual(await contents(server), start);
    t.diagnostic(`${steps.length} steps (${steps}), ${undoSteps.length} to undo (${undoSteps})`);

    for (const step of chosen(steps.length, 1)) {
      await t.test(`before step ${step} of ${steps.length} (${steps[step - 1]})`, async () => {
        await run(restore, step, steps[step - 1]);
        await run(restore);
        assert.deepEqual(await restored(), goal);
        if (way !== 'folder') {
          await run(restore);
          assert.deepEqual(await restored(), goal);
        }
        await run(['undo', '--yes']);
        assert.deepEqual(await contents(server), start);
        assert.deepEqual(asides(live), []);
      });
    }
    for (const errno of ['ENOSPC', 'EIO'] as const) {
      for (const step of chosen(steps.length, way === 'replace' ? 1 : 0)) {
        await t.test(`${errno} at step ${step} of ${steps.length} (${steps[step - 1]})`, async () => {
          for (const left of [counter, `${counter}.failed`]) rmSync(left, { force: true });
          const under = [live.root, join(world.directory, 'state/live'), '/proc/self/fd'];
          const failed = await mailrecover([...config, ...restore], {
            plans: [{ do: 'fail', at: step, errno, forever: true, under, counter }],
          });
          // What fails may be of no matter, such as removing what is of no more use.
          assert.ok(failed.code === 0 || failed.code === 1, `${failed.code} ${failed.stdout}`);
          if (failed.code === 0 && way === 'folder') {
            await run(['undo', '--yes']);
            return;
          }
          await run(restore);
          assert.deepEqual(await restored(), goal);
          await run(['undo', '--yes']);
          assert.deepEqual(await contents(server), start);
          assert.deepEqual(asides(live), []);
        });
      }
    }
    // Killed, and undone rather than finished.
    for (const step of chosen(steps.length, way === 'folder' ? 1 : 0)) {
      await t.test(`given up before step ${step} of ${steps.length} (${steps[step - 1]})`, async () => {
        await run(restore, step, steps[step - 1]);
        const ran = await mailrecover([...config, 'undo', '--yes']);
        // A run that was killed before its plan was written has done nothing.
        assert.ok(ran.code === 0 || ran.code === 2, ran.stdout);
        assert.deepEqual(await contents(server), start);
      });
    }
    for (const step of chosen(undoSteps.length, 1)) {
      await t.test(`undo, before step ${step} of ${undoSteps.length} (${undoSteps[step - 1]})`, async () => {
        await run(restore);
        await run(['undo', '--yes'], step, undoSteps[step - 1]);
        const ran = await mailrecover([...config, 'undo', '--yes']);
        assert.ok(ran.code === 0 || ran.code === 2, ran.stdout);
        assert.deepEqual(await contents(server), start);
        assert.deepEqual(asides(live), []);
      });
    }
    assert.deepEqual(complaints(server), []);
    await client.close();
  });
}
