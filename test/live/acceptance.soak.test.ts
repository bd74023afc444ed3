import assert from 'node:assert/strict';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { notBuilt } from '../support/binary.ts';
import { noCorpus, readCorpus } from '../support/corpus.ts';
import { type Dovecot, dovecot, noDovecot } from '../support/dovecot.ts';
import { countMessages, flatten, imapSnapshots } from '../support/imap-snapshot.ts';
import { Imap } from '../support/imap.ts';
import { Lmtp } from '../support/lmtp.ts';
import { makeMail } from '../support/mail.ts';
import { Random } from '../support/random.ts';
import { rounds } from '../support/soak.ts';
import { scratch } from '../support/tmp.ts';
import { differences } from '../support/tree.ts';
import { makeWorld } from './world.ts';

const USERS = Array.from({ length: 20 }, (_, index) => `user${index + 1}@${index % 3 === 0 ? 'example.net' : 'example.org'}`);
const FOLDERS = ['Sent', 'Projects/Neubau Süd', '受信済み', '受信済み/請求書', 'Lists & News'];
const KEYWORDS = ['$Forwarded', 'NonJunk', '$label1', 'wichtig'];
/** How many messages are delivered: real ones where there are some, else made ones. */
const MESSAGES = rounds(600, 100_000);

function corpus(): Buffer[] {
  if (noCorpus() === false) return readCorpus().map(({ bytes }) => bytes);
  return Array.from({ length: Math.min(MESSAGES, 6000) }, (_, index) => makeMail('acceptance', index).bytes);
}

/** A sample that is spread evenly. */
function some<T>(items: readonly T[], count: number): T[] {
  const step = Math.max(1, items.length / count);
  return Array.from({ length: Math.min(count, items.length) }, (_, index) => items[Math.floor(index * step)]).filter(
    (item) => item !== undefined,
  );
}

function withCrLf(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1');
}

/** Half of the mail comes by LMTP, half of it is put into folders with a date of its own. */
async function deliver(server: Dovecot, messages: readonly Buffer[]): Promise<void> {
  const lmtp = await Lmtp.connect(server);
  const clients = await Promise.all(USERS.map((user) => Imap.login(server, user)));
  for (const client of clients) for (const folder of FOLDERS) await client.create(folder).then(() => client.subscribe(folder));
  for (const [index, message] of messages.entries()) {
    const user = index % USERS.length;
    const turn = Math.floor(index / USERS.length);
    if (turn % 2 === 0)
      await lmtp.deliver(message, index % 50 === 0 ? [USERS[user] ?? '', USERS[(user + 1) % USERS.length] ?? ''] : (USERS[user] ?? ''));
    else {
      const folder = FOLDERS[turn % FOLDERS.length] ?? 'INBOX';
      await clients[user]?.append(
        folder,
        withCrLf(message),
        turn % 3 === 0 ? ['\\Seen', '$Forwarded'] : [],
        Date.UTC(2002, turn % 12, 1 + (index % 28)),
      );
    }
  }
  for (const client of clients) await client.close();
  await lmtp.close();
}

/** What a user does in a day, and more. */
async function change(server: Dovecot, user: string, random: Random): Promise<void> {
  const client = await Imap.login(server, user);
  for (const folder of ['INBOX', ...FOLDERS]) {
    await client.select(folder);
    const uids = [...(await client.headers('Message-ID')).keys()];
    if (uids.length === 0) continue;
    const share = (part: number): string => uids.filter(() => random.chance(part)).join(',');
    for (const flag of ['\\Seen', '\\Flagged', '\\Answered', '\\Draft', ...KEYWORDS]) {
      const chosen = share(0.2);
      if (chosen !== '') await client.store(chosen, '+', [flag]);
    }
    const unflagged = share(0.1);
    if (unflagged !== '') await client.store(unflagged, '-', ['\\Seen', '$Forwarded']);
    const copied = share(0.05);
    if (copied !== '') await client.copy(copied, '受信済み');
    const [moved, gone] = [uids.filter((uid) => uid % 9 === 0).join(','), uids.filter((uid) => uid % 9 === 1 && uid % 2 === 0).join(',')];
    if (moved !== '' && folder !== 'Lists & News') await client.move(moved, 'Lists & News');
    if (gone !== '') await client.expunge(gone);
  }
  await client.create('新しいフォルダ');
  await client.append('新しいフォルダ', Buffer.from('Subject: new\r\nMessage-ID: <new@example.org>\r\n\r\nnew\r\n'), ['\\Flagged']);
  await client.subscribe('新しいフォルダ');
  await client.command('RENAME "Sent" "Sent Messages"');
  await client.command('UNSUBSCRIBE "Sent"');
  await client.command('DELETE "Projects/Neubau S&APw-d"');
  await client.close();
}

test(
  'mail is delivered, backed up, changed, backed up again, lost, restored and served',
  { skip: noDovecot() || notBuilt() },
  async (t) => {
    const root = scratch('mail');
    const server = await dovecot({ users: USERS, mail: `${root}/vmail/%d/%n/Maildir` });
    const world = await makeWorld({ path: `${root}/vmail/%d/%n/Maildir`, separator: '/' });
    await deliver(server, some(corpus(), MESSAGES));
    const first = flatten(await imapSnapshots(server, USERS));
    const one = await world.backup([]);

    const random = new Random('acceptance');
    for (const user of USERS) await change(server, user, random);
    const states = await imapSnapshots(server, USERS);
    const second = flatten(states);
    const two = await world.backup([]);
    assert.equal(two.counts['messages'], countMessages(states));
    t.diagnostic(
      `${one.counts['messages']} messages, then ${two.counts['messages']}; ${two.counts['flagChanges']} flag changes, ${two.counts['bytesRead']} bytes read`,
    );

    await server.stop();
    rmSync(join(root, 'vmail'), { recursive: true });
    for (const [snapshot, expected] of [['latest', second] as const, ['latest~1', first] as const]) {
      const proof = await world.verify('server', snapshot);
      assert.equal(proof.outcome, 'ok', JSON.stringify(proof.findings));
      assert.equal(proof.counts['compared'], proof.counts['messages']);
      renameSync(await world.restore(`restored-${snapshot}`, snapshot), join(root, 'vmail'));
      const again = await dovecot({ users: USERS, mail: `${root}/vmail/%d/%n/Maildir` });
      assert.deepEqual(differences(expected, flatten(await imapSnapshots(again, USERS))), []);
      await again.stop();
      rmSync(join(root, 'vmail'), { recursive: true });
    }
  },
);
