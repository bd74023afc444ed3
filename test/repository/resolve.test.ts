import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { Finding } from '../../src/errors/finding.ts';
import { snapshotPath } from '../../src/repository/names.ts';
import { recentSnapshots, resolveSnapshot, trustOf, type ResolveOptions } from '../../src/repository/resolve.ts';
import { createHostKey, hostFingerprint, type HostKey } from '../../src/repository/signing.ts';
import { encodeSnapshot, type Snapshot } from '../../src/repository/snapshot/text.ts';
import type { Target } from '../../src/repository/target.ts';
import { localTarget } from '../../src/repository/targets/local.ts';
import { scratch } from '../support/tmp.ts';

process.env['TZ'] = 'Asia/Tokyo';

/** Snapshots without any mail in them, and a count of what is read of them. */
class Snapshots {
  readonly root: string;
  readonly target: Target;
  opened = 0;

  constructor() {
    this.root = scratch('resolve');
    const local = localTarget(this.root);
    this.target = {
      ...local,
      get: (path) => {
        this.opened++;
        return local.get(path);
      },
    };
  }

  async key(): Promise<HostKey> {
    return createHostKey(join(this.root, `key-${Math.random()}`));
  }

  add(key: HostKey, facts: Partial<Snapshot> & { sequence: number; time: string }): string {
    const whole = {
      host: 'mx1',
      outcome: 'complete' as const,
      counts: { mailboxes: 0, folders: 0, messages: 0, bytes: 0 },
      added: { messages: 0, bytes: 0, stored: 0 },
      tool: 'test',
      catalogs: [],
      packs: [],
      tags: [],
      ...facts,
    };
    const text = encodeSnapshot({ ...whole, key: key.publicHex }, key);
    const id = createHash('sha256').update(text).digest('hex');
    const path = join(this.root, snapshotPath(hostFingerprint(key.publicHex), facts.sequence, id));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return id;
  }

  async resolve(text: string, options: Partial<ResolveOptions> = {}): Promise<string> {
    return (await resolveSnapshot(this.target, text, { host: 'mx1', ...options })).id;
  }
}

const DAY = 86_400_000;
const BEGIN = Date.parse('2026-01-01T17:00:00.000Z');

function day(number: number): string {
  return new Date(BEGIN + number * DAY).toISOString();
}

test('an id, the beginning of one, latest and a time name a snapshot', async () => {
  const snapshots = new Snapshots();
  const key = await snapshots.key();
  const ids = [0, 1, 2, 3].map((number) => snapshots.add(key, { sequence: number + 1, time: day(number) }));
  const [first = '', second = '', third = '', fourth = ''] = ids;
  assert.equal(await snapshots.resolve(first), first);
  assert.equal(await snapshots.resolve(second.slice(0, 16)), second);
  assert.equal(await snapshots.resolve(second.slice(0, 16).toUpperCase()), second);
  assert.equal(await snapshots.resolve('latest'), fourth);
  assert.equal(await snapshots.resolve('latest~1'), third);
  assert.equal(await snapshots.resolve('latest~3'), first);
  await assert.rejects(snapshots.resolve('latest~4'), { code: 'not-found' });
  // 17:00 UTC is 02:00 on the next day in Tokyo.
  assert.equal(await snapshots.resolve('2026-01-02'), first);
  assert.equal(await snapshots.resolve('2026-01-03'), second);
  assert.equal(await snapshots.resolve('2026-01-03 01:59'), first);
  assert.equal(await snapshots.resolve('2026-01-03 02:00'), second);
  assert.equal(await snapshots.resolve('2026-01-02T17:00Z'), second);
  assert.equal(await snapshots.resolve('2026-01-02T16:59:59Z'), first);
  assert.equal(await snapshots.resolve('2027-01-01'), fourth);
  await assert.rejects(snapshots.resolve('2026-01-01'), { code: 'not-found' });
  for (const text of ['', 'abc', 'newest', 'latest~', 'latest~x', '2026-02-31', '2026-13-01', '20260101 ', '../x']) {
    await assert.rejects(snapshots.resolve(text), { code: 'usage' }, text);
  }
  await assert.rejects(snapshots.resolve('0000000000'), { code: 'not-found' });
});

test('the beginning of several ids is ambiguous', async () => {
  const snapshots = new Snapshots();
  const key = await snapshots.key();
  const seen = new Map<string, string>();
  for (let number = 1; ; number++) {
    const id = snapshots.add(key, { sequence: number, time: day(number) });
    const other = seen.get(id.slice(0, 4));
    if (other !== undefined) {
      await assert.rejects(snapshots.resolve(id.slice(0, 4)), (error: Error & { code: string }) => {
        assert.equal(error.code, 'ambiguous');
        return error.message.includes(id.slice(0, 16)) && error.message.includes(other.slice(0, 16));
      });
      assert.equal(await snapshots.resolve(id.slice(0, 24)), id);
      return;
    }
    seen.set(id.slice(0, 4), id);
  }
});

test('few of a thousand snapshots are opened', async () => {
  const snapshots = new Snapshots();
  const key = await snapshots.key();
  const ids = Array.from({ length: 1000 }, (_, number) => snapshots.add(key, { sequence: number + 1, time: day(number) }));
  const cost = async (text: string, expected: string | undefined): Promise<number> => {
    snapshots.opened = 0;
    assert.equal(await snapshots.resolve(text), expected);
    return snapshots.opened;
  };
  assert.equal(await cost('latest', ids[999]), 1);
  assert.equal(await cost('latest~2', ids[997]), 3);
  assert.equal(await cost(ids[500] ?? '', ids[500]), 1);
  assert.ok((await cost(day(321), ids[321])) <= 13);
  snapshots.opened = 0;
  const recent = await recentSnapshots(snapshots.target, { limit: 3, trusted: [] });
  assert.deepEqual(
    recent.snapshots.map(({ id }) => id),
    ids.slice(-3),
  );
  assert.ok(snapshots.opened <= 4);
});

