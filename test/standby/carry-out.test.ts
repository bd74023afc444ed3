/** A switch of small steps that is cut off, and made to fail, at every moment: what comes of it is looked at, and how it is told. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MailrecoverError } from '../../src/errors/error.ts';
import { createRepository } from '../../src/repository/repository.ts';
import type { Target } from '../../src/repository/target.ts';
import { localTarget } from '../../src/repository/targets/local.ts';
import { claimEpoch, readEpoch } from '../../src/standby/epoch.ts';
import { Journal, newRun, openSwitch, readSwitches, type SwitchHead, type SwitchState } from '../../src/standby/journal.ts';
import { findBegun } from '../../src/standby/promote/begun.ts';
import { carryOut, type CarriedOut } from '../../src/standby/promote/carry-out.ts';
import type { Step } from '../../src/standby/promote/step.ts';
import { SharedJournal } from '../../src/standby/shared-journal.ts';
import { silentProgress } from '../../src/system/progress.ts';
import { scratch } from '../support/tmp.ts';

/** Both hosts, as far as the steps change them: how far each step is, by halves. */
type World = Map<string, number>;

const STEPS = ['drain', 'fence', 'queue', 'serve', 'names', 'settle'] as const;
const NO_RETURN = 'serve';

interface Plan {
  world: World;
  /** Called at every moment at which a program can be killed. */
  moment: (name: string) => void;
  /** A step that fails, and in which half of it. */
  failing: { step: string; at: 'begin' | 'middle' | 'verify' } | undefined;
  /** It was taken over from another host. */
  sure: boolean;
}

/** Steps that leave a half of what they do behind where they are cut off. */
function steps({ world, moment, failing, sure }: Plan): Step[] {
  const fail = (step: string, at: string): void => {
    moment(`${step} ${at}`);
    if (failing?.step === step && failing.at === at) throw new MailrecoverError('failed', `${step} was made to fail at its ${at}`);
  };
  return STEPS.map((id): Step => {
    const later = (): boolean => STEPS.slice(STEPS.indexOf(id) + 1).some((each) => (world.get(each) ?? 0) > 0);
    return {
      id,
      title: id,
      plan: [],
      ...(id === NO_RETURN ? { noReturn: true, passed: async () => (world.get(id) ?? 0) > 0 } : {}),
      ...(id === 'queue' ? { once: true } : {}),
      remember: async () => {
        moment(`${id} remember`);
        return { before: world.get(id) ?? 0 };
      },
      check: async (_memory, wasDone) => {
        moment(`${id} check`);
        return id === 'fence' ? wasDone && world.get(id) === 2 : world.get(id) === 2;
      },
      async apply() {
        fail(id, 'begin');
        // Once the new host serves, what comes behind is done as far as it goes; and whoever takes over makes sure of all of it.
        assert.ok(sure || STEPS.indexOf(id) >= STEPS.indexOf(NO_RETURN) || !later(), `${id} is done before what comes behind it`);
        world.set(id, Math.max(1, world.get(id) ?? 0));
        fail(id, 'middle');
        world.set(id, 2);
        moment(`${id} end`);
      },
      async verify() {
        fail(id, 'verify');
        assert.equal(world.get(id), 2);
        return [id];
      },
      async rollback() {
        moment(`${id} back`);
        assert.ok(!later(), `${id} is taken back before what comes behind it`);
        world.set(id, Math.min(1, world.get(id) ?? 0));
        moment(`${id} half back`);
        world.set(id, 0);
      },
    };
  });
}

class Killed extends Error {}

interface Setting {
  state: string;
  target: Target;
  head: SwitchHead;
  world: World;
}

async function setting(): Promise<Setting> {
  const target = localTarget(scratch('repo'));
  const head: SwitchHead = { run: newRun(), mode: 'planned', epoch: 1, from: 'mx1', to: 'mx2', by: 'root@desk', reachable: true };
  await claimEpoch(target, { ...head, host: head.to });
  return { state: scratch('state'), target, head, world: new Map() };
}

/** One run of the command: goes on with what is there. @returns undefined where it was killed at the moment of that number */
async function once(
  { state, target, head, world }: Setting,
  details: { killAt?: number; failing?: Plan['failing']; takeOver?: boolean; abort?: boolean; alone?: () => Promise<void> } = {},
): Promise<{ ended: CarriedOut | undefined; moments: string[]; state: SwitchState }> {
  const moments: string[] = [];
  const controller = new AbortController();
  const moment = (name: string): void => {
    moments.push(name);
    if (moments.length !== details.killAt) return;
    controller.abort(new Killed(name));
    throw controller.signal.reason;
  };
  const begun = await findBegun(state, target);
  const journal =
    begun === undefined
      ? await Journal.begin(state, head)
      : details.takeOver === true
        ? await Journal.takeOver(state, begun.state, 'root@other')
        : Journal.resume(begun.state, head.by);
  const shared = await SharedJournal.of(target, journal.state);
  const run = carryOut({
    steps: steps({ world, moment, failing: details.failing, sure: details.takeOver === true }),
    journal,
    progress: silentProgress,
    signal: controller.signal,
    guard: async () => moment('guard'),
    share: () => shared.share(),
    alone: details.alone ?? (async () => undefined),
    abort: details.abort === true,
  });
  try {
    return { ended: await run, moments, state: journal.state };
  } catch (error) {
    if (error instanceof Killed) return { ended: undefined, moments, state: journal.state };
    throw error;
  }
}

