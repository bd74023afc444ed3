/** An mdbox in a snapshot: its messages are known one by one, stored once, and come back without mailrecover too. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mailrecover, notBuilt } from '../support/binary.ts';
import { parseIdentities } from '../format/age.ts';
import { entryReader, readSnapshot, readState } from '../format/reader.ts';
import { listTree, restoreState } from '../format/restore.ts';
import { lacking, SCRIPT } from '../recover/world.ts';
import { dovecot, noDovecot } from '../support/dovecot.ts';
import { Imap } from '../support/imap.ts';
import { Lmtp } from '../support/lmtp.ts';
import { makeMail } from '../support/mail.ts';
import { scratch } from '../support/tmp.ts';
import { makeWorld } from './world.ts';

const skip = noDovecot() || notBuilt() || lacking;
/** Directories of which no catalog tells. */
const UNTIMED = ['.', './example.org', './example.org/alice', './.alt', './.alt/example.org'];
const ALICE = 'alice@example.org';
const MAILS = 60;

/** What lies below a directory, without the directories of which no catalog tells. */
function told(directory: string): string[] {
  return listTree(directory, UNTIMED).filter((line) => !line.endsWith(' - '));
}

type Row = Record<string, unknown>;

test('messages of an mdbox are listed, found, shown, exported, and stored once', { skip }, async () => {
  const root = scratch('inside');
  const mail = `${root}/mail/%d/%n/mdbox`;
  const alt = `${root}/alt/%d/%n`;
  const server = await dovecot({ users: [ALICE], format: 'mdbox', mail, alt, extra: ['mdbox_rotate_size = 60k'] });
  const lmtp = await Lmtp.connect(server);
  const client = await Imap.login(server, ALICE);
  for (let number = 0; number < MAILS; number++) await lmtp.deliver(makeMail('inside', number, { median: 4000 }).bytes, ALICE);
  await lmtp.close();
  await client.create('Work/A');
  await client.select('INBOX');
  await client.move('1:10', 'Work/A');
  await client.store('20:25', '+', ['\\Flagged', '$label1', 'Unter/wegs']);
  const world = await makeWorld({ path: mail, format: 'mdbox', alt, separator: '/' });
  const key = join(world.directory, 'etc/identity.txt');
  const run = (args: string[], expect = 0): Promise<Row> => world.run([...args, '--identity', key], { expect });
  const first = await world.backup([]);
  assert.deepEqual([first.counts['messages'], first.counts['folders'], first.counts['newMessages']], [MAILS, 2, MAILS]);

  const boxes = (await run(['ls', 'latest']))['mailboxes'] as Row[];
  assert.deepEqual(
    boxes.map(({ mailbox, folders, messages }) => [mailbox, folders, messages]),
    [[ALICE, 2, MAILS]],
  );
  const folders = (await run(['ls', 'latest', ALICE]))['folders'] as Row[];
  assert.deepEqual(
    folders.map(({ folder, messages }) => [folder, messages]),
    [
      ['INBOX', MAILS - 10],
      ['Work/A', 10],
    ],
  );
  const inbox = (await run(['ls', 'latest', ALICE, '--folder', 'INBOX']))['messages'] as Row[];
  const flagged = inbox.filter(({ flags }) => (flags as string[]).includes('\\Flagged'));
  assert.equal(flagged.length, 6);
  assert.deepEqual(
    (flagged[0]?.['flags'] as string[] | undefined)?.filter((flag) => flag.startsWith('$')),
    ['$label1'],
  );

  const headers = await client.headers('Message-ID', '30');
  const messageId = [...headers.values()][0]?.trim() ?? '';
  const [found] = (await run(['find', '--message-id', messageId]))['matches'] as Row[];
  assert.equal(found?.['folder'], 'INBOX');
  const shown = await mailrecover([
    '--config',
    join(world.directory, 'etc/mailrecover.yaml'),
    'cat',
    'latest',
    String(found?.['message']),
    '--identity',
    key,
  ]);
  let body = Buffer.alloc(0);
  await client.fetch('30', (message) => (body = Buffer.from(message.body)));
  assert.deepEqual(shown.stdoutBytes.toString('latin1').replace(/\r?\n/g, '\r\n'), body.toString('latin1').replace(/\r?\n/g, '\r\n'));

  await run(['export', 'latest', '--mailbox', ALICE, '--format', 'maildir', '--to', join(world.directory, 'out')]);
  const out = join(world.directory, 'out', ALICE);
  assert.equal(readdirSync(join(out, 'cur')).length, MAILS - 10);
  assert.equal(readdirSync(join(out, '.Work.A/cur')).length, 10);
  assert.match(readFileSync(join(out, 'dovecot-keywords'), 'utf8'), /^\d \$label1$/m);
  assert.equal(readdirSync(join(out, 'cur')).filter((name) => /:2,F[a-z]+$/.test(name)).length, 6);

  const whole = await run(['restore', 'latest', '--mailbox', ALICE, '--folder', 'Work/A', '--to', join(world.directory, 'part')], 20);
  assert.match(JSON.stringify(whole), /restored only as a whole.*mailrecover export/);
  const one = await run(['restore', 'latest', '--message', String(found?.['message']), '--to', join(world.directory, 'part')], 20);
  assert.match(JSON.stringify(one), /mailrecover cat/);

  // Moved to the alternative storage, purged, flagged: no message is stored again.
  const size = Number(first.counts['bytesStored']);
  server.doveadm('altmove', '-u', ALICE, 'mailbox', '*', 'ALL');
  await client.select('INBOX');
  await client.expunge('40:44');
  await client.store('20:50', '+', ['\\Seen']);
  await client.close();
  server.doveadm('purge', '-u', ALICE);
  const second = await world.backup([]);
  assert.deepEqual([second.counts['messages'], second.counts['removedMessages'], second.counts['newMessages']], [MAILS - 5, 5, 0]);
  assert.ok(Number(second.counts['bytesStored']) < size / 4, `${second.counts['bytesStored']} of ${size} bytes`);

  // The script restores the very same files.
  const to = await world.restore('by-us');
  const repository = join(world.directory, 'repository');
  const args = ['--identity', key, '--to', join(world.directory, 'by-script'), String(second['snapshot'])];
  const ran = spawnSync('sh', [SCRIPT, ...args], { cwd: repository, encoding: 'utf8' });
  assert.equal(ran.status, 0, ran.stderr);
  assert.deepEqual(told(join(world.directory, 'by-script')), told(to));
  // So does the reader that was written from the specification.
  const identities = parseIdentities(readFileSync(key, 'utf8'));
  const stored = readSnapshot(repository, String(second['snapshot']));
  const byReader = join(world.directory, 'by-reader');
  restoreState(readState(repository, stored, identities), byReader, entryReader(repository, stored, identities));
  assert.deepEqual(told(byReader), told(to));
  assert.equal((await world.verify('server')).outcome, 'ok');
  rmSync(to, { recursive: true });
});
