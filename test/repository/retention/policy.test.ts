/** Policies, and spans of snapshots that are not there on purpose. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isEmptyPolicy, reasonsToKeep, type Policy } from '../../../src/repository/retention/policy.ts';
import { mergeSpans, type Span } from '../../../src/repository/retention/spans.ts';

/** Ids that stay, newest first; ids are the times. */
function kept(times: readonly string[], policy: Policy): string[] {
  const snapshots = times
    .toSorted()
    .toReversed()
    .map((time) => ({ id: time, time: new Date(time).toISOString() }));
  const reasons = reasonsToKeep(snapshots, policy);
  return snapshots.filter(({ id }) => reasons.has(id)).map(({ id }) => id);
}

/** Local times, so that the result is the same in every time zone. */
const HOURS = Array.from({ length: 48 }, (_, hour) => `2026-11-${20 + Math.floor(hour / 24)}T${String(hour % 24).padStart(2, '0')}:30:00`);

test('the newest of each hour, day, week, month and year that has one stays', () => {
  assert.deepEqual(kept(HOURS, { last: 2 }), ['2026-11-21T23:30:00', '2026-11-21T22:30:00']);
  assert.deepEqual(kept(HOURS, { hourly: 3 }), ['2026-11-21T23:30:00', '2026-11-21T22:30:00', '2026-11-21T21:30:00']);
  assert.deepEqual(kept(HOURS, { daily: 2 }), ['2026-11-21T23:30:00', '2026-11-20T23:30:00']);
  // While some are left, the oldest stays, too.
  assert.deepEqual(kept(HOURS, { daily: 9 }), ['2026-11-21T23:30:00', '2026-11-20T23:30:00', '2026-11-20T00:30:00']);
  // Hours without a snapshot do not count.
  const gaps = ['2026-01-01T10:00:00', '2026-03-01T10:00:00', '2026-03-01T10:59:00', '2026-07-01T12:00:00'];
  assert.deepEqual(kept(gaps, { hourly: 2 }), ['2026-07-01T12:00:00', '2026-03-01T10:59:00']);
  assert.deepEqual(kept(gaps, { monthly: 2 }), ['2026-07-01T12:00:00', '2026-03-01T10:59:00']);
  const years = ['2023-06-01T00:00:00', '2024-12-31T23:00:00', '2025-01-01T01:00:00', '2026-05-05T05:00:00', '2026-06-01T00:00:00'];
  assert.deepEqual(kept(years, { yearly: 3 }), ['2026-06-01T00:00:00', '2025-01-01T01:00:00', '2024-12-31T23:00:00']);
  // Weeks begin on Monday: the 23rd of November 2026 is one.
  const weeks = ['2026-11-21T01:00:00', '2026-11-22T23:00:00', '2026-11-23T01:00:00', '2026-11-29T23:00:00', '2026-11-30T01:00:00'];
  assert.deepEqual(kept(weeks, { weekly: 2 }), ['2026-11-30T01:00:00', '2026-11-29T23:00:00']);
  assert.deepEqual(kept(weeks, { weekly: 3 }), ['2026-11-30T01:00:00', '2026-11-29T23:00:00', '2026-11-22T23:00:00']);
});

test('rules add up, and within counts from the newest snapshot, not from now', () => {
  assert.deepEqual(kept(HOURS, { last: 1, daily: 2 }), ['2026-11-21T23:30:00', '2026-11-20T23:30:00']);
  assert.deepEqual(kept(HOURS, { within: 2 * 3600 }), ['2026-11-21T23:30:00', '2026-11-21T22:30:00']);
  assert.equal(isEmptyPolicy({}), true);
  assert.equal(isEmptyPolicy({ last: 0 }), true);
  assert.equal(isEmptyPolicy({ within: 60 }), false);
});

test('spans join where one follows the other by its ids, and not else', () => {
  const id = (letter: string): string => letter.repeat(64);
  const span = (first: number, last: number, parent: string | undefined, end: string): Span => ({
    chain: 'c',
    first,
    last,
    ids: [id(end)],
    ...(parent === undefined ? {} : { parent: id(parent) }),
  });
  assert.deepEqual(mergeSpans([span(3, 3, 'b', 'c'), span(1, 2, undefined, 'b')]), [span(1, 3, undefined, 'c')]);
  assert.deepEqual(mergeSpans([span(1, 2, undefined, 'b'), span(3, 3, 'x', 'c')]), [span(1, 2, undefined, 'b'), span(3, 3, 'x', 'c')]);
  assert.deepEqual(mergeSpans([span(1, 5, undefined, 'e'), span(2, 3, 'a', 'c')]), [span(1, 5, undefined, 'e')]);
  assert.deepEqual(mergeSpans([{ ...span(3, 3, 'b', 'c'), chain: 'd' }, span(1, 2, undefined, 'b')]).length, 2);
});
