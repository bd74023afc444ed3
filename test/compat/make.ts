/**
 * Makes the repository of a released version that later versions must read:
 *   node test/compat/make.ts VERSION
 * writes test/compat/VERSION with the repository as a tar, the key that reads it, and what its snapshots hold.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mailrecoverJson } from '../support/binary.ts';
import { makeScratch } from '../support/tmp.ts';
import { contents, type Expected, type ExpectedSnapshot } from './contents.ts';

const [version] = process.argv.slice(2);
if (version === undefined || !/^[\w.-]+$/.test(version)) throw new Error('usage: node test/compat/make.ts VERSION');
const into = fileURLToPath(new URL(version, import.meta.url));
const { path: root, undo } = makeScratch('compat');
const mail = join(root, 'mail');
const TIME = 1_790_000_000;
let made = 0;

function deliver(directory: string, flags: string, text: string): string {
  const name = `${TIME + made}.M${made}P1.mx1`;
  const path = Buffer.from(join(directory, name + flags), 'latin1');
  mkdirSync(directory, { recursive: true });
  writeFileSync(path, text);
  utimesSync(path, TIME + made, TIME + made + 0.25);
  made++;
  return name;
}

function message(subject: string, body: string): string {
  return `Message-ID: <${made}@example.org>\nFrom: sender@example.net\nTo: alice@example.org\nSubject: ${subject}\nDate: Mon, 21 Sep 2026 10:00:00 +0000\n\n${body}\n`;
}

function maildir(user: string, ...folders: string[]): string {
  const base = join(mail, 'example.org', user, 'Maildir');
  for (const folder of ['', ...folders])
    for (const part of ['cur', 'new', 'tmp']) mkdirSync(Buffer.from(join(base, folder, part), 'latin1'), { recursive: true });
  return base;
}

async function expectedOf(id: string): Promise<ExpectedSnapshot> {
  const to = join(root, `restored-${id.slice(0, 8)}`);
  await mailrecoverJson(['--config', config, 'restore', id, '--to', to]);
  return { id, contents: contents(to) };
}

const config = join(root, 'mailrecover.yaml');
const alice = maildir('alice', '.Sent', '.&ZeVnLIqe-', '.Old.2025');
const bob = maildir('bob', '.odd');
const words = Array.from({ length: 12_000 }, (_, index) => `word${(index * 7919) % 1999}`).join(' ');
const uids: string[] = [];
for (let index = 0; index < 12; index++)
  uids.push(
    deliver(join(alice, 'cur'), index % 3 === 0 ? ':2,S' : ':2,Sa', message(`mail ${index}`, words.slice(index * 40, index * 90 + 200))),
  );
deliver(join(alice, 'new'), '', message('not seen yet', 'new'));
deliver(join(alice, '.&ZeVnLIqe-/cur'), ':2,RS', message('=?utf-8?B?5pel5pys6Kqe?=', 'text'));
const large = deliver(join(alice, '.Sent/cur'), ':2,S', message('large', words));
const large2 = join(bob, 'cur', `${large}:2,`);
copyFileSync(join(alice, '.Sent/cur', `${large}:2,S`), large2);
linkSync(large2, join(bob, '.odd/cur', `${large}x:2,`));
deliver(join(bob, 'cur'), ':2,T', '');
writeFileSync(
  join(alice, 'dovecot-uidlist'),
  `3 V1790000001 N${uids.length + 1} G0123456789abcdef0123456789abcdef\n${uids.map((name, index) => `${index + 1} :${name}\n`).join('')}`,
);
writeFileSync(join(alice, 'dovecot-keywords'), '0 $Forwarded\n');
writeFileSync(join(alice, 'subscriptions'), 'V\t2\n\nSent\n');
symlinkSync('../bob/Maildir', join(alice, '.link'));
const setUp = await mailrecoverJson([
  '--config',
  config,
  'init',
  '--mail',
  `${mail}/%d/%n/Maildir`,
  '--repository',
  join(root, 'repository'),
  '--state',
  join(root, 'state'),
  '--host',
  'mx1',
]);
const first = await mailrecoverJson(['--config', config, 'backup']);
renameSync(join(alice, 'cur', `${uids[0] ?? ''}:2,S`), join(alice, 'cur', `${uids[0] ?? ''}:2,FS`));
renameSync(join(alice, 'cur', `${uids[1] ?? ''}:2,Sa`), join(alice, '.Old.2025/cur', `${uids[1] ?? ''}:2,Sa`));
unlinkSync(join(alice, 'cur', `${uids[2] ?? ''}:2,Sa`));
deliver(join(bob, 'new'), '', message('came later', words.slice(500, 900)));
const second = await mailrecoverJson(['--config', config, 'backup']);

const expected: Expected = {
  signingKey: String(setUp['hostKey']),
  recipients: setUp['recipients'] as string[],
  snapshots: [await expectedOf(String(first['snapshot'])), await expectedOf(String(second['snapshot']))],
};
rmSync(into, { recursive: true, force: true });
mkdirSync(into);
execFileSync('tar', [
  '--sort=name',
  '--owner=0',
  '--group=0',
  '--numeric-owner',
  '-C',
  root,
  '-czf',
  join(into, 'repository.tar.gz'),
  'repository',
]);
writeFileSync(join(into, 'identity.txt'), /AGE-SECRET-KEY-1[0-9A-Z]+/.exec(readFileSync(join(root, 'identity.txt'), 'utf8'))?.[0] ?? '');
writeFileSync(join(into, 'expected.json'), `${JSON.stringify(expected, undefined, 2)}\n`);
await undo();
