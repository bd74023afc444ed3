import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Finding } from '../../src/errors/finding.ts';
import { createHostKey, hostFingerprint, type HostKey } from '../../src/repository/signing.ts';
import { decodeRuns, encodeRuns, parseRunsPath, type PublicRun } from '../../src/repository/runs/object.ts';
import { currentRefs, readHostRuns, spanOf, writeRuns } from '../../src/repository/runs/runs.ts';
import type { Target } from '../../src/repository/target.ts';
import { localTarget } from '../../src/repository/targets/local.ts';
import { scratch } from '../support/tmp.ts';

const DAY = 86_400_000;

function run(number: number, state = 'ok'): PublicRun {
  const started = new Date(Date.UTC(2026, 0, 1) + number * DAY).toISOString();
  return {
    run: number.toString(16).padStart(16, '0'),
    command: 'backup',
    started,
    state,
    ...(state === 'incomplete' ? {} : { finished: started, exit: 0 }),
    counts: { messages: number },
    findings: {},
    about: { snapshot: 'ab'.repeat(32) },
    version: '0.1.0',
  };
}

async function author(root: string, host = 'mx1'): Promise<{ host: string; key: HostKey; fingerprint: string }> {
  const key = await createHostKey(join(root, `${host}.key`));
  return { host, key, fingerprint: hostFingerprint(key.publicHex) };
}

/** Counts what is asked of a target. */
function counted(target: Target): { target: Target; gets: () => number } {
  let gets = 0;
  return { target: { ...target, get: (path) => (gets++, target.get(path)) }, gets: () => gets };
}

test('a thousand nights are a handful of objects', async () => {
  const root = scratch('runs');
  const who = await author(root);
  const target = localTarget(join(root, 'repo'));
  for (let night = 1; night <= 1000; night++) await writeRuns(target, who, [run(night)]);
  const names = readdirSync(join(root, 'repo/runs', who.fingerprint));
  assert.ok(names.length <= 28, `${names.length} objects`);
  const watched = counted(target);
  const runs = await readHostRuns(watched.target, []);
  assert.deepEqual(
    runs.map(({ counts }) => counts['messages']),
    Array.from({ length: 1000 }, (_, night) => night + 1),
  );
  assert.ok(watched.gets() <= 28);
});

test('where nothing may be removed, names tell what was taken in', async () => {
  const root = scratch('runs');
  const who = await author(root);
  const whole = localTarget(join(root, 'repo'));
  const denied: Target = { ...whole, remove: () => Promise.reject(new Error('append only')) };
  for (let night = 1; night <= 80; night++) await writeRuns(denied, who, [run(night)]);
  assert.equal(readdirSync(join(root, 'repo/runs', who.fingerprint)).length, 80);
  const watched = counted(denied);
  assert.equal((await readHostRuns(watched.target, [])).length, 80);
  assert.ok(watched.gets() <= 10, `${watched.gets()} objects read`);
  // Removed after all, once that is allowed.
  for (let night = 81; night <= 88; night++) await writeRuns(whole, who, [run(night)]);
  assert.ok(readdirSync(join(root, 'repo/runs', who.fingerprint)).length < 20);
  assert.equal((await readHostRuns(whole, [])).length, 88);
});

test('every write can be cut off, and nothing is told twice or lost', async () => {
  const root = scratch('runs');
  const who = await author(root);
  const target = localTarget(join(root, 'repo'));
  // Stored, but the process was killed before it could note so: the next one tells it again.
  for (let night = 1; night <= 40; night++) {
    await writeRuns({ ...target, remove: () => Promise.reject(new Error('killed')) }, who, [run(night - 1), run(night)]);
    const told = (await readHostRuns(target, [])).map(({ run: id }) => id);
    assert.equal(told.length, night + 1);
    assert.equal(new Set(told).size, told.length);
  }
});

test('hosts do not meddle with each other, and a damaged object costs what stood in it', async () => {
  const root = scratch('runs');
  const [one, two] = [await author(root), await author(root, 'mx2')];
  const target = localTarget(join(root, 'repo'));
  for (let night = 1; night <= 9; night++) await writeRuns(target, one, [run(night)]);
  for (let night = 101; night <= 103; night++) await writeRuns(target, two, [run(night, 'incomplete')]);
  const folder = join(root, 'repo/runs', one.fingerprint);
  const [large = '', small = ''] = readdirSync(folder).sort();
  const bytes = readFileSync(join(folder, large));
  writeFileSync(join(folder, large), bytes.subarray(0, -1));
  const findings: Finding[] = [];
  const runs = await readHostRuns(target, findings);
  assert.deepEqual(
    findings.map(({ code }) => code),
    ['damaged-history'],
  );
  assert.deepEqual(
    runs.map(({ host, state }) => `${host} ${state}`),
    ['mx1 ok', 'mx2 incomplete', 'mx2 incomplete', 'mx2 incomplete'],
  );
  assert.ok(existsSync(join(folder, small)));
  // Bytes under another host's name, or of another's signature, are refused.
  const ref = parseRunsPath(`runs/${one.fingerprint}/${small}`);
  assert.ok(ref !== undefined);
  const good = readFileSync(join(folder, small));
  assert.equal(decodeRuns(good, ref).host, 'mx1');
  assert.throws(() => decodeRuns(good, { ...ref, fingerprint: two.fingerprint }), /damaged/);
  assert.throws(() => decodeRuns(good, { ...ref, last: ref.last + 1 }), /damaged/);
  for (const rubbish of [{ codes: 'x' }, { about: { level: 1 } }, { error: {} }, { counts: { a: 'b' } }, { started: 'now' }]) {
    const { path, bytes: strange } = encodeRuns(one, { first: 1, last: 1 }, [{ ...run(1), ...rubbish } as unknown as PublicRun]);
    const place = parseRunsPath(path);
    assert.ok(place !== undefined);
    assert.throws(() => decodeRuns(strange, place), /damaged/);
  }
  assert.throws(() => decodeRuns(Buffer.concat([good, Buffer.from('x')]), ref), /damaged/);
});

test('what a write stands for', () => {
  assert.deepEqual([1, 7, 8, 9, 16, 63, 64, 512, 4096, 32_768].map(spanOf), [1, 1, 8, 1, 8, 1, 64, 512, 4096, 4096]);
  const ref = (first: number, last: number) => ({ path: `${first}`, id: '', fingerprint: 'f', first, last });
  assert.deepEqual(currentRefs([ref(1, 1), ref(1, 8), ref(9, 9), ref(9, 9)]), [ref(1, 8), ref(9, 9), ref(9, 9)]);
});
