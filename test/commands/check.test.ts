import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { initArguments, makeSetting, type Setting } from './setting.ts';

function files(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

async function backedUp(...more: string[]): Promise<Setting> {
  const setting = makeSetting();
  assert.equal((await setting.json(...initArguments(setting, ...more))).code, 0);
  assert.equal((await setting.json('backup')).code, 0);
  return setting;
}

test('a sound repository: exit 0, and silent for cron', async () => {
  const setting = await backedUp();
  const { code, json } = await setting.json('check');
  assert.deepEqual([code, json.outcome, json.counts['damaged'], json.counts['missing'], json.findings], [0, 'ok', 0, 0, []]);
  assert.ok((json.counts['objects'] ?? 0) >= 9);
  const quiet = await setting.run('check', '--quiet');
  assert.deepEqual([quiet.code, quiet.out, quiet.err], [0, '', '']);
});

test('damage: exit 4, every object named, and what it costs', async () => {
  const setting = await backedUp();
  const [pack = ''] = files(setting.repository, 'packs');
  const bytes = readFileSync(pack);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(pack, bytes);
  assert.equal((await setting.json('check')).code, 0);
  const { code, json } = await setting.json('check', '--read-data', '--identity', setting.identity);
  assert.deepEqual([code, json.outcome, json.counts['damaged'], json.counts['missing']], [4, 'failed', 1, 0]);
  assert.equal(json.findings[0]?.subject, pack.slice(setting.repository.length + 1));
  assert.equal(json.findings[0]?.code, 'damage');
  assert.ok(json.findings.some(({ subject }) => subject?.endsWith('@example.org')));
  const lost = json['lost'] as { message?: string; mailbox: string }[];
  const all = files(setting.root, 'mail').map((file) => createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16));
  for (const { message } of lost) if (message !== undefined) assert.ok(all.includes(message));

  rmSync(pack);
  const gone = await setting.json('check');
  assert.deepEqual([gone.code, gone.json.counts['damaged'], gone.json.counts['missing']], [4, 0, 1]);
  const text = await setting.run('check');
  assert.equal(text.code, 4);
  assert.match(text.out, /0 damaged, 1 missing/);
  assert.doesNotMatch(text.err, / {4}at /);
  // The other host of a disaster: no configuration, no key.
  const bare = await makeSetting(1).json('check', '--repository', setting.repository);
  assert.equal(bare.code, 4);
  assert.ok(bare.json.findings.some(({ code: name }) => name === 'unconfirmed-key'));
});

test('a replaced recover.sh is found, and put back by recover-script', async () => {
  const setting = await backedUp();
  const script = join(setting.repository, 'recover.sh');
  const before = readFileSync(script, 'utf8');
  appendFileSync(script, '# changed\n');
  assert.equal((await setting.json('check')).code, 4);
  assert.equal((await setting.run('recover-script')).out, before);
  const written = await setting.json('recover-script', '--write');
  assert.deepEqual([written.code, written.json['path']], [0, script]);
  assert.equal(readFileSync(script, 'utf8'), before);
  assert.equal(createHash('sha256').update(before).digest('hex'), written.json['sha256']);
  assert.equal((await setting.json('check')).code, 0);
});

test('a repository that was exchanged, or set back, is found by what this host knows', async () => {
  const setting = await backedUp();
  const [snapshot = ''] = files(setting.repository, 'snapshots');
  rmSync(snapshot);
  const { code, json } = await setting.json('check');
  assert.equal(code, 4);
  assert.equal(json.findings[0]?.subject, snapshot.slice(setting.repository.length + 1));
  const marker = join(setting.repository, 'mailrecover.json');
  const text = readFileSync(marker, 'utf8');
  writeFileSync(marker, text.replace(/"id":"./, '"id":"g'));
  const broken = await setting.json('check');
  assert.equal(broken.code, 4);
  const finding = broken.json.findings.find(({ subject }) => subject === 'mailrecover.json');
  assert.ok(finding?.hint?.includes(text.trim()), 'the hint tells what it held');
  rmSync(marker);
  assert.equal((await setting.json('check')).code, 4);
});

test('no repository, and an identity that does not fit', async () => {
  const setting = await backedUp();
  assert.equal((await setting.json('check', '--repository', join(setting.root, 'mail'))).code, 10);
  const other = await backedUp();
  assert.equal((await setting.json('check', '--identity', other.identity)).code, 12);
  assert.equal((await setting.json('check', '--identity', join(setting.root, 'nothing'))).code, 12);
});
