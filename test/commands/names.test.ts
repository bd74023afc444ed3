import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { writeMessage } from '../support/maildir.ts';
import { initArguments, makeSetting, type Result } from './setting.ts';

const setting = makeSetting();
const to = join(setting.root, 'out');
/** A name that is not UTF-8, and how it is shown. */
const STRANGE = { bytes: Buffer.from('d\xefrk@example.org', 'latin1'), shown: 'd%EFrk@example.org' };
const SHARED = '<shared@example.net>';

function deliver(user: Buffer | string, name: string, text: string): void {
  const cur = Buffer.concat([Buffer.from(join(setting.root, 'mail/example.org/')), Buffer.from(user), Buffer.from('/Maildir/cur/')]);
  mkdirSync(cur, { recursive: true });
  for (const part of ['new', 'tmp']) mkdirSync(Buffer.concat([cur, Buffer.from(`../${part}`)]), { recursive: true });
  if (typeof user === 'string') writeMessage(join(cur.toString(), `${name}:2,`), Buffer.from(text), 1_700_000_000_000);
  else writeFileSync(Buffer.concat([cur, Buffer.from(`${name}:2,`)]), text);
}

before(async () => {
  for (const user of ['alice', 'bob']) deliver(user, 'shared', `Message-ID: ${SHARED}\nSubject: to all\n\nhello ${user}\n`);
  deliver(STRANGE.bytes.subarray(0, 4), 'odd', 'Subject: odd\n\nodd\n');
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(setting.root, 'mail/example.org/empty/Maildir', part), { recursive: true });
  assert.equal((await setting.run(...initArguments(setting))).code, 0);
  assert.equal((await setting.run('backup')).code, 0);
});

function told({ code, json }: Result): [number | null, string | undefined, string | undefined] {
  const error = json['error'] as { message?: string; hint?: string } | undefined;
  return [code, error?.message, error?.hint];
}

test('export refuses a mistyped name beside a right one, and writes nothing', async () => {
  const asked = ['export', 'latest', '--to', to, '--mailbox', 'alice@example.org'];
  assert.deepEqual(told(await setting.json(...asked, '--mailbox', 'bbo@example.org')), [
    2,
    "the snapshot holds no mailbox 'bbo@example.org'",
    "did you mean 'bob@example.org'?",
  ]);
  assert.deepEqual(told(await setting.json(...asked, '--folder', 'INBOX', '--folder', 'Snet')), [
    2,
    "the snapshot holds no folder 'Snet' in mailbox 'alice@example.org'",
    "did you mean 'Sent'?",
  ]);
  assert.equal(existsSync(to), false);
  const tar = await setting.run('export', 'latest', '--format', 'tar', '--to', '-', '--mailbox', 'bbo@example.org');
  assert.deepEqual([tar.code, tar.out], [2, '']);
});

test('find tells a name that is nowhere from a search without a result', async () => {
  assert.deepEqual(told(await setting.json('find', '--mailbox', 'alcie@example.org')), [
    2,
    "no snapshot holds a mailbox 'alcie@example.org'",
    "did you mean 'alice@example.org'?",
  ]);
  assert.equal((await setting.json('find', '--mailbox', 'alice@example.org', '--mailbox', 'x*')).code, 2);
  assert.deepEqual(told(await setting.json('find', '--folder', 'Snet')), [2, "no snapshot holds a folder 'Snet'", "did you mean 'Sent'?"]);
  assert.deepEqual(told(await setting.json('find', '--host', 'mx2')), [
    2,
    "there is no snapshot of host 'mx2', only of: mx1",
    'name the host with --host mx1',
  ]);
  const empty = await setting.json('find', '--mailbox', 'empty@example.org');
  assert.deepEqual([empty.code, empty.json.counts['matches']], [0, 0]);
  const inbox = await setting.json('find', '--mailbox', '*lic*', '--folder', 'INBOX', '--message-id', SHARED);
  assert.deepEqual([inbox.code, inbox.json.counts['matches']], [0, 1]);
  const sent = await setting.json('find', '--folder', 'Sent', '--message-id', SHARED);
  assert.deepEqual([sent.code, sent.json.counts['matches']], [0, 0]);
});

