import assert from 'node:assert/strict';
import { chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, lchownSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { findMailboxes } from '../../src/store/mailboxes.ts';
import { parsePattern } from '../../src/store/pattern.ts';

const made: string[] = [];
after(() => {
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
});

function tree(...dirs: (string | Buffer)[]): string {
  const root = mkdtempSync(join(tmpdir(), 'mailrecover-find-'));
  made.push(root);
  for (const dir of dirs)
    mkdirSync(typeof dir === 'string' ? join(root, dir) : Buffer.concat([Buffer.from(`${root}/`), dir]), { recursive: true });
  return root;
}

async function find(pattern: string, options = {}): Promise<{ names: string[]; codes: string[]; places: string[] }> {
  const { mailboxes, findings } = await findMailboxes(parsePattern(pattern), options);
  return { names: mailboxes.map((m) => m.mailbox), codes: findings.map((f) => f.code), places: mailboxes.map((m) => m.relative) };
}

const root = process.getuid?.() === 0;

test('finds what lies at the levels of the pattern, and nothing else', async () => {
  const dir = tree(
    'b.org/bob/Maildir',
    'a.org/alice/Maildir',
    'a.org/empty',
    'a.org/.hidden/Maildir',
    '.x/y/Maildir',
    'lost+found/z/Maildir',
    'a.org/al/Maildir/cur',
  );
  writeFileSync(join(dir, 'file'), '');
  writeFileSync(join(dir, 'a.org/note'), '');
  const got = await find(`${dir}/%d/%n/Maildir`);
  assert.deepEqual(got.names, ['al@a.org', 'alice@a.org', 'bob@b.org']);
  assert.deepEqual(got.places, ['a.org/al/Maildir', 'a.org/alice/Maildir', 'b.org/bob/Maildir']);
  assert.deepEqual(got.codes, []);
});

test('users without a domain, literal pieces, dots that the pattern has', async () => {
  const dir = tree('mail-a/x', 'mail-b/x', 'other/x', '.mail-c/x');
  assert.deepEqual((await find(`${dir}/mail-%u/x`)).names, ['a', 'b']);
  assert.deepEqual((await find(`${dir}/.mail-%u/x`)).names, ['c']);
});

test('a variable that stands twice has one value', async () => {
  const dir = tree('a.org/a/alice@a.org', 'a.org/a/alice@b.org', 'a.org/b/alice@a.org', 'a.org/b/bob@a.org', 'a.org/b/bob');
  assert.deepEqual((await find(`${dir}/%d/%1n/%u`)).names, ['alice@a.org', 'bob@a.org']);
  const twice = tree('a/a', 'a/b', 'B/b', 'B/B');
  assert.deepEqual((await find(`${twice}/%n/%n`)).places, ['B/B', 'a/a']);
  assert.deepEqual((await find(`${twice}/%n/%Ln`)).places, ['B/b', 'a/a']);
  assert.deepEqual((await find(`${twice}/%Ln/%n`)).places, ['B/B', 'B/b', 'a/a']);
  const joined = tree('alice@a.org', 'bob@b@c', 'nobody');
  assert.deepEqual((await find(`${joined}/%n@%d`)).names, ['alice@a.org', 'bob@b@c']);
  const split = tree('alice@a.org/a.org/alice', 'alice@a.org/b.org/alice', 'alice/x/alice');
  assert.deepEqual((await find(`${split}/%u/%d/%n`)).places, ['alice@a.org/a.org/alice']);
});

test('names that are not UTF-8', async () => {
  const dir = tree(Buffer.from('a.org/caf\xe9/Maildir', 'latin1'), 'a.org/café/Maildir');
  const { mailboxes } = await findMailboxes(parsePattern(`${dir}/%d/%n/Maildir`));
  assert.deepEqual(
    mailboxes.map((m) => m.mailbox),
    ['café@a.org', 'caf%E9@a.org'],
  );
  assert.equal(mailboxes[1]?.relative, 'a.org/caf\xe9/Maildir');
});

test(
  'symbolic links: root made, owner match, broken, other owner, seen twice',
  { skip: root ? false : 'needs root to change owners' },
  async () => {
    const dir = tree('a.org/alice/Maildir', 'a.org/bob', 'a.org/carl', 'a.org/dave', 'a.org/erin');
    const away = tree('bob', 'carl', 'dave');
    symlinkSync(join(away, 'bob'), join(dir, 'a.org/bob/Maildir'));
    symlinkSync(join(away, 'carl'), join(dir, 'a.org/carl/Maildir'));
    lchownSync(join(dir, 'a.org/carl/Maildir'), 1234, 1234);
    symlinkSync(join(away, 'dave'), join(dir, 'a.org/dave/Maildir'));
    lchownSync(join(dir, 'a.org/dave/Maildir'), 1234, 1234);
    chownSync(join(away, 'dave'), 1234, 1234);
    symlinkSync('/nowhere', join(dir, 'a.org/erin/Maildir'));
    symlinkSync('a.org', join(dir, 'alias.org'));
    const got = await find(`${dir}/%d/%n/Maildir`);
    assert.deepEqual(got.names, ['alice@a.org', 'bob@a.org', 'dave@a.org']);
    assert.deepEqual(got.codes.toSorted(), [
      'link-alias',
      'link-alias',
      'link-alias',
      'link-broken',
      'link-broken',
      'link-not-followed',
      'link-not-followed',
    ]);
  },
);

test('what cannot be listed is a finding', async () => {
  assert.deepEqual(await find('/nowhere/at/all/%u'), { names: [], codes: ['unreadable'], places: [] });
  const dir = tree('a.org/alice/Maildir', 'b.org/bob/Maildir');
  if (!root) {
    chmodSync(join(dir, 'b.org'), 0);
    assert.deepEqual((await find(`${dir}/%d/%n/Maildir`)).codes, ['unreadable']);
    chmodSync(join(dir, 'b.org'), 0o700);
  }
});

test('a single mailbox, an mbox file, an abort', async () => {
  const dir = tree('one/Maildir');
  await assert.rejects(find(`${dir}/one/Maildir`), /no variable and no mailbox name/);
  assert.deepEqual(await find(`${dir}/one/Maildir`, { mailbox: 'me@x' }), { names: ['me@x'], codes: [], places: ['Maildir'] });
  writeFileSync(join(dir, 'alice'), '');
  assert.deepEqual((await find(`${dir}/%u`, { kind: 'file' })).names, ['alice']);
  await assert.rejects(find(`${dir}/%u`, { signal: AbortSignal.abort() }), /abort/);
});