const DONE = STEPS.map((step) => [step, 2]);
const BEFORE = STEPS.map((step) => [step, 0]);

function shown(world: World): (string | number)[][] {
  return STEPS.map((step) => [step, world.get(step) ?? 0]);
}

suite('a switch of small steps', () => {
  test('killed at any moment, and again at any, it ends as if it had not been', async () => {
    const whole = (await once(await setting())).moments.length;
    assert.ok(whole > 30);
    for (let first = 1; first <= whole; first++)
      for (const second of first % 3 === 0 ? [0, 1 + (first % 7)] : [1 + (first % 7)]) {
        const at = await setting();
        assert.equal((await once(at, { killAt: first })).ended, undefined);
        const again = second === 0 ? undefined : await once(at, { killAt: second });
        const { ended } = again?.ended === undefined ? await once(at) : again;
        assert.deepEqual([ended?.outcome, shown(at.world)], ['switched', DONE], `killed at ${first} and ${second}`);
        assert.equal(openSwitch(at.state), undefined);
      }
  });

  test('another host goes on from any moment, and the first one then finds that it is over', async () => {
    const whole = (await once(await setting())).moments.length;
    for (let first = 1; first <= whole; first++) {
      const at = await setting();
      const { state } = await once(at, { killAt: first });
      const other = { ...at, state: scratch('other') };
      const begun = await findBegun(other.state, at.target);
      // Before its first intent was told nothing was done: only where it was begun somebody knows of it.
      if (begun === undefined) {
        assert.deepEqual(shown(at.world), BEFORE);
        continue;
      }
      assert.ok(begun.elsewhere);
      const { ended } = await once(other, { takeOver: true });
      assert.deepEqual([ended?.outcome, shown(at.world)], ['switched', DONE], `killed at ${first}`);
      assert.equal(openSwitch(at.state)?.head.run, state.head.run);
      assert.equal(readSwitches(other.state)[0]?.ended, 'switched');
      // The claim is not settled by these steps: what is asked is the journal.
      assert.notEqual((await readEpoch(at.target)).open, undefined);
      assert.equal(await findBegun(at.state, at.target), undefined);
      assert.equal(readSwitches(at.state)[0]?.ended, 'switched');
    }
  });

  test('a step that fails: before the new host serves all is taken back, after it nothing is, and the next run ends it', async () => {
    for (const step of STEPS)
      for (const place of ['begin', 'middle', 'verify'] as const) {
        const at = await setting();
        const failing = { step, at: place };
        const { ended } = await once(at, { failing });
        const isLate = STEPS.indexOf(step) > STEPS.indexOf(NO_RETURN) || (step === NO_RETURN && place !== 'begin');
        assert.equal(ended?.outcome, isLate ? 'not-finished' : 'rolled-back', `${step} ${place}`);
        assert.match(ended.findings.map(({ message }) => message).join(), new RegExp(`${step} was made to fail`));
        if (!isLate) assert.deepEqual(shown(at.world), BEFORE, `${step} ${place}`);
        else assert.deepEqual([(await once(at)).ended?.outcome, shown(at.world)], ['switched', DONE], `${step} ${place}`);
      }
  });

  test('killed while it takes back, it takes the rest back', async () => {
    for (const step of ['drain', 'fence', 'queue'] as const)
      for (let moment = 1; ; moment++) {
        const at = await setting();
        const failing = { step, at: 'middle' as const };
        const { ended } = await once(at, { failing, killAt: moment });
        if (ended !== undefined) break;
        const next = await once(at, { failing });
        assert.deepEqual([next.ended?.outcome, shown(at.world)], ['rolled-back', BEFORE], `${step}, killed at ${moment}`);
      }
  });

  test('where another operator has it in hand, nothing more is done, neither on nor back', async () => {
    for (const after of [1, 3, 4, 9]) {
      const at = await setting();
      let asked = 0;
      const alone = async (): Promise<void> => {
        if (++asked > after) throw new MailrecoverError('locked', 'somebody else');
      };
      await assert.rejects(
        once(at, { alone, failing: after === 9 ? { step: 'settle', at: 'begin' } : undefined }).then(({ ended }) => {
          if (ended?.outcome !== 'switched') throw new Error('it went on');
        }),
        after === 9 ? /it went on/ : { code: 'locked' },
      );
      const left = shown(at.world);
      if (after < 9)
        assert.deepEqual(
          left,
          STEPS.map((step, index) => [step, index < after ? 2 : 0]),
        );
    }
    // Two hosts at the same moment: the one whose word comes second does nothing.
    const at = await setting();
    await once(at, { killAt: 12 });
    const two = [scratch('a'), scratch('b')].map((state) => ({ ...at, state }));
    const both = await Promise.allSettled(two.map((each) => once(each, { takeOver: true })));
    assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'], JSON.stringify(both));
    assert.deepEqual(shown(at.world), DONE);
  });
});

test('the pieces of a journal are known to whoever looks after the repository', async () => {
  const at = await setting();
  await createRepository(at.target, { recipients: undefined, rescue: [] });
  await once(at);
  const { kindOf } = await import('../../src/repository/check/listing.ts');
  const kinds = new Set<string | undefined>();
  for await (const { path } of at.target.list('epochs')) kinds.add(kindOf(path, false));
  assert.deepEqual([...kinds], ['epoch']);
});
