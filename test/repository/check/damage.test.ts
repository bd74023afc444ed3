/** Every kind of object, damaged in every way, is named. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { objectPath } from '../../../src/repository/names.ts';
import { secretFingerprint } from '../../../src/repository/secret.ts';
import { hostFingerprint } from '../../../src/repository/signing.ts';
import { check, DAMAGES, makeFixture, subjects, type Fixture } from './fixture.ts';

const KINDS: Record<string, (fixture: Fixture) => string> = {
  marker: () => 'mailrecover.json',
  script: () => 'recover.sh',
  page: () => 'RECOVER.md',
  host: ({ key }) => `hosts/${hostFingerprint(key.publicHex)}.json`,
  secret: ({ secret, recipients }) => `keys/dedup-${secretFingerprint(secret)}.json${recipients === undefined ? '' : '.age'}`,
  pack: ({ packs }) => objectPath('pack', packs[1]?.name ?? ''),
  tags: ({ tags }) => objectPath('tags', tags[1] ?? ''),
  base: ({ catalogs }) => objectPath('catalog', catalogs[0] ?? ''),
  delta: ({ catalogs }) => objectPath('catalog', catalogs[1] ?? ''),
  'first snapshot': ({ snapshots }) => snapshots[0]?.path ?? '',
  'last snapshot': ({ snapshots }) => snapshots[1]?.path ?? '',
};

/** What only reading all data can find; all else is found without. */
const NEEDS_DATA = new Set(['pack', 'tags', 'base', 'delta']);

for (const encrypted of [true, false]) {
  const name = encrypted ? 'encrypted' : 'in clear';
  test(`a sound repository ${name} has nothing to tell`, async () => {
    const fixture = await makeFixture(encrypted);
    for (const readData of [false, true]) {
      const report = await check(fixture, { readData, ...(encrypted ? { identities: [fixture.identity] } : {}) });
      assert.deepEqual(report.findings, []);
      assert.deepEqual(report.counts, { objects: 4 + 1 + 3 + 3 + 2 + 2, damaged: 0, missing: 0 });
      assert.equal(report.outcome, 'ok');
    }
  });

  for (const [kind, pathOf] of Object.entries(KINDS)) {
    for (const [how, damage] of Object.entries(DAMAGES)) {
      test(`${kind} ${how}, ${name}`, async () => {
        const fixture = await makeFixture(encrypted);
        const path = pathOf(fixture);
        damage(join(fixture.root, 'repo', path));
        const flipped = how === 'flipped bit';
        const readData = flipped && NEEDS_DATA.has(kind);
        const needsIdentity = flipped && kind === 'secret' && encrypted;
        const report = await check(fixture, { readData, ...(needsIdentity ? { identities: [fixture.identity] } : {}) });
        assert.ok(subjects(report).includes(path), `${path} is not among ${subjects(report).join(', ')}`);
        assert.equal(report.outcome, 'failed');
        assert.deepEqual([report.counts.damaged, report.counts.missing], how === 'deleted' ? [0, 1] : [1, 0]);
        assert.ok(report.findings.every(({ message, hint }) => !`${message}${hint}`.includes('    at ')));
      });
    }
  }
}

test('objects swapped with each other are both named', async () => {
  const fixture = await makeFixture();
  const [a, b] = [0, 1].map((number) => join(fixture.root, 'repo', objectPath('pack', fixture.packs[number]?.name ?? '')));
  assert.ok(a !== undefined && b !== undefined);
  copyFileSync(a, `${a}.x`);
  renameSync(b, a);
  renameSync(`${a}.x`, b);
  assert.deepEqual((await check(fixture)).counts, { objects: 15, damaged: 2, missing: 0 });
});

test('objects of one size swapped with each other are both named by --read-data', async () => {
  const fixture = await makeFixture();
  const paths = [0, 1].map((number) => join(fixture.root, 'repo', objectPath('catalog', fixture.catalogs[number] ?? '')));
  const [a, b] = paths.map((path) => readFileSync(path));
  assert.ok(a !== undefined && b !== undefined && paths[0] !== undefined);
  // Bytes of another object in the size of this one.
  writeFileSync(paths[0], Buffer.concat([b, a]).subarray(0, a.length));
  assert.equal((await check(fixture)).outcome, 'ok');
  const report = await check(fixture, { readData: true });
  assert.deepEqual(subjects(report), [objectPath('catalog', fixture.catalogs[0] ?? '')]);
});

test('an object under another name is missing, and its other name is wrong', async () => {
  const fixture = await makeFixture();
  const path = objectPath('pack', fixture.packs[0]?.name ?? '');
  const name = path.slice(path.lastIndexOf('/') + 1);
  const other = `packs/${name.slice(0, 2)}/${name.slice(0, 60)}0000${name.slice(64)}`;
  renameSync(join(fixture.root, 'repo', path), join(fixture.root, 'repo', other));
  const report = await check(fixture, { readData: true });
  assert.deepEqual(subjects(report), [path, other].sort());
  assert.deepEqual(report.counts, { objects: 15, damaged: 1, missing: 1 });
  renameSync(join(fixture.root, 'repo', other), join(fixture.root, 'repo', `${path}.bak`));
  const renamed = await check(fixture);
  assert.deepEqual(subjects(renamed), [path]);
  assert.deepEqual(
    renamed.findings.filter(({ code }) => code === 'unknown-file').map(({ subject }) => subject),
    [`${path}.bak`],
  );
});

test('an object in clear has no place in an encrypted repository', async () => {
  const fixture = await makeFixture();
  const clear = await makeFixture(false);
  const path = objectPath('pack', clear.packs[0]?.name ?? '');
  await fixture.target.put(path, await clear.target.get(path));
  assert.deepEqual(
    (await check(fixture)).findings.map(({ code, subject }) => [code, subject]),
    [['unknown-file', path]],
  );
});

test('an object in the folder of others is not where anybody looks for it', async () => {
  const fixture = await makeFixture();
  const path = objectPath('pack', fixture.packs[0]?.name ?? '');
  const other = path.replace(/^packs\/../, 'packs/zz');
  await fixture.target.put(other, await fixture.target.get(path));
  assert.deepEqual(
    (await check(fixture)).findings.map(({ code, subject }) => [code, subject]),
    [['unknown-file', other]],
  );
});

test('what belongs to nothing is told, and is no damage', async () => {
  const fixture = await makeFixture();
  const repo = join(fixture.root, 'repo');
  writeFileSync(join(repo, 'packs', '.tmp-0123456789abcdef'), 'half');
  const other = await makeFixture();
  const path = objectPath('pack', other.packs[0]?.name ?? '');
  await fixture.target.put(path, await other.target.get(path));
  writeFileSync(join(repo, 'notes.txt'), 'mine');
  const report = await check(fixture, { readData: true });
  assert.deepEqual(report.findings.map(({ severity, code }) => `${severity} ${code}`).sort(), [
    'info debris',
    'info unfinished',
    'warning unknown-file',
  ]);
  assert.equal(report.outcome, 'warning');
});

test('a place that is no repository is not a damaged one', async () => {
  const fixture = await makeFixture();
  await assert.rejects(
    check({ ...fixture, target: { ...fixture.target, get: async () => fixture.target.get('nothing'), async *list() {} } }),
    { code: 'no-repository' },
  );
});