test('a clock that was set back does not hide what is right', async () => {
  const snapshots = new Snapshots();
  const key = await snapshots.key();
  const days = [0, 1, 2, 3, 400, 5, 6, 7, 8, 9];
  const ids = days.map((number, index) => snapshots.add(key, { sequence: index + 1, time: day(number) }));
  for (const [index, number] of days.entries())
    if (index > 5) assert.equal(await snapshots.resolve(day(number)), ids[index], `day ${number}`);
  assert.equal(await snapshots.resolve('latest'), ids.at(-1));
});

test('a partial snapshot is never chosen unasked, and never silently passed over', async () => {
  const snapshots = new Snapshots();
  const key = await snapshots.key();
  const partial = snapshots.add(key, { sequence: 1, time: day(0), outcome: 'partial' });
  await assert.rejects(
    snapshots.resolve('latest'),
    (error: Error & { code: string }) => error.code === 'refused' && error.message.includes(partial.slice(0, 12)),
  );
  await assert.rejects(snapshots.resolve('2027-01-01'), { code: 'refused' });
  assert.equal(await snapshots.resolve(partial), partial);
  const complete = snapshots.add(key, { sequence: 2, time: day(1) });
  const newer = snapshots.add(key, { sequence: 3, time: day(2), outcome: 'partial' });
  const findings: Finding[] = [];
  assert.equal(await snapshots.resolve('latest', { findings }), complete);
  assert.deepEqual(
    findings.map(({ code, subject }) => [code, subject]),
    [['partial-snapshot', newer]],
  );
  const last = snapshots.add(key, { sequence: 4, time: day(3) });
  assert.equal(await snapshots.resolve('latest~1'), complete);
  assert.equal(await snapshots.resolve('latest'), last);
});

test("another host's snapshots are never chosen unasked", async () => {
  const snapshots = new Snapshots();
  await assert.rejects(snapshots.resolve('latest'), { code: 'not-found' });
  const other = snapshots.add(await snapshots.key(), { host: 'mx2', sequence: 9, time: day(5) });
  await assert.rejects(
    snapshots.resolve('latest'),
    (error: Error & { code: string; hint?: string }) =>
      error.code === 'not-found' && error.message.includes('mx2') && error.hint?.includes('--host mx2') === true,
  );
  assert.equal(await snapshots.resolve('latest', { host: 'mx2' }), other);
  assert.equal(await snapshots.resolve(other), other);
  const mine = snapshots.add(await snapshots.key(), { sequence: 1, time: day(1) });
  assert.equal(await snapshots.resolve('latest'), mine);
});

test('a host that was renamed has snapshots under both names', async () => {
  const snapshots = new Snapshots();
  const key = await snapshots.key();
  const old = snapshots.add(key, { host: 'mail', sequence: 1, time: day(0) });
  const now = snapshots.add(key, { host: 'mx1', sequence: 2, time: day(1) });
  assert.equal(await snapshots.resolve('latest'), now);
  assert.equal(await snapshots.resolve('latest', { host: 'mail' }), old);
});

test('a stranger who signs in the name of this host is left out', async () => {
  const snapshots = new Snapshots();
  const [own, stranger, former] = [await snapshots.key(), await snapshots.key(), await snapshots.key()];
  const mine = snapshots.add(own, { sequence: 1, time: day(1) });
  const forged = snapshots.add(stranger, { sequence: 99, time: day(9) });
  const older = snapshots.add(former, { sequence: 50, time: day(0) });
  const findings: Finding[] = [];
  const trusting = { own: own.publicHex, trust: [former.publicHex] };
  assert.equal(await snapshots.resolve('latest', { ...trusting, findings }), mine);
  assert.deepEqual(
    findings.map(({ code, subject }) => [code, subject]),
    [['unconfirmed-key', stranger.publicHex]],
  );
  assert.equal(await snapshots.resolve('latest~1', trusting), older);
  const open = (id: string) => resolveSnapshot(snapshots.target, id, { host: 'mx1' });
  assert.equal(trustOf(await open(mine), { ...trusting, host: 'mx1' }), undefined);
  assert.equal(trustOf(await open(older), { ...trusting, host: 'mx1' }), undefined);
  const snapshot = await open(forged);
  assert.throws(() => trustOf(snapshot, { ...trusting, host: 'mx1' }), { code: 'refused' });
  assert.equal(trustOf(snapshot, { ...trusting, host: 'mx7' })?.code, 'unconfirmed-key');
  assert.equal(trustOf(snapshot, { own: undefined, trust: [], host: 'mx1' })?.code, 'unconfirmed-key');
});

test('a damaged snapshot is named and passed over; asked for by its id it is an error', async () => {
  const snapshots = new Snapshots();
  const key = await snapshots.key();
  const good = snapshots.add(key, { sequence: 1, time: day(0) });
  const bad = snapshots.add(key, { sequence: 2, time: day(1) });
  writeFileSync(join(snapshots.root, snapshotPath(hostFingerprint(key.publicHex), 2, bad)), 'rubbish');
  const findings: Finding[] = [];
  assert.equal(await snapshots.resolve('latest', { findings }), good);
  assert.deepEqual(
    findings.map(({ code }) => code),
    ['damaged-snapshot'],
  );
  await assert.rejects(snapshots.resolve(bad), { code: 'damage' });
  const listed = await recentSnapshots(snapshots.target, { limit: 0, trusted: [] });
  assert.deepEqual(
    listed.findings.map(({ code, severity }) => [code, severity]),
    [['damage', 'error']],
  );
});
