import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parentsOf } from '../../src/restore/parents.ts';
import type { RestorePlan } from '../../src/restore/plan.ts';

function planOf(directories: Record<string, string>): RestorePlan {
  const owned = Object.entries(directories).map(([path, user]) => [path, { mode: 0o700, user, group: `${user}-group`, mtime: 0 }] as const);
  return { directories: new Map(owned), files: [], links: new Map(), numbering: undefined, counts: {} } as unknown as RestorePlan;
}

const ALL = ['org', 'org/alice', 'org/alice/Maildir', 'org/alice/Maildir/cur', 'org/bob', 'org/bob/Maildir'];

test('directories above mailboxes of one owner belong to that owner alone', () => {
  const plan = planOf({ 'org/alice/Maildir': 'vmail', 'org/alice/Maildir/cur': 'vmail', 'org/bob/Maildir': 'vmail' });
  const parents = parentsOf(plan, ALL);
  const owner = { user: 'vmail', group: 'vmail-group' };
  assert.deepEqual(Object.fromEntries(parents), {
    org: { mode: 0o700, owner },
    'org/alice': { mode: 0o700, owner },
    'org/bob': { mode: 0o700, owner },
  });
});

test('where mailboxes have different owners, all of them can pass and none can look', () => {
  const plan = planOf({ 'org/alice/Maildir': 'alice', 'org/alice/Maildir/cur': 'alice', 'org/bob/Maildir': 'bob' });
  const parents = parentsOf(plan, ALL);
  assert.deepEqual(parents.get('org'), { mode: 0o711, owner: undefined });
  assert.deepEqual(parents.get('org/alice'), { mode: 0o700, owner: { user: 'alice', group: 'alice-group' } });
  assert.equal(parents.has('org/alice/Maildir'), false);
});

test('a directory of which nothing below is known stays with whoever restores', () => {
  assert.deepEqual(parentsOf(planOf({}), ['org']).get('org'), { mode: 0o711, owner: undefined });
});
