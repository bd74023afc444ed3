/** What damage costs: with an identity mailbox by mailbox and message by message, without one by snapshot. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { objectPath } from '../../../src/repository/names.ts';
import { check, letter, makeFixture, sha256, storeCatalog, storePack, storeSnapshot, storeTags } from './fixture.ts';

test('a missing pack costs its messages, named by mailbox', async () => {
  for (const encrypted of [true, false]) {
    const fixture = await makeFixture(encrypted);
    const [pack] = fixture.packs;
    assert.ok(pack !== undefined);
    const path = objectPath('pack', pack.name);
    await fixture.target.remove(path);
    const report = await check(fixture, encrypted ? { identities: [fixture.identity] } : {});
    const [object, mailbox] = report.findings;
    assert.equal(object?.subject, path);
    assert.match(
      object?.message ?? '',
      /is missing; 2 snapshots need it, the newest is [0-9a-f]{12} of 'mx1' \(2026-11-22.*\); it costs 3 messages in 1 mailbox$/,
    );
    assert.equal(mailbox?.subject, 'alice@example.org');
    for (const { content, dir } of pack.letters)
      assert.ok(mailbox?.message.includes(`${dir === '' ? 'INBOX' : 'Sent'} ${sha256(content).slice(0, 16)}`), mailbox?.message);
    assert.equal(report.lost.length, 3);
    assert.ok(report.lost.every(({ inNewest }) => inNewest));
  }
});

test('without an identity the cost is told by snapshot', async () => {
  const fixture = await makeFixture();
  await fixture.target.remove(objectPath('pack', fixture.packs[2]?.name ?? ''));
  await fixture.target.remove(objectPath('catalog', fixture.catalogs[0] ?? ''));
  await fixture.target.remove(objectPath('tags', fixture.tags[0] ?? ''));
  const report = await check(fixture);
  const messages = report.findings.map(({ message }) => message).join('\n');
  assert.match(messages, /1 snapshot needs it: [0-9a-f]{12} of 'mx1'/);
  assert.match(messages, /the newest lists 6 messages in 2 mailboxes/);
  assert.match(messages, /it costs no mail/);
  assert.deepEqual(report.lost, []);
});

test('a bit that flipped in a pack costs what lies behind it, and no more', async () => {
  const fixture = await makeFixture();
  const letters = Array.from({ length: 40 }, (_, number) =>
    letter('carol@example.org', '', `${number}.c`, `Subject: ${number}\n\n${sha256(String(number)).repeat(3000)}\n`),
  );
  const pack = await storePack(fixture, letters);
  const tags = await storeTags(fixture, pack, letters);
  const last = fixture.snapshots[1];
  assert.ok(last !== undefined);
  const catalog = await storeCatalog(
    fixture,
    'delta',
    letters.map((one) => [one, pack.name]),
  );
  const { snapshot } = last;
  const next = {
    ...snapshot,
    sequence: 3,
    parent: last.id,
    catalogs: [...snapshot.catalogs, catalog],
    packs: [...snapshot.packs, pack],
    tags: [...snapshot.tags, tags],
    counts: { ...snapshot.counts, messages: 46 },
  };
  const stored = await storeSnapshot(fixture, next);
  fixture.snapshots.push({ ...stored, snapshot: next });
  assert.deepEqual((await check(fixture, { readData: true, identities: [fixture.identity] })).findings, []);
  const path = join(fixture.root, 'repo', objectPath('pack', pack.name));
  const bytes = readFileSync(path);
  bytes[300] = (bytes[300] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  const report = await check(fixture, { readData: true, identities: [fixture.identity] });
  assert.deepEqual([report.counts.damaged, report.counts.missing], [1, 0]);
  assert.ok(report.lost.every(({ mailbox, object }) => mailbox === 'carol@example.org' && object === objectPath('pack', pack.name)));
});

test('what the newest snapshot has elsewhere is lost to older ones only', async () => {
  const fixture = await makeFixture();
  const [alices] = fixture.packs;
  const last = fixture.snapshots[1];
  assert.ok(alices !== undefined && last !== undefined);
  const again = await storePack(fixture, alices.letters);
  const tags = await storeTags(fixture, again, alices.letters);
  const catalog = await storeCatalog(
    fixture,
    'delta',
    alices.letters.map((one) => [one, again.name]),
  );
  const { snapshot } = last;
  const next = {
    ...snapshot,
    sequence: 3,
    parent: last.id,
    catalogs: [...snapshot.catalogs, catalog],
    packs: [...snapshot.packs.filter(({ name }) => name !== alices.name), again],
    tags: [...snapshot.tags, tags],
  };
  fixture.snapshots.push({ ...(await storeSnapshot(fixture, next)), snapshot: next });
  await fixture.target.remove(objectPath('pack', alices.name));
  const report = await check(fixture, { identities: [fixture.identity] });
  assert.deepEqual(
    report.lost.map(({ inNewest }) => inNewest),
    [false, false, false],
  );
  assert.match(report.findings.find(({ subject }) => subject === 'alice@example.org')?.message ?? '', /in older snapshots only/);
});
