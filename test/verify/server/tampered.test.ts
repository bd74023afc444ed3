import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fsPath } from '../../../src/store/bytes.ts';
import type { ExpectedMailbox, ServerCounts } from '../../../src/verify/server/index.ts';
import { isRoot } from '../../support/host.ts';
import {
  type FolderSpec,
  mail,
  noServer,
  OWNER,
  own,
  places,
  told,
  UID_VALIDITY,
  variedMessages,
  verify,
  writeMailbox,
} from './fixture.ts';

const FOLDERS: FolderSpec[] = [
  { name: 'INBOX', dir: '', messages: variedMessages('inbox') },
  { name: 'Sent', dir: '.Sent', messages: variedMessages('sent') },
];
const SUBJECT = 'alice@example.org Sent';

interface Case {
  name: string;
  /** Changes the copy. Files lie in `<path>/.Sent`. */
  tamper(path: string, expected: ExpectedMailbox): void;
  findings: string[];
  counts: Partial<ServerCounts>;
}

const base = (index: number): string => `${1_700_000_000 + index}.M${index}P1.mx1`;
const edit = (path: string, change: (text: string) => string): void => writeFileSync(path, change(readFileSync(path, 'utf8')));

const tree = (path: string): string[] => readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();

/** Changes bytes, and gives the file its time back. */
const rewrite = (path: string, change: (bytes: Buffer) => Buffer): void => {
  const { mtime } = statSync(path);
  writeFileSync(path, change(readFileSync(path)));
  utimesSync(path, mtime, mtime);
};

