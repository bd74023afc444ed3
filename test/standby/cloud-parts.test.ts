/** What a switch to a service is made of, each by itself. */
import assert from 'node:assert/strict';
import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { WantedFolder, WantedMessage } from '../../src/restore/imap/wanted.ts';
import { choose } from '../../src/standby/cloud/choose.ts';
import { inOrder } from '../../src/standby/cloud/fill.ts';
import { Ledger } from '../../src/standby/cloud/ledger.ts';
import { forecast, KNOWN_LIMITS, shownForecast } from '../../src/standby/cloud/limits.ts';
import { addressesOf } from '../../src/standby/cloud/recipients.ts';
import { askSmtp } from '../../src/standby/cloud/smtp-ask.ts';
import { smtpScript } from '../support/cloud/smtp-script.ts';
import { scratch } from '../support/tmp.ts';

const GB = 1_000_000_000;
const HOUR = 3600;
const LIMITS = { message: 1000, day: 2500, hour: GB, perSecond: 1, atOnce: 1 };

test('how long it takes: a share of each day, messages a second, and so many mailboxes at once', () => {
  const one = (bytes: number, messages = 1): { mailbox: string; bytes: number; messages: number } => ({ mailbox: 'a', bytes, messages });
  const { google, 'google-import': byImport, microsoft } = KNOWN_LIMITS;
  // 20 GB in shares of 500 MB are 40 days, the last of which is short.
  assert.equal(Math.ceil(forecast([one(20 * GB)], google).seconds / (24 * HOUR)), 40);
  assert.equal(forecast([one(20 * GB)], byImport).seconds, 10 * HOUR);
  assert.equal(forecast([one(1, 36_000)], byImport).seconds, HOUR);
  const many = Array.from({ length: 100 }, (_, index) => ({ mailbox: `m${index}`, bytes: 5 * GB, messages: 10 }));
  assert.equal(forecast(many, microsoft).seconds, 250 * HOUR);
  assert.equal(forecast([], google).seconds, 0);
  assert.match(
    shownForecast(forecast(many, microsoft)),
    /^1000 messages \(500\.0 GB\) of 100 mailboxes: about 11 days; 'm0' alone takes about 10 hours$/,
  );
});

test('names without a domain get the one that there is', () => {
  assert.deepEqual(addressesOf(['bob', 'alice@example.org', 'bob'], ['example.org.']), ['alice@example.org', 'bob@example.org']);
  assert.deepEqual(addressesOf(['bob'], ['a.org', 'b.org']), ['bob']);
});

test('chosen mailboxes come first, in the order in which they are named', () => {
  const all = ['a@x', 'ceo@x', 'support-2@x', 'support-1@x'].map((mailbox) => ({ mailbox }));
  assert.deepEqual(
    inOrder(all, ['ceo@x', 'support-*']).map(({ mailbox }) => mailbox),
    ['ceo@x', 'support-1@x', 'support-2@x', 'a@x'],
  );
});

function message(sha: string, days: number, size = 1000): WantedMessage {
  return { id: sha, flags: [], state: { sha, size, mtime: days * 1e6 } } as unknown as WantedMessage;
}

const folder = (name: string, ...messages: WantedMessage[]): WantedFolder => ({ dir: name, name, levels: [name], messages });

