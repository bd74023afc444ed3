import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fsPath } from '../../../src/store/bytes.ts';
import { isRoot, missing } from '../../support/host.ts';
import { scratch } from '../../support/tmp.ts';
import { mail, noServer, own, places, variedMessages, verify, writeMailbox } from './fixture.ts';

const messages = variedMessages('x');
const INBOX = { name: 'INBOX', dir: '', messages };
const needsRoot = noServer === false ? missing('root') : noServer;

test('mailboxes of all layouts, beside each other', { skip: noServer }, async () => {
  const at = places();
  const mailboxes = [
    writeMailbox(at.scratch, { mailbox: 'plus@x', path: 'a/plus', folders: [INBOX, { name: 'A/B & C', dir: '.A.B &- C', messages }] }),
    writeMailbox(at.scratch, {
      mailbox: 'dots@x',
      path: 'a/dots',
      separator: '.',
      folders: [INBOX, { name: 'A.B', dir: '.A.B', messages }, { name: 'Größe', dir: '.Gr&APYA3w-e', messages }],
    }),
    writeMailbox(at.scratch, {
      mailbox: 'utf8@x',
      path: 'a/utf8',
      utf8: true,
      folders: [INBOX, { name: '受信/メール & 絵😀', dir: '.受信.メール & 絵😀', messages }],
    }),
    writeMailbox(at.scratch, {
      mailbox: 'fs@x',
      path: 'b/fs',
      layout: 'fs',
      folders: [INBOX, { name: 'v1.0/日本', dir: 'v1.0/&ZeVnLA-', messages }, { name: '.hidden', dir: '.hidden', messages: [] }].slice(
        0,
        2,
      ),
    }),
    writeMailbox(at.scratch, {
      mailbox: 'fsutf8@x',
      path: 'b/fsutf8',
      layout: 'fs',
      utf8: true,
      folders: [INBOX, { name: 'プロジェクト/A', dir: 'プロジェクト/A', messages }],
    }),
  ];
  const report = await verify(at, mailboxes);
  assert.deepEqual(report.findings, []);
  assert.deepEqual(report.counts, { mailboxes: 5, messages: 88, compared: 88, mismatched: 0, missing: 0, unexpected: 0 });
});

test('a name is found on disk without its directory being told, also behind a prefix', { skip: noServer }, async () => {
  const at = places();
  const { folders, ...box } = writeMailbox(at.scratch, {
    separator: '.',
    folders: [INBOX, { name: 'INBOX.Sent.受信', dir: '.Sent.&U9dP4Q-', messages }],
  });
  const named = folders.map(({ name, messages, uidNext, uidValidity }) => ({
    name,
    messages,
    ...(uidNext === undefined ? {} : { uidNext }),
    ...(uidValidity === undefined ? {} : { uidValidity }),
  }));
  const report = await verify(at, [{ ...box, prefix: 'INBOX.', folders: named }]);
  assert.deepEqual(report.findings, []);
  assert.equal(report.counts.compared, 16);
});

for (const layout of ['maildir++', 'fs'] as const) {
  test(`control files in a directory of their own, ${layout}`, { skip: noServer }, async () => {
    const at = places();
    const dir = layout === 'fs' ? 'Sent' : '.Sent';
    const control = layout === 'fs' ? 'INBOX' : '.INBOX';
    const box = writeMailbox(at.scratch, { layout, control: 'control/alice', folders: [INBOX, { name: 'Sent', dir, messages }] });
    // Dovecot keeps those of INBOX in a directory of that name, once they lie apart.
    const path = join(at.scratch, 'control/alice');
    mkdirSync(join(path, control), { mode: 0o700 });
    for (const name of ['dovecot-uidlist', 'dovecot-keywords']) renameSync(join(path, name), join(path, control, name));
    own(path, statSync(path));
    const report = await verify(at, [box]);
    assert.deepEqual(report.findings, []);
    assert.equal(report.counts.compared, 16);
  });
}

test('messages that have GUIDs of their own in the uidlist', { skip: noServer }, async () => {
  const at = places();
  const box = writeMailbox(at.scratch, { folders: [INBOX] });
  const file = join(String(fsPath(box.mailPath)), 'dovecot-uidlist');
  writeFileSync(file, readFileSync(file, 'latin1').replace(/^(10|30) :/gm, '$1 G0123456789abcdef0123456789abcde$1 P$1.1 :'));
  assert.deepEqual((await verify(at, [box])).findings, []);
});