const CASES: Case[] = [
  {
    name: 'a flag was lost',
    tamper: (path) => renameSync(join(path, `cur/${base(1)}:2,FRS`), join(path, `cur/${base(1)}:2,FS`)),
    findings: [`flags-mismatch ${SUBJECT} UID 20`],
    counts: { mismatched: 1, compared: 16 },
  },
  {
    name: 'a flag came in',
    tamper: (path) => renameSync(join(path, `cur/${base(0)}:2,S`), join(path, `cur/${base(0)}:2,ST`)),
    findings: [`flags-mismatch ${SUBJECT} UID 10`],
    counts: { mismatched: 1 },
  },
  {
    name: 'a keyword was renamed',
    tamper: (path) => edit(join(path, 'dovecot-keywords'), (text) => text.replace('NonJunk', 'Junk')),
    findings: [`flags-mismatch ${SUBJECT} UID 30`],
    counts: { mismatched: 1 },
  },
  {
    name: 'the keywords were lost',
    tamper: (path) => rmSync(join(path, 'dovecot-keywords')),
    findings: [`flags-mismatch ${SUBJECT} UID 30`, `flags-mismatch ${SUBJECT} UID 70`],
    counts: { mismatched: 2 },
  },
  {
    name: 'two UIDs were exchanged',
    tamper: (path) =>
      edit(join(path, 'dovecot-uidlist'), (text) =>
        text
          .replace(`10 :${base(0)}`, `10 :X`)
          .replace(`20 :${base(1)}`, `20 :${base(0)}`)
          .replace('10 :X', `10 :${base(1)}`),
      ),
    findings: [`uid-mismatch ${SUBJECT} UID 10`, `uid-mismatch ${SUBJECT} UID 20`],
    counts: { mismatched: 2 },
  },
  {
    name: 'a message lost its UID',
    tamper: (path) => edit(join(path, 'dovecot-uidlist'), (text) => text.replace(/^20 .*\n/m, '')),
    findings: [`uid-mismatch ${SUBJECT} UID 180`],
    counts: { mismatched: 1 },
  },
  {
    name: 'UIDs would be given away again',
    tamper: (path) => edit(join(path, 'dovecot-uidlist'), (text) => text.replace(' N180 ', ' N90 ')),
    // The message without a UID gets one of those, too.
    findings: [`uid-mismatch ${SUBJECT} UID 90`, `uidnext-mismatch ${SUBJECT}`],
    counts: { mismatched: 1 },
  },
  {
    name: 'UIDVALIDITY is another',
    tamper: (path) => edit(join(path, 'dovecot-uidlist'), (text) => text.replace(`V${UID_VALIDITY}`, `V${UID_VALIDITY + 1}`)),
    findings: [`uidvalidity-mismatch ${SUBJECT}`],
    counts: { mismatched: 0 },
  },
  {
    name: 'a message is gone',
    tamper: (path) => rmSync(join(path, `cur/${base(1)}:2,FRS`)),
    findings: [`missing-message ${SUBJECT} UID 20`],
    counts: { mismatched: 0, missing: 1, compared: 15 },
  },
  {
    name: 'a message is there twice, under another name',
    tamper: (path) => writeFileSync(join(path, 'cur/1700000099.M1P1.mx1:2,S'), mail('sent 1'), { mode: 0o644 }),
    findings: [`unexpected-message ${SUBJECT} UID 181`],
    counts: { unexpected: 1, compared: 16 },
  },
  {
    name: 'a message has another base name',
    tamper: (path) => renameSync(join(path, `cur/${base(1)}:2,FRS`), join(path, `cur/${base(1)},S=3:2,FRS`)),
    findings: [`missing-message ${SUBJECT} UID 20`, `unexpected-message ${SUBJECT} UID 180`],
    counts: { missing: 1, unexpected: 1 },
  },
  {
    name: 'one bit of a message is another',
    tamper: (path) => rewrite(join(path, `cur/${base(1)}:2,FRS`), (bytes) => bytes.with(40, (bytes[40] ?? 0) ^ 1) as Buffer),
    findings: [`body-mismatch ${SUBJECT} UID 20`],
    counts: { mismatched: 1 },
  },
  {
    name: 'two messages were exchanged',
    tamper(path) {
      const [one, two] = [`cur/${base(1)}:2,FRS`, `cur/${base(6)}:2,Sc`].map((name) => join(path, name)) as [string, string];
      const bytes = readFileSync(one);
      rewrite(one, () => readFileSync(two));
      rewrite(two, () => bytes);
    },
    findings: [`body-mismatch ${SUBJECT} UID 20`, `body-mismatch ${SUBJECT} UID 70`],
    counts: { mismatched: 2 },
  },
  {
    name: 'the ends of lines are others',
    tamper: (path) => rewrite(join(path, `cur/${base(1)}:2,FRS`), (bytes) => Buffer.from(bytes.toString().replaceAll('\n', '\r\n'))),
    findings: [`body-mismatch ${SUBJECT} UID 20`],
    counts: { mismatched: 1 },
  },
  {
    name: 'a message is cut off',
    tamper(path) {
      const file = join(path, `cur/${base(1)}:2,FRS`);
      const { mtime } = statSync(file);
      truncateSync(file, 40);
      utimesSync(file, mtime, mtime);
    },
    findings: [`body-mismatch ${SUBJECT} UID 20`],
    counts: { mismatched: 1 },
  },
  {
    name: 'a message has another date',
    tamper: (path) => utimesSync(join(path, `cur/${base(1)}:2,FRS`), 1_700_000_002, 1_700_000_002),
    findings: [`date-mismatch ${SUBJECT} UID 20`],
    counts: { mismatched: 1 },
  },
  {
    name: 'the server believes in another size, and so serves only a part',
    tamper: (path) => edit(join(path, 'dovecot-uidlist'), (text) => text.replace(`20 :${base(1)}`, `20 W5 :${base(1)}`)),
    findings: [`body-mismatch ${SUBJECT} UID 20`, `size-mismatch ${SUBJECT} UID 20`],
    counts: { mismatched: 1 },
  },
  {
    name: 'the catalog has another size',
    tamper(_, expected) {
      for (const message of expected.folders[1]?.messages ?? []) if (message.uid === 20) message.size++;
    },
    findings: [`size-mismatch ${SUBJECT} UID 20`],
    counts: { mismatched: 1 },
  },
  {
    name: 'the folder is gone',
    tamper: (path) => rmSync(path, { recursive: true }),
    findings: [`folder-missing ${SUBJECT}`],
    counts: { missing: 8, compared: 8 },
  },
  {
    name: 'another folder is there, with a message',
    tamper(path) {
      for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(path, `../.Stray/${part}`), { recursive: true });
      writeFileSync(join(path, '../.Stray/new/1.2.3'), mail('stray'));
    },
    findings: ['unexpected-folder alice@example.org Stray'],
    counts: { unexpected: 1 },
  },
  {
    name: 'all messages of a folder are gone',
    tamper(path) {
      rmSync(join(path, 'cur'), { recursive: true });
      rmSync(join(path, 'new'), { recursive: true });
    },
    findings: [10, 20, 30, 40, 50, 60, 70].map((uid) => `missing-message ${SUBJECT} UID ${uid}`).concat(`missing-message ${SUBJECT}`),
    counts: { missing: 8 },
  },
  {
    name: 'a message that the server may not read',
    tamper: (path) => chmodSync(join(path, `cur/${base(1)}:2,FRS`), 0),
    findings: [`body-mismatch ${SUBJECT} UID 20`],
    counts: { mismatched: 1, compared: 16 },
  },
];