test('a Message-ID means the copy of the mailbox that is named', async () => {
  for (const user of ['alice', 'bob']) {
    const place = join(setting.root, `shared-${user}`);
    const asked = ['restore', 'latest', '--to', place, '--mailbox', `${user}@example.org`, '--message', SHARED];
    const { code, json } = await setting.json(...asked);
    assert.deepEqual([code, json.counts['messages']], [0, 1]);
    assert.deepEqual(readdirSync(join(place, `example.org/${user}/Maildir/cur`)), ['shared:2,']);
  }
  const wrong = ['restore', 'latest', '--to', to, '--mailbox', 'alice@example.org', '--folder', 'Sent', '--message', SHARED];
  assert.deepEqual(told(await setting.json(...wrong)).slice(0, 2), [
    2,
    `the snapshot holds no message '${SHARED}' in 'alice@example.org', 'Sent'`,
  ]);
  const both = told(await setting.json('restore', 'latest', '--to', to, '--message', SHARED));
  assert.match(both[1] ?? '', /^2 different messages have the Message-ID/);
});

test('a backup takes patterns of names, and says which name is none', async () => {
  deliver('alice', 'later', 'Subject: later\n\nlater\n');
  deliver('bob', 'later', 'Subject: later\n\nlater\n');
  const some = await setting.json('backup', '--mailbox', 'al*');
  assert.deepEqual([some.code, some.json.counts['newMessages']], [0, 1]);
  assert.deepEqual(told(await setting.json('backup', '--mailbox', 'al*', '--mailbox', 'bbo@example.org')), [
    2,
    "there is no mailbox 'bbo@example.org'",
    "did you mean 'bob@example.org'?",
  ]);
  assert.deepEqual(told(await setting.json('backup', '--mailbox', 'z*')).slice(0, 2), [2, "there is no mailbox that fits 'z*'"]);
  const rest = await setting.json('backup');
  assert.deepEqual([rest.code, rest.json.counts['newMessages']], [0, 1]);
});

test('ls takes patterns, too; diff knows mailboxes of either snapshot', async () => {
  const { json } = await setting.json('ls', 'latest', '*@example.org');
  const mailboxes = new Set((json['folders'] as { mailbox: string }[]).map(({ mailbox }) => mailbox));
  assert.deepEqual([...mailboxes], ['alice@example.org', 'bob@example.org', STRANGE.shown, 'empty@example.org']);
  assert.equal((await setting.json('diff', 'latest~1', 'latest', '--mailbox', 'bob@example.org')).json.counts['added'], 1);
  assert.equal((await setting.json('diff', 'latest~1', 'latest', '--mailbox', 'bbo@example.org')).code, 2);
});

test('a mailbox whose name is not UTF-8 goes by the name that is shown', async () => {
  const sample = await setting.json('verify', '--level', 'files', '--sample', '1%', '--mailbox', STRANGE.shown);
  assert.deepEqual([sample.code, sample.json.counts['messages']], [0, 1]);
  const all = await setting.json('verify', '--level', 'mail', '--sample', '99%');
  assert.deepEqual([all.code, all.json.counts['mailboxes']], [0, 4]);
  assert.equal((await setting.json('find', '--mailbox', STRANGE.shown)).json.counts['matches'], 1);
  assert.equal((await setting.json('backup', '--mailbox', STRANGE.shown)).code, 0);
});

test('numbers agree: what a backup stored, what snapshots says of it; other files are not mail', async () => {
  writeFileSync(join(setting.root, 'mail/example.org/bob/Maildir/subscriptions'), 'V\t2\n\nSent\n');
  const { json } = await setting.json('backup');
  assert.deepEqual([json.counts['bytesRead'], json.counts['otherBytesRead']], [0, 10]);
  const rows = (await setting.json('snapshots')).json['snapshots'] as { bytesStored: number }[];
  assert.equal(rows.at(-1)?.bytesStored, json.counts['bytesStored']);
});
