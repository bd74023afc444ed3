import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  chooseRotation,
  proofCoverage,
  readProofs,
  recordProof,
  seeMailboxes,
  writeProofs,
  type Proofs,
} from '../../src/schedule/rotation.ts';
import { scratch } from '../support/tmp.ts';

const DAY = 86_400_000;
const START = Date.parse('2026-11-01T03:30:00Z');

function names(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `user${at}@example.org`);
}

/** One night: what was chosen. */
function night(proofs: Proofs, holds: readonly string[], days: number, now: number, good = (): boolean => true): string[] {
  seeMailboxes(proofs, holds, now);
  const chosen = chooseRotation(proofs, days, now);
  for (const name of chosen) recordProof(proofs, [name], 'server', good(), now);
  proofs.rotated = new Date(now).toISOString();
  return chosen;
}

test('each mailbox has its turn within the days, in even shares', () => {
  const proofs: Proofs = { version: 1, mailboxes: {} };
  const served = new Map<string, number>();
  for (let day = 0; day < 60; day++) {
    const chosen = night(proofs, names(100), 30, START + day * DAY);
    assert.ok(chosen.length <= 4, `night ${day}: ${chosen.length}`);
    for (const name of chosen) served.set(name, (served.get(name) ?? 0) + 1);
    if (day === 29) assert.equal(served.size, 100);
  }
  assert.ok([...served.values()].every((count) => count >= 2));
});

test('whatever nights are missed and however mailboxes come and go, nobody waits longer once it runs again', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 40 }),
      fc.array(
        fc.record({ gap: fc.double({ min: 0.9, max: 1.2, noNaN: true }), missed: fc.boolean(), grow: fc.integer({ min: -10, max: 30 }) }),
        {
          minLength: 1,
          maxLength: 120,
        },
      ),
      (days, nights) => {
        const proofs: Proofs = { version: 1, mailboxes: {} };
        let now = START;
        let count = 50;
        for (const { gap, missed, grow } of nights) {
          now += gap * DAY;
          count = Math.max(1, count + grow);
          if (missed) continue;
          night(proofs, names(count), days, now);
          const after = proofCoverage(proofs, 'server', days, now);
          assert.equal(after.overdueCount, 0, 'after a night nobody is overdue');
          const before = proofCoverage(proofs, 'server', days, now + 1.25 * DAY);
          assert.equal(before.overdueCount, 0, 'nor until the next one');
        }
      },
    ),
  );
});

test('a proof that fails is no proof, comes again first, and keeps nobody from having a turn', () => {
  const proofs: Proofs = { version: 1, mailboxes: {} };
  const bad = night(proofs, names(30), 10, START, () => false);
  assert.equal(bad.length, 3);
  assert.deepEqual(proofCoverage(proofs, 'server', 10, START).failed.toSorted(), bad.toSorted());
  assert.deepEqual(night(proofs, names(30), 10, START + DAY).toSorted(), bad.toSorted());
  assert.deepEqual(proofCoverage(proofs, 'server', 10, START + DAY).failed, []);
});

test('a proof of a level holds for those below it', () => {
  const proofs: Proofs = { version: 1, mailboxes: {} };
  seeMailboxes(proofs, names(2), START);
  recordProof(proofs, [names(1)[0] ?? ''], 'mail', true, START + DAY);
  const proved = (level: 'files' | 'mail' | 'server'): number => proofCoverage(proofs, level, 30, START + 2 * DAY).proved;
  assert.deepEqual([proved('files'), proved('mail'), proved('server')], [1, 1, 0]);
  const late = proofCoverage(proofs, 'server', 1, START + 3 * DAY);
  assert.deepEqual([late.overdueCount, late.oldestSeconds, late.overdue[0]?.proved], [2, 3 * 86_400, undefined]);
});

test('what is kept comes back; rubbish counts as nothing; odd names are names', async () => {
  const file = `${scratch('proofs')}/a/proofs-x.json`;
  const proofs: Proofs = { version: 1, mailboxes: {} };
  night(proofs, ['__proto__x', 'constructor', 'a b@c'], 1, START);
  await writeProofs(file, proofs);
  assert.deepEqual(readProofs(file), proofs);
  assert.deepEqual(readProofs('/nonexistent'), { version: 1, mailboxes: {} });
});
