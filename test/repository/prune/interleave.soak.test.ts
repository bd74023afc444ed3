/** Backups of two hosts, forget and prune at the same time, in every order that chance finds, while clocks jump and runs are killed. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createHostKey, type HostKey } from '../../../src/repository/signing.ts';
import { lockRepository } from '../../../src/repository/care/lock.ts';
import { openRepository } from '../../../src/repository/repository.ts';
import { planPrune, prune, type PruneOptions } from '../../../src/repository/prune/prune.ts';
import { forgetSnapshots, planForget } from '../../../src/repository/retention/forget.ts';
import { surveyRepository } from '../../../src/repository/retention/survey.ts';
import type { Target } from '../../../src/repository/target.ts';
import { makeCacheDirectory } from '../../../src/system/files.ts';
import { takeLock } from '../../../src/system/lock.ts';
import { silentProgress } from '../../../src/system/progress.ts';
import { Random } from '../../support/random.ts';
import { rounds } from '../../support/soak.ts';
import { makeScratch } from '../../support/tmp.ts';
import { audit } from '../../reliability/audit.ts';
import { deliver, expunge, folderPath, makeFolder, messagesOf } from '../../reliability/mailbox.ts';
import { backUp, makeWorld, useMemory, type World } from '../../reliability/world.ts';
import { Turns } from './turns.ts';

useMemory();

const DAY = 86_400_000;
const realNow = Date.now;
const USER = 'alice@example.org';

interface Host {
  name: string;
  world: World;
  key: HostKey;
  trust: string[];
}

/** A second host that writes into the repository of the first, and shares its dedup secret: each believes the other's tags. */
async function twoHosts(base: string): Promise<[Host, Host]> {
  const first = await makeWorld(join(base, 'a'));
  const { id } = await openRepository(first.target);
  const second = { ...first, base: join(base, 'b'), mail: join(base, 'b/mail'), state: join(base, 'b/state'), keys: join(base, 'b/etc') };
  for (const path of [second.mail, second.keys]) mkdirSync(path, { recursive: true, mode: 0o700 });
  const secret = `dedup-${id.slice(0, 16)}.key`;
  cpSync(join(first.keys, secret), join(second.keys, secret));
  const made = async (name: string, world: World): Promise<Host> => {
    makeFolder(world.mail, USER, 'INBOX');
    return { name, world, key: await createHostKey(join(world.keys, 'host.key')), trust: [] };
  };
  const hosts: [Host, Host] = [await made('mx1', first), await made('mx2', second)];
  hosts[0].trust = [hosts[1].key.publicHex];
  hosts[1].trust = [hosts[0].key.publicHex];
  return hosts;
}

/** Mail comes, goes, and comes back: the same few messages again and again, so that old packs are of use once more. */
function change({ world }: Host, random: Random): void {
  const path = folderPath(world.mail, USER, 'INBOX');
  for (const message of messagesOf(path)) if (random.chance(0.4)) expunge(path, message);
  for (let count = random.int(4); count >= 0; count--) {
    const number = random.int(8);
    deliver(world.mail, USER, 'INBOX', `Subject: ${number}\n\n${`text ${number} `.repeat(40)}\n`);
  }
}

function backupOf({ world, name, trust }: Host, target: Target): Promise<unknown> {
  return backUp({ ...world, target }, { host: name, trust, stores: [{ name: 'mail', path: `${world.mail}/%d/%n/Maildir` }] });
}

async function careOf({ world, name, key, trust }: Host, target: Target, random: Random, wait: number): Promise<void> {
  const repository = await openRepository(target);
  const believed = new Set([key.publicHex, ...trust]);
  const author = { host: name, key, tool: 'test' };
  const options: PruneOptions = {
    repository,
    believed,
    author,
    last: undefined,
    floodPerDay: 0,
    wait,
    alone: true,
    progress: silentProgress,
  };
  const lock = await lockRepository(target, { host: name, what: 'test' });
  let unlock: (() => void) | undefined;
  try {
    const survey = await surveyRepository(options);
    if (survey.frozen.length > 0) {
      // A jump of the clock made a snapshot of the future: a person would look at it.
      assert.ok(
        survey.frozen.every(({ code }) => code === 'future-snapshot'),
        JSON.stringify(survey.frozen),
      );
      return;
    }
    const plan = planForget(survey, believed, { policy: { last: 1 + random.int(3) }, host: name });
    await forgetSnapshots(repository, survey, plan, author, lock);
    makeCacheDirectory(`${world.state}/${repository.id}`);
    unlock = takeLock(`${world.state}/${repository.id}/lock`, 'prune');
    await prune(options, await planPrune(options), lock);
  } finally {
    unlock?.();
    await lock.release().catch(() => undefined);
  }
}

test('nothing that a backup needs is ever removed, in whatever order things happen', { timeout: 6 * 3_600_000 }, async (t) => {
  const count = rounds(5, 500);
  const begin = Number(process.env['MAILRECOVER_SEED'] ?? (process.env['MAILRECOVER_SOAK'] === '1' ? realNow() % 1e9 : 1));
  let removed = 0;
  let shared = 0;
  for (let seed = begin; seed < begin + count; seed++) {
    const random = new Random(`interleave ${seed}`);
    const scratch = makeScratch('interleave');
    const hosts = await twoHosts(scratch.path);
    const [{ world }] = hosts;
    const { target } = world;
    const turns = new Turns(random);
    let ahead = 0;
    let jitter = 0;
    Date.now = () => realNow() + ahead - jitter;
    try {
      turns.between = () => {
        // Far ahead in the middle of anything; back only so far that no snapshot seems to be of the future.
        if (random.chance(0.02)) ahead += 2 * DAY;
        if (random.chance(0.05)) jitter = random.int(50) * 60_000;
      };
      for (let round = 0; round < 20; round++) {
        turns.killing = random.chance(0.3) ? 0.01 : 0;
        const pruner = random.chance(0.8) ? hosts[random.int(2)] : undefined;
        for (const host of hosts) {
          // A host prunes while the other backs up; now and then it tries to while it backs up itself.
          if (random.chance(host === pruner ? 0.1 : 0.8)) {
            change(host, random);
            turns.start(`${host.name} backup`, target, (stepping) => backupOf(host, stepping));
          }
          if (host === pruner)
            turns.start(`${host.name} prune`, target, (stepping) => careOf(host, stepping, random, random.chance(0.5) ? 86_400 : 0));
        }
        await turns.play();
        // What was cut off is dead: its lock would count as stale.
        for await (const { path } of target.list('locks')) await target.remove(path);
        ahead += DAY;
        shared += audit(world.repo, world.secrets, anySnapshot).snapshots.length;
      }
      removed += turns.log.filter((line) => / remove packs\//.test(line)).length;
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}\n${turns.log.slice(-400).join('\n')}`, { cause: error });
    } finally {
      Date.now = realNow;
      await scratch.undo();
    }
  }
  t.diagnostic(`${removed} packs removed, ${shared} snapshots looked at, seeds from ${begin} on`);
  assert.ok(removed > 0);
});

/** The audit holds chains against what it is told is gone; snapshots may go here, and objects may not. */
const anySnapshot = new (class extends Set<string> {
  override has(name: string): boolean {
    return /^[0-9a-f]{64}$/.test(name);
  }
})();
