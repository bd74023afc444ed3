/** Every call on the file system that a backup or a restore makes fails once. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { mailrecover, notBuilt, type Document, type Ran } from '../support/binary.ts';
import type { FailPlan, Kind } from '../support/preload/plan.ts';
import { DURABLE } from '../support/preload/plan.ts';
import { rounds } from '../support/soak.ts';
import { scratch } from '../support/tmp.ts';
import { audit } from './audit.ts';
import { deliver, expunge, flag, folderPath, makeFolder, messagesOf } from './mailbox.ts';
import { compareTrees, readTree } from './tree.ts';
import { backUp, copyWorld, liveTree, makeWorld, restoredTree, settle, useMemory, type World } from './world.ts';

useMemory();

const USERS = ['alice@example.org', 'bob@example.org'];
const READS: Kind[] = ['open', 'read', 'list', 'stat'];

async function worldWithMail(nights: number): Promise<World> {
  const world = await makeWorld(join(scratch('errno'), 'world'));
  for (const user of USERS) {
    for (const folder of ['INBOX', 'Sent']) {
      makeFolder(world.mail, user, folder);
      for (let index = 0; index < 2; index++) deliver(world.mail, user, folder, `${user} ${folder} ${index}\n`);
    }
  }
  for (let night = 0; night < nights; night++) {
    await settle();
    await backUp(world);
    const inbox = folderPath(world.mail, 'alice@example.org', 'INBOX');
    deliver(world.mail, 'alice@example.org', 'INBOX', `night ${night}\n`);
    flag(inbox, messagesOf(inbox)[0] ?? '', 'S');
  }
  await settle();
  return world;
}

/** How many such calls there are in a run that nothing disturbs. */
async function countCalls(world: World, args: string[], plan: Pick<FailPlan, 'kinds' | 'under'>): Promise<number> {
  const copy = copyWorld(world, `${world.base}-count`);
  const counter = `${world.base}-counter`;
  const under = plan.under.map((path) => copy.base + path.slice(world.base.length));
  const ran = await mailrecover(['--config', copy.config, ...args.map((arg) => arg.replace(world.base, copy.base))], {
    plans: [{ do: 'fail', at: 0, errno: 'EIO', ...plan, under, counter }],
  });
  assert.equal(ran.code, 0, ran.stderr);
  const count = readFileSync(counter).length;
  rmSync(copy.base, { recursive: true });
  rmSync(counter);
  return count;
}

interface Case {
  plan: Pick<FailPlan, 'kinds' | 'under' | 'errno' | 'forever'>;
  args: string[];
  /** Of the copy on which the call failed. */
  check: (world: World, ran: Ran, document: Document | undefined) => Promise<void>;
}

/** Lets call after call fail, each in a copy of the world; in `npm test` some of them. */
async function failEach(t: TestContext, world: World, few: number, { plan, args, check }: Case): Promise<void> {
  const calls = await countCalls(world, args, plan);
  const wanted = Math.min(calls, rounds(few, calls));
  t.diagnostic(`${wanted} of ${calls} calls, ${plan.errno}`);
  const failures: string[] = [];
  for (let each = 0; each < wanted; each++) {
    const at = 1 + Math.floor(((each + 0.5) * calls) / wanted);
    const copy = copyWorld(world, `${world.base}-${at}`);
    const counter = `${world.base}-counter`;
    const under = plan.under.map((path) => copy.base + path.slice(world.base.length));
    const ran = await mailrecover(['--config', copy.config, '--json', ...args.map((arg) => arg.replace(world.base, copy.base))], {
      plans: [{ do: 'fail', at, ...plan, under, counter }],
    });
    try {
      assert.equal(ran.signal, null);
      assert.ok([0, 1, 2, 3, 4, 10, 11, 12, 13, 20].includes(ran.code ?? -1), `exit code ${ran.code}`);
      assert.doesNotMatch(ran.stdout + ran.stderr, /\n\s+at .*:\d+:\d+/, 'no stack');
      const document = ran.stdout === '' ? undefined : ran.json();
      if (ran.code !== 0) assert.ok(problems(document).length > 0 || ran.stderr !== '', 'says why');
      await check(copy, ran, document);
    } catch (error) {
      failures.push(
        `call ${at} of ${calls} (${plan.errno}, ${String(plan.kinds)}): exit ${ran.code}\n${ran.stdout}${ran.stderr}${error instanceof Error ? (error.stack ?? '') : ''}`,
      );
    }
    rmSync(copy.base, { recursive: true });
    rmSync(counter, { force: true });
    rmSync(`${counter}.failed`, { force: true });
  }
  assert.equal(failures.length, 0, failures.join('\n\n'));
}

interface Problem {
  code: string;
  hint?: string;
}

/** What a document says is wrong: the error that ended the run, and its findings. */
function problems(document: Document | undefined): Problem[] {
  const error = document?.['error'] as Problem | undefined;
  return [...(error === undefined ? [] : [error]), ...(document?.findings ?? [])];
}

