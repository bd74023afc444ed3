/** How many deltas a snapshot names, and how often each entry is written until the next base. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeCount } from '../../src/backup/deltas.ts';
import type { CatalogState } from '../../src/backup/state/state.ts';

const base: CatalogState = { name: 'base', size: 1e9, kind: 'base' };

/** Adds a delta as a backup does. @returns bytes written */
function add(catalogs: CatalogState[], size: number): number {
  const taken = catalogs.splice(catalogs.length - mergeCount(catalogs, size)).reduce((sum, delta) => sum + delta.size, size);
  catalogs.push({ name: String(taken), size: taken, kind: 'delta' });
  return taken;
}

test('a year of equal days leaves few deltas, each written a few times', () => {
  const catalogs = [base];
  let written = 0;
  let most = 0;
  for (let day = 0; day < 365; day++) {
    written += add(catalogs, 1000);
    most = Math.max(most, catalogs.length - 1);
  }
  assert.ok(most <= 12, `${most} deltas`);
  assert.ok(written <= 5 * 365 * 1000, `each entry ${written / 365_000} times`);
});

test('small deltas go into a large one, and a small one leaves large ones alone', () => {
  const catalogs = [base];
  for (const size of [100, 110, 90]) add(catalogs, size);
  add(catalogs, 10_000);
  assert.deepEqual(
    catalogs.slice(1).map(({ size }) => size),
    [10_300],
  );
  add(catalogs, 9000);
  add(catalogs, 50);
  assert.deepEqual(
    catalogs.slice(1).map(({ size }) => size),
    [10_300, 9000, 50],
  );
});

test('the base is never taken in', () => {
  assert.equal(mergeCount([base], 1e12), 0);
  assert.equal(mergeCount([], 1), 0);
});
