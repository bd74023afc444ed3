/** Whatever lies in a store comes back byte for byte, by the program itself. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { notBuilt } from '../support/binary.ts';
import { isRoot } from '../support/host.ts';
import type { Plan } from '../support/preload/plan.ts';
import { scratch } from '../support/tmp.ts';
import { treeDifferences, treeState } from '../support/tree.ts';
import { makeWorld, type World } from './world.ts';

const skip = notBuilt();

/** A path of bytes: characters up to 255 stand for bytes. */
const raw = (...parts: string[]): Buffer => Buffer.from(parts.join('/'), 'latin1');

function makeMaildir(path: Buffer): void {
  for (const name of ['cur', 'new', 'tmp']) mkdirSync(Buffer.concat([path, Buffer.from(`/${name}`)]), { recursive: true });
}

const mail = (subject: string): string =>
  `From: a@example.org\nSubject: ${subject}\nMessage-ID: <${createHash('sha256').update(subject).digest('hex')}@x>\n\nbody of ${subject}\n`;

/** Everything that can lie in a Maildir, in a directory of its own. */
function oddStore(root: string): string {
  const vmail = join(root, 'vmail');
  const alice = join(vmail, 'example.org/alice/Maildir');
  const odd = [
    'plain',
    'with space',
    'new\nline',
    '100%25',
    '%',
    '\xff\xfe\x80',
    '日本',
    'quote\'"\\',
    '-rf',
    '~',
    'tab\t',
    'x'.repeat(250),
    'S=5,W=6',
  ];
  makeMaildir(raw(alice));
  for (const [index, name] of odd.entries()) {
    const bytes = name === '日本' ? Buffer.from(name).toString('latin1') : name;
    writeFileSync(raw(alice, 'cur', `${bytes}${name.length > 200 ? ':2,S' : ':2,RS'}`), mail(`odd ${index}`));
    writeFileSync(raw(alice, 'new', `n${index}${bytes.slice(0, 200)}`), mail(`new ${index}`));
    if (bytes.includes('/') || name === '~' || name.length > 200) continue;
    makeMaildir(raw(alice, `.${bytes}`));
    writeFileSync(raw(alice, `.${bytes}`, 'cur', `m${index}:2,`), mail(`in folder ${index}`));
    writeFileSync(raw(alice, `.${bytes}`, 'maildirfolder'), '');
  }
  writeFileSync(join(alice, 'cur/empty:2,'), '');
  writeFileSync(join(alice, 'cur/zeros:2,'), Buffer.alloc(5000));
  writeFileSync(join(alice, 'cur/gz,S=300,W=310:2,S'), gzipSync(mail('gz')));
  writeFileSync(join(alice, 'cur/z:2,S'), deflateSync(mail('z')));
  writeFileSync(
    join(alice, 'cur/crypt:2,S'),
    Buffer.concat([Buffer.from('CRYPTED\x03\x07', 'latin1'), createHash('sha512').update('x').digest()]),
  );
  writeFileSync(join(alice, 'cur/nocolon'), mail('no colon'));
  writeFileSync(join(alice, 'cur/many:2,:2,S'), mail('many colons'));
  writeFileSync(join(alice, 'cur/.hidden'), 'hidden');
  writeFileSync(join(alice, 'subscriptions'), 'Work\n');
  writeFileSync(join(alice, 'dovecot-uidlist'), 'rubbish\0\xff');
  for (const [name, seconds] of [
    ['old', -86_400.5],
    ['future', 4_102_444_800.123456],
    ['micro', 1_700_000_000.999999],
    ['zero', 0],
  ] as const) {
    const path = join(alice, `cur/${name}:2,`);
    writeFileSync(path, mail(name));
    utimesSync(path, seconds, seconds);
  }
  for (const mode of [0o600, 0o640, 0o444, 0o777]) {
    const path = join(alice, `cur/mode${mode.toString(8)}:2,`);
    writeFileSync(path, mail(`mode ${mode}`));
    chmodSync(path, mode);
  }
  const outside = join(root, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret'), 'secret');
  symlinkSync(outside, join(alice, '.Linked'));
  symlinkSync(join(outside, 'secret'), join(alice, 'cur/linked:2,S'));
  symlinkSync('no/such/place', raw(alice, 'dang\xffling'));

  const bob = join(vmail, 'example.org/bob/Maildir');
  makeMaildir(raw(bob));
  for (const [from, to] of [
    ['plain:2,RS', 'new/shared'],
    ['zero:2,', 'cur/zero:2,F'],
  ] as const)
    linkSync(join(alice, 'cur', from), join(bob, to));
  linkSync(join(alice, 'cur/zeros:2,'), join(alice, 'new/zeros2'));
  for (const user of ['with space', 'per%cent', 'new\nline', '\xe9t\xe9']) {
    makeMaildir(raw(vmail, 'example.org', user, 'Maildir'));
    writeFileSync(raw(vmail, 'example.org', user, 'Maildir/cur/1:2,S'), mail(`for ${user}`));
  }
  return vmail;
}

/** Compares the mailboxes of a store with what a restore gives; what lies above them is not the snapshot's. */
async function comesBack(world: World, vmail: string, name: string, mailbox = /(^|\/)Maildir(\/|$)/): Promise<void> {
  const mailboxes = (root: string): ReturnType<typeof treeState> =>
    new Map([...treeState(root, { directoryTimes: true })].filter(([path, { what }]) => mailbox.test(path) && !what.startsWith('special')));
  assert.deepEqual(treeDifferences(mailboxes(vmail), mailboxes(await world.restore(name))), []);
}

test('names, times, modes, links and contents of all kinds', { skip }, async () => {
  const root = scratch('odd');
  const vmail = oddStore(root);
  const world = await makeWorld({ path: `${vmail}/%d/%n/Maildir` });
  const alice = join(vmail, 'example.org/alice/Maildir');
  spawnSync('mkfifo', [join(alice, 'cur/fifo')]);
  const socket = createServer().listen(join(alice, 'socket'));
  await new Promise((resolve) => socket.once('listening', resolve));
  try {
    const done = await world.backup([]);
    assert.deepEqual(
      done.findings
        .filter(({ code }) => code === 'special-file')
        .map(({ subject }) => (subject ?? '').split('/').at(-1) ?? '')
        .toSorted((a, b) => (a < b ? -1 : 1)),
      ['fifo', 'socket'],
    );
    await comesBack(world, vmail, 'first');
    for (const level of ['files', 'mail'] as const) {
      const proof = await world.verify(level);
      assert.deepEqual(
        [proof.counts['mismatched'], proof.counts['missing'], proof.counts['unexpected']],
        [0, 0, 0],
        JSON.stringify(proof.findings),
      );
    }

    for (const [from, to] of [
      ['with space:2,RS', 'with space:2,T'],
      ['\xff\xfe\x80:2,RS', '\xff\xfe\x80:2,'],
      ['empty:2,', 'empty:2,S'],
    ] as const)
      renameSync(raw(alice, 'cur', from), raw(alice, 'cur', to));
    rmSync(raw(alice, '.\xff\xfe\x80'), { recursive: true });
    renameSync(raw(alice, '.new\nline'), raw(alice, '.newer\nline'));
    renameSync(raw(alice, 'new/n5\xff\xfe\x80'), raw(alice, '.-rf/cur/n5\xff\xfe\x80:2,S'));
    rmSync(raw(vmail, 'example.org/new\nline'), { recursive: true });
    appendFileSync(join(alice, 'subscriptions'), 'More\n');
    rmSync(join(alice, '.Linked'));
    const again = await world.backup([]);
    assert.deepEqual([again.counts['flagChanges'], again.outcome], [3, 'warning'], JSON.stringify(again.findings));
    // The one mailbox that was removed is named; nothing else is wrong.
    assert.deepEqual(
      again.findings.filter((finding) => finding.severity !== 'info').map((finding) => finding.code),
      ['mailboxes-gone'],
    );
    await comesBack(world, vmail, 'second');
  } finally {
    await new Promise((resolve) => socket.close(resolve));
  }
});

test(
  'what can not be read is named, and the rest is backed up',
  { skip: skip || (isRoot ? false : 'needs root, to become another user') },
  async () => {
    const root = scratch('deny');
    const world = await makeWorld({ path: `${root}/vmail/%n` });
    const carol = join(root, 'vmail/carol');
    for (const folder of ['', '/.Locked', '/.Open']) {
      makeMaildir(raw(carol + folder));
      for (const name of ['one', 'two']) writeFileSync(join(carol + folder, `cur/${name}:2,`), mail(`${folder} ${name}`));
    }
    chmodSync(join(carol, 'cur/one:2,'), 0);
    chmodSync(join(carol, '.Locked/cur'), 0);
    const owner = { uid: 65_534, gid: 65_534 };
    spawnSync('chown', ['-R', '65534:65534', join(root, 'vmail'), world.directory]);
    const done = await world.backup([], { owner, expect: 3 });
    assert.equal(done.outcome, 'partial');
    assert.deepEqual(
      done.findings
        .filter(({ severity }) => severity === 'error')
        .map(({ subject }) => (subject ?? '').replace(`${carol}/`, ''))
        .toSorted((a, b) => (a < b ? -1 : 1)),
      ['.Locked/cur', 'cur/one:2,'],
    );
    assert.equal(done.counts['messages'], 3);
    // It is still named when nothing changed since.
    assert.equal((await world.backup([], { owner, expect: 3 })).outcome, 'partial');
    chmodSync(join(carol, 'cur/one:2,'), 0o600);
    chmodSync(join(carol, '.Locked/cur'), 0o700);
    const now = await world.backup([], { owner });
    assert.deepEqual([now.outcome, now.counts['messages']], ['ok', 6]);
    await comesBack(world, join(root, 'vmail'), 'restored', /./);
  },
);

test('a message of 100 MB, and one that is larger than a frame', { skip }, async () => {
  const root = scratch('large');
  const inbox = join(root, 'vmail/dave');
  makeMaildir(raw(inbox));
  const line = `${'0123456789abcdef'.repeat(4)}\n`;
  for (const [name, size] of [
    ['huge', 100e6],
    ['frame', 8 * 1024 * 1024],
    ['over', 8 * 1024 * 1024 + 1],
  ] as const) {
    const block = Buffer.from(line.repeat(Math.ceil(1e6 / line.length)));
    const content = Buffer.alloc(size);
    for (let at = 0; at < size; at += block.length) {
      block.copy(content, at);
      content.writeUInt32LE(at, at);
    }
    writeFileSync(join(inbox, `cur/${name}:2,S`), content);
  }
  const world = await makeWorld({ path: `${root}/vmail/%n` });
  await world.backup([]);
  await comesBack(world, join(root, 'vmail'), 'restored', /./);
});

test('a long uidlist is kept in parts, so that one more line costs little', { skip }, async () => {
  const root = scratch('list');
  const inbox = join(root, 'vmail/erin');
  makeMaildir(raw(inbox));
  const line = (uid: number): string => `${uid} S5123 W5240 :1790000000.M${(uid * 7919) % 999_983}P${uid}.mx1,S=5123,W=5240\n`;
  let list = '3 V1700000000 N20001 G0123456789abcdef0123456789abcdef\n';
  for (let uid = 1; uid <= 20_000; uid++) list += line(uid);
  writeFileSync(join(inbox, 'dovecot-uidlist'), list);
  writeFileSync(join(inbox, 'cur/a:2,S'), mail('a'));
  const world = await makeWorld({ path: `${root}/vmail/%n` });
  const first = await world.backup([]);
  for (let uid = 20_001; uid < 20_004; uid++) {
    appendFileSync(join(inbox, 'dovecot-uidlist'), line(uid));
    const more = await world.backup([]);
    assert.ok(
      (more.counts['bytesStored'] ?? Infinity) < (first.counts['bytesStored'] ?? 0) / 10,
      `${more.counts['bytesStored']} of ${first.counts['bytesStored']}`,
    );
  }
  // Written anew without some lines in the middle, as Dovecot does after many were expunged.
  const lines = readFileSync(join(inbox, 'dovecot-uidlist'), 'latin1').split('\n');
  lines.splice(9000, 40);
  writeFileSync(join(inbox, 'dovecot-uidlist'), lines.join('\n'));
  const shorter = await world.backup([]);
  assert.ok((shorter.counts['bytesStored'] ?? Infinity) < (first.counts['bytesStored'] ?? 0) / 5);
  await comesBack(world, join(root, 'vmail'), 'restored', /./);
});

test('a mailbox that goes away while it is read stays as it was', { skip }, async () => {
  const root = scratch('gone');
  for (const user of ['frank', 'grace']) {
    makeMaildir(raw(root, 'vmail', user));
    writeFileSync(join(root, 'vmail', user, 'cur/1:2,S'), mail(user));
  }
  const world = await makeWorld({ path: `${root}/vmail/%n` });
  await world.backup([]);
  writeFileSync(join(root, 'vmail/frank/cur/2:2,S'), mail('second'));
  const gone: Plan = {
    do: 'fail',
    kinds: ['list'],
    under: [join(root, 'vmail/frank')],
    at: 1,
    forever: true,
    errno: 'ENOENT',
    counter: join(root, 'count'),
  };
  const done = await world.backup([], { plans: [gone] });
  assert.deepEqual([done.outcome, done.counts['messages'], done.counts['removedMessages']], ['warning', 2, 0]);
  assert.deepEqual(
    done.findings.map(({ code, subject }) => [code, subject]),
    [['mailbox-vanished', 'frank']],
  );
  const after = await world.backup([]);
  assert.deepEqual([after.outcome, after.counts['messages']], ['ok', 3]);
});
