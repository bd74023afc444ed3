/** The lease by which a host serves: held, lost, run out; and waited out by a switch. */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { createRepository } from '../../src/repository/repository.ts';
import type { Target } from '../../src/repository/target.ts';
import { localTarget } from '../../src/repository/targets/local.ts';
import { claimEpoch, putStage, type Claim } from '../../src/standby/epoch.ts';
import { leaseFence } from '../../src/standby/fences/lease.ts';
import { holdLease, type Lost } from '../../src/standby/lease/hold.ts';
import { putPledge, readPledge, type Terms } from '../../src/standby/lease/pledge.ts';
import { mailrecoverJson, notBuilt } from '../support/binary.ts';
import { until } from '../support/ports.ts';
import { scratch } from '../support/tmp.ts';

const TERMS: Terms = { host: 'mx1', seconds: 2, stopSeconds: 1, units: ['postfix.service'] };
const CLAIM: Claim = { epoch: 1, run: 'a'.repeat(16), host: 'mx2', from: 'mx1', by: 'a test' };

async function repository(): Promise<{ target: Target; path: string }> {
  const path = join(scratch('lease'), 'repository');
  const target = localTarget(path);
  await createRepository(target, { recipients: undefined, rescue: [] });
  return { target, path };
}

interface Holder {
  events: string[];
  ended: Promise<Lost | undefined>;
  stop: () => Promise<void>;
}

function hold(target: Target, terms: Terms = TERMS): Holder {
  const controller = new AbortController();
  const events: string[] = [];
  const ended = holdLease({
    target,
    terms,
    primary: 'mx1',
    onHeld: async (epoch) => void events.push(`held ${epoch}`),
    onWaiting: async (why) => void events.push(`waits: ${why}`),
    onTurn: async (problem) => void events.push(problem === undefined ? 'turn' : `problem: ${problem}`),
    signal: controller.signal,
  }).catch(() => undefined);
  return {
    events,
    ended,
    stop: async () => {
      controller.abort();
      await ended;
    },
  };
}

suite('the lease of a host', { concurrency: true }, () => {
  test('is held while a switch asks the host itself, and lost as soon as it is told to stop', async () => {
    const { target } = await repository();
    const { events, ended } = hold(target);
    assert.ok(await until(async () => events.includes('held 0'), 20_000));
    assert.deepEqual((await readPledge(target, 0, 'mx1'))?.seconds, 2);
    await claimEpoch(target, CLAIM);
    const turns = events.length;
    assert.ok(await until(async () => events.length > turns + 4, 20_000), 'it goes on');
    await putStage(target, CLAIM, 'fence');
    assert.deepEqual(await ended, { kind: 'lost', message: "'mx2' serves, or is about to" });
    // It waits for as long as the other one serves, and has the lease again when that switch was taken back.
    const next = hold(target);
    assert.ok(await until(async () => next.events.some((event) => event.startsWith('waits')), 20_000));
    await putStage(target, CLAIM, 'withdrawn');
    assert.ok(await until(async () => next.events.includes('held 0'), 20_000));
    await next.stop();
  });

  test('runs out where the repository is gone, and where another or an older one lies in its place', async () => {
    const { target, path } = await repository();
    await claimEpoch(target, { ...CLAIM, host: 'mx1', from: 'mx2' });
    for (const stage of ['active', 'settled'] as const) await putStage(target, { ...CLAIM, host: 'mx1', from: 'mx2' }, stage);
    const swap: ((away: string) => Promise<void>)[] = [
      async () => undefined,
      async () => void (await createRepository(localTarget(path), { recipients: undefined, rescue: [] })),
      async (away) => {
        mkdirSync(path);
        copyFileSync(join(away, 'mailrecover.json'), join(path, 'mailrecover.json'));
      },
    ];
    for (const [index, change] of swap.entries()) {
      const { events, ended } = hold(target);
      assert.ok(await until(async () => events.includes('held 1'), 20_000));
      const away = `${path}-${index}`;
      renameSync(path, away);
      await change(away);
      const lost = await ended;
      assert.equal(lost?.kind, 'expired', events.join('\n'));
      assert.match(lost.message, /^for 2 s nobody could say that this host serves: /);
      if (existsSync(path)) renameSync(path, `${path}-other-${index}`);
      renameSync(away, path);
    }
  });

  test('as a fence: no evidence without a promise, none before its time, and none where the promise was ended', async () => {
    const { target } = await repository();
    await claimEpoch(target, CLAIM);
    const controller = new AbortController();
    const fence = leaseFence({ name: 'lease', target, claim: CLAIM, signal: controller.signal, marginSeconds: 1 });
    await assert.rejects(fence.fence(), { code: 'refused' });
    assert.equal(await fence.evidence(), undefined);
    await putPledge(target, 0, TERMS);
    assert.equal(await fence.evidence(), undefined, 'nobody was told to stop');
    const waiting = fence.fence();
    await sleep(500);
    assert.equal(await fence.evidence(), undefined, 'it may still serve');
    await waiting;
    assert.match(
      (await fence.evidence())?.join() ?? '',
      /^mx1 promised at .* to stop postfix\.service within 2 s and 1 s; told to stop 4 s ago or more$/,
    );
    await putPledge(target, 0, { ...TERMS, ended: true });
    assert.equal(await fence.evidence(), undefined);
    assert.equal(await readPledge(target, 0, 'mx1'), undefined);
    await putPledge(target, 0, { ...TERMS, host: 'mx2' });
    assert.equal(await fence.evidence(), undefined, 'the promise of another host is none');
  });
});

test('the units of a lease can be written for an image, and are taken away again', { skip: notBuilt() }, async () => {
  const { path } = await repository();
  const root = scratch('root');
  const config = join(root, 'mailrecover.yaml');
  const pair = { primary: { name: 'mx1' }, standby: { name: 'mx2', ssh: { host: '192.0.2.12' } }, lease: { seconds: '1m', stop: '20s' } };
  const stores = [{ path: join(root, 'mail/%u') }];
  const state = join(root, 'state');
  const document = { host: 'mx1', state, stores, repository: { at: path }, encryption: false, standby: pair };
  writeFileSync(config, stringify(document));
  const run = (...more: string[]): ReturnType<typeof mailrecoverJson> =>
    mailrecoverJson(['--config', config, 'standby', 'lease', '--root', root, ...more]);
  await run('--install', '--dry-run');
  const units = join(root, 'etc/systemd/system');
  assert.ok(!existsSync(units));
  await run('--install', '--yes');
  assert.match(readFileSync(join(units, 'mailrecover-lease.service'), 'utf8'), /^WatchdogSec=30$/m);
  assert.match(readFileSync(join(units, 'postfix@-.service.d/mailrecover-lease.conf'), 'utf8'), /^BindsTo=mailrecover-serving\.service$/m);
  const again = (await run('--install', '--yes'))['files'] as { action: string }[];
  assert.deepEqual([...new Set(again.map(({ action }) => action))], ['keep']);
  await run('--remove', '--yes');
  assert.ok(!existsSync(join(units, 'mailrecover-lease.service')));
});
