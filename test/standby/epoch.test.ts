import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRepository } from '../../src/repository/repository.ts';
import type { Target } from '../../src/repository/target.ts';
import { localTarget } from '../../src/repository/targets/local.ts';
import { checkWriter, claimEpoch, holdsEpoch, putStage, readEpoch, type Claim } from '../../src/standby/epoch.ts';
import { scratch } from '../support/tmp.ts';

const claimOf = (epoch: number, run: string, host = 'mx2'): Claim => ({
  epoch,
  run,
  host,
  from: host === 'mx2' ? 'mx1' : 'mx2',
  by: 'root@desk',
});
async function repository(): Promise<Target> {
  const target = localTarget(scratch('epoch'));
  await createRepository(target, { recipients: undefined, rescue: [] });
  return target;
}

const SYNC = { from: 'mx1', to: 'mx2', primary: 'mx1' };

test('of many that claim an epoch at once, one gets it, and the others are told who', async () => {
  const target = await repository();
  const all = await Promise.allSettled(Array.from({ length: 12 }, (_, run) => claimEpoch(target, claimOf(1, `run-${run}`))));
  assert.equal(all.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const each of all)
    if (each.status === 'rejected') assert.match(String(each.reason), /epoch 1 belongs to another switch, to 'mx2', which root@desk began/);
  const { open } = await readEpoch(target);
  assert.ok(open !== undefined);
  // Whoever has it may ask for it again: it was killed before it could write that down.
  await claimEpoch(target, claimOf(1, open.run));
  assert.ok(await holdsEpoch(target, claimOf(1, open.run)));
  assert.ok(!(await holdsEpoch(target, claimOf(1, 'run-x'))));
});

test('writers may write from the host that serves, and no other, and not while a switch is under way', async () => {
  const target = await repository();
  assert.equal(await checkWriter(target, SYNC), 0);
  const claim = claimOf(1, 'a');
  await claimEpoch(target, claim);
  await assert.rejects(checkWriter(target, SYNC), /a switch to 'mx2' is under way/);
  assert.equal(await checkWriter(target, { ...SYNC, run: 'a' }), 1);
  assert.ok(await putStage(target, claim, 'active'));
  await assert.rejects(checkWriter(target, { ...SYNC, run: 'a' }), /'mx2' serves since epoch 1: nothing is written from 'mx1' to 'mx2'/);
  await putStage(target, claim, 'settled');
  await assert.rejects(checkWriter(target, SYNC), { code: 'refused' });
  assert.equal(await checkWriter(target, { from: 'mx2', to: 'mx1', primary: 'mx1' }), 1);
});

test('a switch that was withdrawn changes nothing, and the next has an epoch of its own', async () => {
  const target = await repository();
  await claimEpoch(target, claimOf(1, 'a'));
  await putStage(target, claimOf(1, 'a'), 'withdrawn');
  assert.equal(await checkWriter(target, SYNC), 1);
  await claimEpoch(target, claimOf(2, 'b'));
  await assert.rejects(putStage(target, claimOf(1, 'c'), 'withdrawn'), { code: 'locked' });
  await putStage(target, claimOf(2, 'b'), 'active');
  const { epoch, active, activeEpoch } = await readEpoch(target);
  assert.deepEqual({ epoch, active, activeEpoch }, { epoch: 2, active: 'mx2', activeEpoch: 2 });
});

test('an object that does not say who serves stops every writer', async () => {
  const target = await repository();
  await target.put('epochs/00000001-active.json', Buffer.from('{"epoch":1}\n'));
  await assert.rejects(checkWriter(target, SYNC), { code: 'damage' });
});

test('where there is no repository, such as one that is not mounted, nobody knows who serves', async () => {
  await assert.rejects(readEpoch(localTarget(scratch('nothing'))), { code: 'no-repository' });
});