/** The repository is sound, and the next backup makes all good. */
async function healed(world: World): Promise<void> {
  audit(world.repo, world.secrets);
  await settle();
  const report = await backUp(world);
  assert.notEqual(report.outcome, 'partial');
  assert.deepEqual(audit(world.repo, world.secrets).twice, [], 'something went up twice');
  assert.deepEqual(compareTrees(liveTree(world), await restoredTree(world)), []);
}

suite('calls that fail', { skip: notBuilt() }, () => {
  for (const [name, nights] of [
    ['the first backup', 0],
    ['a later backup', 2],
  ] as const) {
    test(`writes of ${name}`, async (t) => {
      const world = await worldWithMail(nights);
      for (const [errno, few] of [
        ['ENOSPC', 2],
        ['EIO', 1],
        ['EACCES', 1],
      ] as const) {
        await failEach(t, world, few, {
          plan: { kinds: DURABLE, under: [world.repo, world.state, world.keys], errno },
          args: ['backup'],
          check: async (copy, ran, document) => {
            if (errno === 'ENOSPC' && ran.code === 1)
              assert.ok(
                problems(document).some((problem) => problem.code === 'no-space' && problem.hint !== undefined),
                'says that the disk is full',
              );
            await healed(copy);
          },
        });
      }
    });

    test(`reads of the repository, the state and the keys in ${name}`, async (t) => {
      const world = await worldWithMail(nights);
      for (const errno of ['EIO', 'EMFILE', 'EACCES'] as const) {
        await failEach(t, world, 1, {
          plan: { kinds: READS, under: [world.repo, world.state, world.keys], errno },
          args: ['backup'],
          check: healed,
        });
      }
    });

    test(`reads of mail in ${name}`, async (t) => {
      const world = await worldWithMail(nights);
      const before = nights > 0 ? await restoredTree(world) : new Map<string, string>();
      for (const errno of ['EIO', 'EACCES', 'EMFILE'] as const) {
        await failEach(t, world, 2, {
          plan: { kinds: READS, under: [world.mail], errno },
          args: ['backup'],
          check: async (copy, ran, document) => {
            if (ran.code === 3) {
              assert.ok(
                document?.findings.some((finding) => finding.severity === 'error' && finding.subject?.startsWith(copy.mail)),
                'what could not be read is named',
              );
              // What could not be read and was in the snapshot before is carried over.
              const [then, now, live] = [baseNames(before), baseNames(await restoredTree(copy)), baseNames(liveTree(copy))];
              for (const base of then) if (live.has(base)) assert.ok(now.has(base), `${base} was carried over`);
            }
            await healed(copy);
          },
        });
      }
    });
  }

  test('all mail of one mailbox is unreadable', async (t) => {
    const world = await worldWithMail(1);
    const inbox = folderPath(world.mail, 'bob@example.org', 'INBOX');
    deliver(world.mail, 'bob@example.org', 'INBOX', 'one that no snapshot has\n');
    expunge(inbox, messagesOf(inbox)[0] ?? '');
    await settle();
    const counter = `${world.base}-counter`;
    const ran = await mailrecover(['--config', world.config, '--json', 'backup'], {
      plans: [
        {
          do: 'fail',
          at: 1,
          forever: true,
          kinds: ['open', 'list', 'read'],
          under: [join(world.mail, 'example.org/bob/Maildir')],
          errno: 'EACCES',
          counter,
        },
      ],
    });
    assert.equal(ran.code, 3, ran.stdout);
    t.diagnostic(
      ran
        .json()
        .findings.map((finding) => finding.message)
        .join('; '),
    );
    const bob = [...(await restoredTree(world)).keys()].filter((path) => path.includes('/bob/') && /(cur|new)\//.test(path));
    assert.ok(bob.length >= 3, 'mail that the snapshot before had is carried over');
    await healed(world);
  });

  test('calls of a restore', async (t) => {
    const world = await worldWithMail(2);
    await backUp(world);
    const live = liveTree(world);
    const to = join(world.base, 'to');
    for (const [errno, kinds] of [
      ['EIO', [...READS, ...DURABLE]],
      ['ENOSPC', DURABLE],
      ['EMFILE', READS],
    ] as const) {
      await failEach(t, world, 2, {
        plan: { kinds: [...kinds], under: [world.repo, to], errno },
        args: ['restore', 'latest', '--to', to],
        check: async (copy, ran) => {
          const restored = join(copy.base, 'to');
          if (ran.code === 0) {
            assert.deepEqual(compareTrees(live, readTree(restored)), []);
            return;
          }
          // What a run left half done the same command completes; one that ended with losses begins anew elsewhere.
          if (ran.code === 3 || ran.code === 4) rmSync(restored, { recursive: true });
          const again = await mailrecover(['--config', copy.config, 'restore', 'latest', '--to', restored]);
          assert.equal(again.code, 0, again.stderr);
          assert.deepEqual(compareTrees(live, readTree(restored)), []);
        },
      });
    }
  });
});

/** Messages by what stays the same of their path: mailbox, folder and base name. */
function baseNames(tree: ReadonlyMap<string, string>): Set<string> {
  return new Set(
    [...tree.keys()].filter((path) => /\/(cur|new)\/./.test(path)).map((path) => path.replace(/(cur|new)\//, '').replace(/:.*/, '')),
  );
}
