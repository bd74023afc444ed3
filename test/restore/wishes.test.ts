import assert from 'node:assert/strict';
import { existsSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { isThere } from '../../src/restore/write/files.ts';
import { initArguments, makeSetting, type Result } from '../commands/setting.ts';

const setting = makeSetting();
const to = join(setting.root, 'out');

before(async () => {
  assert.equal((await setting.run(...initArguments(setting))).code, 0);
  assert.equal((await setting.run('backup')).code, 0);
});

function refusal({ code, json }: Result): [number | null, string] {
  return [code, String((json['error'] as { message?: string } | undefined)?.message)];
}

test('a name that fits nothing is refused, also beside names that fit', async () => {
  const wishes: [string, ...string[]][] = [
    ['mailbox', '--mailbox', 'alice@example.org', '--mailbox', 'bbo@example.org'],
    ['folder', '--folder', 'Sent', '--folder', 'bbo@example.org'],
    ['mailbox', '--mailbox', 'alice*', '--mailbox', 'bbo@example.org', '--folder', 'Sent'],
  ];
  for (const [what, ...wish] of wishes) {
    const message = `the snapshot holds no ${what} 'bbo@example.org'`;
    assert.deepEqual(refusal(await setting.json('restore', 'latest', '--to', to, ...wish)), [2, message]);
    assert.equal(existsSync(to), false);
  }
});

test('a sample of mailboxes that are not there proves nothing, and one of a pattern only what fits', async () => {
  const sample = ['verify', '--level', 'files', '--sample', '10%'];
  assert.deepEqual(refusal(await setting.json(...sample, '--mailbox', 'bbo@example.org')), [
    2,
    "the snapshot holds no mailbox 'bbo@example.org'",
  ]);
  const { code, json } = await setting.json(...sample, '--mailbox', 'alice*');
  assert.equal(code, 0);
  const alone = await setting.json('verify', '--level', 'files', '--mailbox', 'alice@example.org');
  assert.deepEqual(json.counts, alone.json.counts);
  assert.equal(json.counts['mailboxes'], 1);
});

test('a dry run says what would stand in the way', async () => {
  const full = join(setting.root, 'full');
  mkdirSync(full);
  writeFileSync(join(full, 'x'), '');
  assert.deepEqual(refusal(await setting.json('restore', 'latest', '--to', full, '--dry-run')), [20, `'${full}' is not empty`]);
  const file = join(full, 'x');
  for (const more of [[], ['--dry-run']])
    assert.deepEqual(refusal(await setting.json('restore', 'latest', '--to', file, ...more)), [20, `'${file}' is not a directory`]);
  const { code } = await setting.json('restore', 'latest', '--to', join(to, 'deep'), '--dry-run');
  assert.equal(code, 0);
  assert.equal(existsSync(to), false);
});

test('owners are given to somebody who is there', { skip: process.getuid?.() === 0 ? false : 'only root gives files away' }, async () => {
  const [code, message] = refusal(await setting.json('restore', 'latest', '--to', to, '--map-owner', 'root:no-such-user'));
  assert.deepEqual([code, message], [2, "there is no user or group 'no-such-user' on this host"]);
  assert.equal(existsSync(to), false);
});

test('a file that is no directory is no repository', async () => {
  const [code] = refusal(await setting.json('snapshots', '--repository', setting.config));
  assert.equal(code, 10);
});

test('what a run before restored for another owner is not complete', () => {
  const path = join(setting.root, 'message');
  writeFileSync(path, 'x');
  utimesSync(path, 1, 1);
  const { mode, uid, gid } = statSync(path);
  const facts = { mode: mode & 0o7777, uid, gid, mtime: 1_000_000 };
  assert.equal(isThere(path, 1, facts), true);
  assert.equal(isThere(path, 1, { ...facts, uid: undefined, gid: undefined }), true);
  assert.equal(isThere(path, 1, { ...facts, uid: uid + 1 }), false);
  assert.equal(isThere(path, 1, { ...facts, gid: gid + 1 }), false);
});
