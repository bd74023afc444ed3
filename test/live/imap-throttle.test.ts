/** Servers that ask a client to slow down, as large providers do: a backup and a restore wait, lose nothing and add nothing twice. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { throttled } from '../../src/store/imap/throttle.ts';
import { type Document, notBuilt } from '../support/binary.ts';
import { dovecot, noDovecot } from '../support/dovecot.ts';
import { Imap } from '../support/imap.ts';
import { throttlingProxy } from '../support/imap-throttle.ts';
import { scratch } from '../support/tmp.ts';
import { ALICE, contents, text } from './live-world.ts';
import { makeWorld, type World } from './world.ts';

const skip = noDovecot() || notBuilt();
const DAY = Date.UTC(2020, 0, 1);
const DAVE = 'dave@example.net';
const MICROSOFT = 'BAD Request is throttled. Suggested Backoff Time: 300 milliseconds';

test('answers that ask for time are told from those that refuse', () => {
  const answer = (responseText: string, serverResponseCode?: string): unknown => ({
    responseStatus: 'NO',
    responseText,
    serverResponseCode,
  });
  assert.deepEqual(throttled({ throttleReset: 400_000, responseText: 'Request is throttled.' }), {
    text: 'Request is throttled.',
    ms: 100_000,
    sure: true,
  });
  for (const [words, code] of [
    ['Account exceeded command or bandwidth limits. (Failure)', 'OVERQUOTA'],
    ['Server Unavailable. 15', undefined],
    ['UID FETCH Rate limit hit.', 'LIMIT'],
    ['Too many simultaneous connections. (Failure)', 'ALERT'],
    ['later', 'THROTTLED'],
  ] as const)
    assert.equal(throttled(answer(words, code))?.sure, true, words);
  assert.equal(throttled(answer('this folder is full', 'LIMIT'))?.sure, false);
  // The code of a FETCH that was refused stands where the parser left it.
  assert.equal(throttled({ responseText: 'x', response: { attributes: [{ section: [{ value: 'throttled' }] }] } })?.sure, true);
  for (const [words, code] of [
    ['Quota exceeded (mailbox for user is full)', 'OVERQUOTA'],
    ['Invalid credentials (Failure)', 'AUTHENTICATIONFAILED'],
    ["Mailbox doesn't exist: Work", 'NONEXISTENT'],
    ['Message too large', undefined],
  ] as const)
    assert.equal(throttled(answer(words, code)), undefined, words);
});

async function accountWorld(ports: Record<string, [user: string, port: number]>): Promise<{ world: World; identity: string }> {
  const secret = join(scratch('secrets'), 'password');
  writeFileSync(secret, 'secret\n', { mode: 0o600 });
  const world = await makeWorld([], {
    stores: [{ name: 'far', imap: { accounts: ['alice'] } }],
    accounts: Object.entries(ports).map(([name, [user, port]]) => ({
      name,
      host: '127.0.0.1',
      port,
      security: 'none',
      user,
      password: `file:${secret}`,
    })),
  });
  return { world, identity: join(world.directory, 'etc/identity.txt') };
}

function told({ findings }: Document): string {
  return findings.find(({ code }) => code === 'throttled')?.message ?? '';
}

test('a backup and a restore through servers that slow them down', { skip }, async () => {
  const [source, target] = [await dovecot({ users: [ALICE] }), await dovecot({ users: [DAVE] })];
  const [from, to] = [await throttlingProxy(source.ports.imap), await throttlingProxy(target.ports.imap)];
  const { world, identity } = await accountWorld({ alice: [ALICE, from.port], dave: [DAVE, to.port] });
  const client = await Imap.login(source, ALICE);
  await client.create('Work');
  for (const folder of ['INBOX', 'Work'])
    for (let index = 1; index <= 8; index++) await client.append(folder, text(`${folder}-${index}`), ['\\Seen'], DAY + index * 1000);
  await client.close();

  from.refusals = [
    { command: 'greeting', says: '* BYE [ALERT] Too many simultaneous connections. (Failure)' },
    { command: 'EXAMINE', after: 1, says: 'NO [THROTTLED] slow down' },
    { command: 'UID FETCH', after: 1, says: MICROSOFT },
    { command: 'UID FETCH', after: 2, says: '* BYE Connection is closed. 13' },
    { command: 'UID FETCH', after: 3, says: 'NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)' },
  ];
  const backup = await world.backup([]);
  assert.deepEqual(
    backup.findings.filter(({ severity }) => severity === 'error'),
    [],
  );
  assert.equal(backup.counts['messages'], 16);
  assert.equal(from.refused, 5);
  assert.match(told(backup), /127\.0\.0\.1 asked us to slow down \d+ times, so \d+ s were waited/);

  to.refusals = [
    { command: 'LIST', says: 'NO [THROTTLED] slow down' },
    { command: 'CREATE', says: 'NO [INUSE] Server Busy' },
    { command: 'APPEND', after: 3, says: MICROSOFT },
    { command: 'APPEND', after: 5, times: 2, says: 'NO [LIMIT] APPEND Rate limit hit.' },
    { command: 'APPEND', after: 9, says: '* BYE Session invalidated, server is busy' },
  ];
  const args = ['restore', 'latest', '--imap', 'dave', '--mailbox', ALICE, '--identity', identity, '--yes'];
  const restored = await world.run(args);
  assert.equal(restored.outcome, 'ok', JSON.stringify(restored));
  assert.equal(to.refused, 6);
  assert.match(told(restored), /asked us to slow down/);
  assert.deepEqual(await contents(target, DAVE), await contents(source));
  assert.equal((await world.run(args)).counts['added'], 0);

  // What is refused for another reason is told of that one message, and the rest goes on.
  const watcher = await Imap.login(target, DAVE);
  await watcher.select('INBOX');
  await watcher.expunge('1:*');
  await watcher.close();
  to.refusals = [{ command: 'APPEND', after: 2, says: 'NO [OVERQUOTA] Quota exceeded (mailbox for user is full)' }];
  const full = await world.run(args, { expect: 3 });
  assert.equal(full.counts['added'], 7, JSON.stringify(full));
  assert.match(JSON.stringify(full.findings), /was not taken by the server: .*Quota exceeded/);
});

test('a server that never has time ends the run, and says so', { skip }, async () => {
  const server = await dovecot({ users: [ALICE] });
  const proxy = await throttlingProxy(server.ports.imap);
  const { world } = await accountWorld({ alice: [ALICE, proxy.port] });
  const client = await Imap.login(server, ALICE);
  await client.append('INBOX', text('one'), [], DAY);
  await client.close();
  // Not a wrong password.
  proxy.refusals = ['LOGIN', 'AUTHENTICATE'].map((command) => ({
    command,
    times: 1000,
    says: 'NO [UNAVAILABLE] the store of this user is away',
  }));
  const failed = await world.backup([], { expect: 13 });
  assert.match(JSON.stringify(failed), /asks us to slow down: .*the store of this user is away/);
  proxy.refusals = [];
  assert.equal((await world.backup([])).counts['messages'], 1);
});