test('places with blanks, colons, percents, other letters, and longer than a socket may be called', { skip: noServer }, async () => {
  const top = scratch('odd');
  const odd = join(top, 'a b:c%d "e" 日本\n\'f\'', 'x'.repeat(120));
  const at = { scratch: join(odd, 'copy'), work: join(odd, 'work') };
  for (const path of Object.values(at)) mkdirSync(path, { recursive: true });
  const before = readdirSync('/tmp').filter((name) => name.startsWith('mailrecover-'));
  const box = writeMailbox(at.scratch, {
    mailbox: `"we ird"'%n:\\é@x`,
    path: '%d/we ird:é\\/M',
    folders: [INBOX, { name: 'Sent', dir: '.Sent', messages }],
  });
  const report = await verify(at, [box]);
  assert.deepEqual(report.findings, []);
  assert.deepEqual(readdirSync(at.work), []);
  const after = readdirSync('/tmp').filter((name) => name.startsWith('mailrecover-'));
  assert.deepEqual(
    after.filter((name) => !before.includes(name) && existsSync(join('/tmp', name, 'w'))),
    [],
  );
});

test('20,000 messages in one folder, and names that are no UTF-8', { skip: noServer }, async () => {
  const at = places();
  const many = Array.from({ length: 20_000 }, (_, index) => ({
    bytes: `Subject: ${index}\n\n${index}\n`,
    letters: index % 3 === 0 ? 'S' : '',
  }));
  const alice = writeMailbox(at.scratch, { folders: [{ name: 'INBOX', dir: '', messages: many }] });
  const bob = writeMailbox(at.scratch, { mailbox: 'bob@x', path: 'bob' });
  const folder = bob.folders[0];
  const message = folder?.messages[1];
  assert.ok(folder !== undefined && message !== undefined);
  const path = String(fsPath(bob.mailPath));
  const raw = (name: string): Buffer => Buffer.from(join(path, 'cur', name), 'latin1');
  renameSync(join(path, `cur/${message.base}:2,FRS`), raw('17.\xff"\\ (x.mx1:2,FRS'));
  const list = join(path, 'dovecot-uidlist');
  writeFileSync(list, readFileSync(list, 'latin1').replace(message.base, '17.\xff"\\ (x.mx1'), 'latin1');
  message.base = '17.\xff"\\ (x.mx1';
  const report = await verify(at, [alice, bob]);
  assert.deepEqual(report.findings, []);
  assert.equal(report.counts.compared, 20_008);
});

test('a message of 100 MB', { skip: noServer }, async () => {
  const at = places();
  const line = `${'x'.repeat(75)}\n`;
  const bytes = Buffer.alloc(100_000_000, line);
  bytes.write('Subject: large\n\n');
  const box = writeMailbox(at.scratch, {
    folders: [{ name: 'INBOX', dir: '', messages: [{ bytes, letters: 'S' }, ...messages.slice(1)] }],
  });
  assert.deepEqual((await verify(at, [box])).findings, []);
});

test('mail of several owners, root among them', { skip: needsRoot }, async () => {
  const at = places();
  const owners = [
    { uid: 1001, gid: 1001 },
    { uid: 1002, gid: 100 },
    { uid: 0, gid: 0 },
    { uid: 4242, gid: 0 },
  ];
  const boxes = owners.map((owner, index) =>
    writeMailbox(at.scratch, { mailbox: `u${index}`, path: `home/u${index}/Maildir`, folders: [INBOX], owner }),
  );
  chownSync(join(at.scratch, 'home'), 0, 0);
  chmodSync(join(at.scratch, 'home'), 0o700);
  const report = await verify(at, boxes);
  assert.deepEqual(report.findings, []);
  assert.equal(report.counts.compared, 32);
  const [first] = boxes;
  assert.equal(statSync(String(fsPath(first?.mailPath ?? ''))).uid, 1001);
});

test('a sample is a part of the mailboxes, and one at least', { skip: noServer }, async () => {
  const at = places();
  const boxes = Array.from({ length: 10 }, (_, index) =>
    writeMailbox(at.scratch, {
      mailbox: `u${index}`,
      path: `u${index}`,
      folders: [{ ...INBOX, messages: [{ bytes: mail(`m${index}`) }] }],
    }),
  );
  async function* slowly(): AsyncGenerator<(typeof boxes)[0]> {
    for (const box of boxes) {
      await new Promise((go) => setImmediate(go));
      yield box;
    }
  }
  assert.equal((await verify(at, slowly(), { sample: 0.3 })).counts.mailboxes, 3);
  assert.equal((await verify(at, boxes, { sample: 0.000_001 })).counts.mailboxes, 1);
  assert.equal((await verify(at, boxes)).counts.mailboxes, 10);
});

test('nothing to verify is no error', { skip: noServer }, async () => {
  const at = places();
  const report = await verify(at, []);
  assert.deepEqual(report.counts, { mailboxes: 0, messages: 0, compared: 0, mismatched: 0, missing: 0, unexpected: 0 });
  assert.equal(report.firstLoginMs, undefined);
  assert.equal(isRoot ? report.isolated : true, true);
});