for (const { name, tamper, findings, counts } of CASES) {
  test(`found: ${name}`, { skip: noServer }, async () => {
    const at = places();
    const alice = writeMailbox(at.scratch, { folders: FOLDERS });
    const path = join(String(fsPath(alice.mailPath)), '.Sent');
    tamper(path, alice);
    if (isRoot) own(String(fsPath(alice.mailPath)), OWNER);
    const report = await verify(at, [alice]);
    assert.deepEqual(told(report), findings.sort());
    assert.deepEqual({ ...report.counts, ...counts }, report.counts);
    assert.deepEqual(report.canary, { delivered: true, fetched: true });
    assert.deepEqual(report.leftovers, []);
  });
}

test('found: the mailbox is gone', { skip: noServer }, async () => {
  const at = places();
  const alice = writeMailbox(at.scratch, { folders: FOLDERS });
  const bob = writeMailbox(at.scratch, { mailbox: 'bob@example.org', path: 'example.org/bob', folders: FOLDERS });
  rmSync(String(fsPath(alice.mailPath)), { recursive: true });
  const report = await verify(at, [alice, bob]);
  assert.deepEqual(told(report), ['mailbox-missing alice@example.org']);
  assert.deepEqual(report.counts, { mailboxes: 2, messages: 32, compared: 16, mismatched: 0, missing: 16, unexpected: 0 });
});

test('of compressed mail the stored bytes are compared, and all that does not depend on them', { skip: noServer }, async () => {
  const at = places();
  const stored = Buffer.from('28b52ffd0458990000526563656976656400', 'hex');
  const opaque = { bytes: stored, letters: 'S', opaque: true };
  const alice = writeMailbox(at.scratch, {
    folders: [
      {
        name: 'INBOX',
        dir: '',
        messages: [
          { ...opaque, base: '1.M1P1.mx1,S=999,W=1010' },
          { ...opaque, base: '2.M2P2.mx1,S=999' },
          { ...opaque, base: '3.M3P3.mx1' },
        ],
      },
    ],
  });
  assert.deepEqual(told(await verify(at, [alice])), []);

  const path = String(fsPath(alice.mailPath));
  rewrite(join(path, 'cur/1.M1P1.mx1,S=999,W=1010:2,S'), (bytes) => bytes.with(5, 0) as Buffer);
  renameSync(join(path, 'cur/2.M2P2.mx1,S=999:2,S'), join(path, 'cur/2.M2P2.mx1,S=999:2,'));
  appendFileSync(join(path, 'cur/3.M3P3.mx1:2,S'), 'x');
  const report = await verify(at, [alice]);
  assert.deepEqual(told(report), [
    'body-mismatch alice@example.org INBOX UID 10',
    'body-mismatch alice@example.org INBOX UID 30',
    'date-mismatch alice@example.org INBOX UID 30',
    'flags-mismatch alice@example.org INBOX UID 20',
  ]);
  assert.equal(report.counts.mismatched, 3);
});

test('a symbolic link is no way out of the copy', { skip: noServer }, async () => {
  const at = places();
  const live = places('live');
  writeMailbox(live.scratch, { path: 'live', folders: FOLDERS });
  const alice = writeMailbox(at.scratch, { folders: FOLDERS });
  const path = String(fsPath(alice.mailPath));
  const before = tree(live.scratch);
  symlinkSync(join(live.scratch, 'live/.Sent'), join(path, '.Live'));
  symlinkSync(join(live.scratch, 'live/cur'), join(path, 'cur/evil'));
  symlinkSync('../../nowhere', join(path, 'dovecot-uidvalidity'));
  symlinkSync(join(live.scratch, 'live/new', base(5)), join(path, 'new', '1800000000.M1P1.mx1'));
  if (isRoot) lchownSync(join(path, '.Live'), OWNER.uid, OWNER.gid);
  const report = await verify(at, [alice]);
  assert.deepEqual(told(report), ['links-left-out alice@example.org']);
  assert.deepEqual(tree(live.scratch), before);

  rmSync(path, { recursive: true });
  symlinkSync(join(live.scratch, 'live'), path);
  await assert.rejects(verify(at, [alice]), { code: 'refused' });
  assert.deepEqual(tree(live.scratch), before);
});

test('findings have a bound, counts have none', { skip: noServer }, async () => {
  const at = places();
  const messages = Array.from({ length: 250 }, (_, index) => ({ bytes: mail(`m${index}`), letters: 'S' }));
  const alice = writeMailbox(at.scratch, { folders: [{ name: 'INBOX', dir: '', messages }] });
  rmSync(join(String(fsPath(alice.mailPath)), 'dovecot-uidlist'));
  const report = await verify(at, [alice]);
  assert.equal(report.counts.mismatched, 250);
  assert.equal(report.findings.filter(({ code }) => code === 'uid-mismatch').length, 201);
  assert.match(report.findings.at(-1)?.message ?? '', /and 50 more of 'uid-mismatch', 250 in all/);
});