test('the newest go first, within what a day lets in; what was put there is known by its bytes, wherever it was moved', async () => {
  const state = scratch('ledger');
  const ledger = await Ledger.open(state, 's', 'a@x');
  const [old, middle, recent, large] = [message('1', 1), message('2', 2), message('3', 3), message('4', 4, 1001)];
  const folders = [folder('INBOX', old, middle, recent), folder('Old', large)];
  const first = choose(folders, ledger, LIMITS, 0);
  assert.deepEqual([first.folders[0]?.messages, first.waiting, first.next, first.tooLarge], [[middle, recent], 1, 1000, [large]]);
  assert.deepEqual(choose(folders, ledger, LIMITS, 2.5e6).folders[0]?.messages, [recent]);
  for (const each of [middle, recent]) ledger.wasThere(folders[0] as WantedFolder, each, 1000);
  assert.equal(choose(folders, ledger, LIMITS, 0).count, 0);
  assert.ok(ledger.fitsAt(1000, LIMITS.day) > Date.now() + 23 * HOUR * 1000);

  // A line that a crash tore costs nothing but itself, and the next one is whole.
  const [file = ''] = readdirSync(join(state, 'standby/fill/s'));
  appendFileSync(join(state, 'standby/fill/s', file), '{"folder":"INB');
  const again = await Ledger.open(state, 's', 'a@x');
  again.wasThere(folders[0] as WantedFolder, old, 0);
  const third = await Ledger.open(state, 's', 'a@x');
  assert.equal(third.due(folders).size, 1);
  // Moved on the old host meanwhile, and a second copy of one of them.
  const moved = [folder('INBOX', message('1', 1)), folder('Archive', message('2', 2), message('3', 3), message('3', 5))];
  assert.deepEqual(
    [...third.due(moved)].map(({ state: { mtime } }) => mtime),
    [5e6],
  );
});

test('a message that is larger than the share of a day goes on a day of its own', async () => {
  const ledger = await Ledger.open(scratch('ledger'), 's', 'a@x');
  const limits = { ...LIMITS, message: 10_000 };
  const folders = [folder('INBOX', message('1', 1), message('2', 2, 9000))];
  const { folders: chosen, waiting } = choose(folders, ledger, limits, 0);
  assert.deepEqual([chosen[0]?.messages.map(({ id }) => id), waiting], [['2'], 1]);
});

test('a server that hangs up on many refusals is asked again; one that takes all names, or puts off, is told as such', async () => {
  const refuses = (line: string): string =>
    line.includes('<user') ? '550 5.1.1 no such user' : line.includes('<slow') ? '451 4.7.1 try later' : '250 ok';
  const { port, said } = await smtpScript({ replies: { RCPT: refuses } });
  const server = { host: '127.0.0.1', port, security: 'none' as const };
  const users = Array.from({ length: 20 }, (_, index) => `user${index}@example.test`);
  const addresses = ['here@example.test', ...users, 'slow@example.test', 'bad address@example.test'];
  const { answers, takesAll } = await askSmtp(server, { addresses, sender: '' }, new AbortController().signal);
  assert.equal(takesAll, true);
  assert.deepEqual(
    answers.map(({ address, takes }) => [address, takes]),
    [
      ['here@example.test', 'yes'],
      ...users.map((user) => [user, 'no']),
      ['slow@example.test', 'unsure'],
      ['bad address@example.test', 'no'],
    ],
  );
  assert.ok(said.filter((line) => line.startsWith('EHLO')).length >= 3, 'no more than eight refusals a connection');
  const strict = await smtpScript({ replies: { RCPT: (line) => (line.includes('mailrecover-') ? '550 no' : '250 ok') } });
  const asked = await askSmtp(
    { ...server, port: strict.port },
    { addresses: ['a@example.test'], sender: '' },
    new AbortController().signal,
  );
  assert.deepEqual([asked.takesAll, asked.answers[0]?.takes], [false, 'yes']);
});

test('a server that says nothing of use is an error, and no endless loop', async () => {
  const hangsUp = await smtpScript({ replies: { MAIL: 'cut' } });
  const server = { host: '127.0.0.1', port: hangsUp.port, security: 'none' as const };
  const { answers } = await askSmtp(server, { addresses: ['a@example.test'], sender: '' }, new AbortController().signal);
  assert.deepEqual(answers, [{ address: 'a@example.test', takes: 'unsure', said: 'it hung up' }]);
  const closed = await smtpScript({ replies: { GREETING: '554 go away' } });
  await assert.rejects(
    askSmtp({ ...server, port: closed.port }, { addresses: ['a@example.test'], sender: '' }, new AbortController().signal),
    /whom it takes mail for: 554 go away/,
  );
});
