/** The merge in three ways, against a plain model. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mergeFlags } from '../../../src/standby/merge/flags.ts';
import { mergeMailbox, type MergePlan } from '../../../src/standby/merge/merge.ts';
import { rounds } from '../../support/soak.ts';
import { change, clone, contentOf, contents, counts, stateOf, World, type Change, type Copy } from './model.ts';

// The same cases each time, but in a soak.
const RUNS = { numRuns: rounds(400, 20_000), ...(process.env['MAILRECOVER_SOAK'] === '1' ? {} : { seed: 20_261_122 }) };

interface Case {
  world: World;
  base: Copy;
  ours: Copy;
  theirs: Copy;
}

function plan(base: Copy, ours: Copy, theirs: Copy): MergePlan {
  const shaOf = (side: 'ours' | 'theirs', dir: string, name: string): string | undefined =>
    contentOf(side === 'ours' ? ours : theirs, dir, name);
  return mergeMailbox({ base: stateOf(base), ours: stateOf(ours), theirs: stateOf(theirs), shaOf });
}

function apart(messages: number, ourChanges: readonly Change[], theirChanges: readonly Change[]): Case {
  const world = new World();
  const base = world.start(messages);
  const [ours, theirs] = [clone(base), clone(base)];
  for (const each of ourChanges) world.apply(ours, 'ours', each);
  for (const each of theirChanges) world.apply(theirs, 'theirs', each);
  return { world, base, ours, theirs };
}

function merged({ world, base, ours, theirs }: Case): Copy {
  const result = clone(ours);
  world.carryOut(result, theirs, plan(base, ours, theirs));
  return result;
}

const changes = fc.array(change, { maxLength: 12 });
const noCopies = fc.array(
  change.filter(({ kind }) => kind !== 'copy'),
  { maxLength: 12 },
);
const cases = (check: (one: Case) => void, each = changes): void => {
  fc.assert(
    fc.property(fc.nat(6), each, each, (messages, our, their) => {
      check(apart(messages, our, their));
    }),
    RUNS,
  );
};

test('nothing is lost: what is new on either host, and what both kept, is there', () => {
  cases((one) => {
    const [result, base, ours, theirs] = [merged(one), one.base, one.ours, one.theirs].map(counts);
    assert.ok(result !== undefined && base !== undefined && ours !== undefined && theirs !== undefined);
    for (const content of [...ours.keys(), ...theirs.keys()]) {
      const isKept = ours.has(content) && theirs.has(content);
      if (isKept || !base.has(content)) assert.ok((result.get(content) ?? 0) >= 1, content);
    }
    for (const content of result.keys()) assert.ok(ours.has(content) || theirs.has(content), 'nothing comes from nowhere');
  });
});

test('of copies none is lost either', () => {
  // Each message is there twice from the beginning, and few things happen: the rest is told apart by bytes alone.
  const few = fc.array(change, { maxLength: 4 });
  const copied = fc.property(fc.integer({ min: 1, max: 3 }), few, few, (messages, our, their) => {
    const world = new World();
    const base = world.start(messages);
    for (let index = 0; index < messages; index++) world.apply(base, 'base', { kind: 'copy', pick: index * 2, folder: index });
    const [ours, theirs] = [clone(base), clone(base)];
    for (const each of our) world.apply(ours, 'ours', each);
    for (const each of their) world.apply(theirs, 'theirs', each);
    check({ world, base, ours, theirs });
  });
  const check = (one: Case): void => {
    const [result, base, ours, theirs] = [merged(one), one.base, one.ours, one.theirs].map(counts);
    for (const [content, count] of base ?? [])
      if (ours?.get(content) === count && theirs?.get(content) === count) assert.ok((result?.get(content) ?? 0) >= count, content);
  };
  fc.assert(copied, RUNS);
});

test('each host moved another copy to the same folder, where both got one name: their GUID', () => {
  const state = (folders: Record<string, string[]>): Copy =>
    new Map(
      Object.entries(folders).map(([dir, names]) => [
        dir,
        {
          uidValidity: 1,
          nextUid: 9,
          messages: new Map(names.map((name, index) => [name, { uid: index + 1, flags: [], size: 100, mtime: 5, content: 'the same' }])),
        },
      ]),
    );
  const base = state({ '': ['1.a', '2.a'], '.Archive': [] });
  const [ours, theirs] = [state({ '': ['2.a'], '.Archive': ['0.a'] }), state({ '': ['1.a'], '.Archive': ['0.a'] })];
  const result = clone(ours);
  new World().carryOut(result, theirs, plan(base, ours, theirs));
  assert.deepEqual(contents(result), ['the same .Archive', 'the same .Archive']);
  // Once more it does nothing; nor does it where one copy was moved by both.
  new World().carryOut(result, theirs, plan(base, result, theirs));
  assert.equal(contents(result).length, 2);
  const both = state({ '': ['1.a'], '.Archive': ['0.a'] });
  assert.equal(doneBy(plan(base, both, clone(both))), 0);
});

function doneBy({ counts: { added, removed } }: MergePlan): number {
  return added + removed;
}

test('nothing is doubled, wherever both hosts moved it', () => {
  cases((one) => {
    for (const [content, count] of counts(merged(one))) assert.equal(count, 1, content);
  }, noCopies);
});

test('deletions and moves stay made on both hosts', () => {
  cases((one) => {
    const { base, ours, theirs } = one;
    const result = merged(one);
    for (const [dir, { messages }] of base) {
      for (const name of messages.keys()) {
        const isKept = ours.get(dir)?.messages.has(name) === true && theirs.get(dir)?.messages.has(name) === true;
        assert.equal(result.get(dir)?.messages.has(name), isKept);
      }
    }
    // What the serving host alone changed is as it left it, UIDs included, but for UIDs that the other one gave as well.
    for (const [dir, { messages, uidValidity }] of ours) {
      assert.equal(result.get(dir)?.uidValidity, uidValidity);
      const next = [base, theirs].map((copy) => copy.get(dir)?.nextUid ?? 0);
      for (const [name, { uid }] of messages) {
        if (base.get(dir)?.messages.has(name) === true || (uid >= (next[0] ?? 0) && uid < (next[1] ?? 0))) continue;
        assert.equal(result.get(dir)?.messages.get(name)?.uid, uid);
      }
    }
  });
});

test('no UID stands for two messages, whoever has seen which', () => {
  cases((one) => {
    const result = merged(one);
    for (const [dir, { messages, nextUid }] of result) {
      const uids = new Set<number>();
      for (const [name, { uid, content }] of messages) {
        assert.ok(!uids.has(uid) && uid < nextUid);
        uids.add(uid);
        for (const copy of [one.base, one.theirs])
          for (const [other, seen] of copy.get(dir)?.messages ?? [])
            if (seen.uid === uid) assert.deepEqual([other, seen.content], [name, content], 'a client of the old host knows this UID');
      }
      assert.ok(nextUid >= (one.theirs.get(dir)?.nextUid ?? 0));
    }
  });
});

test('done twice it does nothing more', () => {
  cases((one) => {
    const { world, base, theirs } = one;
    const result = merged(one);
    const third = clone(result);
    world.carryOut(third, theirs, plan(base, result, theirs));
    assert.deepEqual(contents(third), contents(result));
  }, noCopies);
});

test('once the common state is written down nothing is merged again, whatever clients do', () => {
  fc.assert(
    fc.property(fc.nat(6), changes, changes, changes, (messages, our, their, later) => {
      const one = apart(messages, our, their);
      const { world, theirs } = one;
      const result = merged(one);
      for (const each of later) world.apply(result, 'later', each);
      const after = plan(theirs, result, theirs);
      assert.deepEqual([after.counts.added, after.counts.removed, after.counts.reflagged], [0, 0, 0]);
    }),
    RUNS,
  );
});

test('which host serves changes UIDs, and not what is where', () => {
  cases((one) => {
    const { world, base, ours, theirs } = one;
    const there = clone(theirs);
    world.carryOut(there, ours, plan(base, theirs, ours));
    // Two moves of one message into different folders are settled for the host that serves.
    assert.deepEqual(counts(there), counts(merged(one)));
  }, noCopies);
});

test('flags: whoever changed one is right, and \\Deleted is never carried over', () => {
  const flag = fc.constantFrom<string>('\\Seen', '\\Flagged', '\\Deleted', 'Work');
  const flags = fc.uniqueArray(flag);
  fc.assert(
    fc.property(flags, flags, flags, (base, ours, theirs) => {
      const { add, remove } = mergeFlags(base, ours, theirs);
      const result = new Set([...ours.filter((each) => !remove.includes(each)), ...add]);
      for (const each of ['\\Seen', '\\Flagged', 'Work']) {
        const [b, o, t] = [base, ours, theirs].map((list) => list.includes(each));
        assert.equal(result.has(each), o === b ? t : o, each);
      }
      assert.ok(!result.has('\\Deleted') || ours.includes('\\Deleted'));
    }),
    RUNS,
  );
  assert.deepEqual(mergeFlags(undefined, ['\\Seen'], ['\\SEEN', 'Work', '\\Deleted']), { add: ['Work'], remove: [] });
  assert.deepEqual(mergeFlags(['\\Deleted'], ['\\Deleted'], []), { add: [], remove: ['\\Deleted'] });
});
