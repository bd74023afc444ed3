/** `restore --imap`: a mailbox goes into an account of another server. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseDocument, stringify } from 'yaml';
import { notBuilt, startMailrecover } from '../support/binary.ts';
import { dovecot, noDovecot, type Dovecot } from '../support/dovecot.ts';
import { Imap } from '../support/imap.ts';
import { scratch } from '../support/tmp.ts';
import { ALICE, contents, liveWorld, type LiveWorld, text } from './live-world.ts';

const skip = noDovecot() || notBuilt();
const DAY = Date.UTC(2020, 0, 1);
const DAVE = 'dave@example.net';

/** Names the other server's account in the configuration. */
function addAccount(live: LiveWorld, other: Dovecot, password = other.password, kind: 'password' | 'token' = 'password'): void {
  const file = join(live.world.directory, 'etc/mailrecover.yaml');
  const secret = join(live.world.directory, 'etc/dave.password');
  writeFileSync(secret, `${password}\n`, { mode: 0o600 });
  const config = parseDocument(readFileSync(file, 'utf8')).toJS() as Record<string, unknown>;
  config['accounts'] = [{ name: 'dave', host: other.host, port: other.ports.imap, security: 'none', user: DAVE, [kind]: `file:${secret}` }];
  writeFileSync(file, stringify(config));
}

test('a mailbox comes into an account of another server, once', { skip }, async () => {
  const live = await liveWorld();
  const { server, world } = live;
  const other = await dovecot({ users: [DAVE], prefix: 'INBOX.', separator: '.' });
  const client = await Imap.login(server, ALICE);
  for (const folder of ['Wörk', 'Wörk/受信済み', 'Sent']) await client.create(folder);
  for (let index = 1; index <= 6; index++) {
    await client.append(
      'INBOX',
      text(`inbox-${index}`),
      index % 2 === 0 ? ['\\Seen', '$label1', 'wichtig'] : ['\\Flagged'],
      DAY + index * 1000,
    );
    await client.append('Wörk/受信済み', text(`deep-${index}`), [], DAY + index * 1000);
  }
  for (let copy = 0; copy < 2; copy++) await client.append('Sent', text('same'), ['\\Answered'], DAY);
  await client.append('Sent', Buffer.from('Subject: no id\r\n\r\nx\r\n'), [], DAY);
  await world.backup([]);
  const before = await contents(server);
  addAccount(live, other);

  const args = ['latest', '--imap', 'dave', '--mailbox', ALICE];
  const plan = await live.restore([...args, '--dry-run']);
  assert.deepEqual(
    (plan['plan'] as { folder: string; add: number }[]).map(({ folder, add }) => [folder, add]),
    [
      ['INBOX', 6],
      ['INBOX.Sent', 3],
      ['INBOX.Wörk', 0],
      ['INBOX.Wörk.受信済み', 6],
    ],
  );
  const target = await Imap.login(other, DAVE);
  assert.deepEqual(
    (await target.list()).map(({ name }) => name),
    ['INBOX'],
  );

  const done = await live.restore(args);
  assert.equal(done.counts['added'], 15, JSON.stringify(done));
  assert.ok(Number(done['firstMailMs']) >= 0);
  const after = await contents(other, DAVE);
  const plain = (all: Record<string, string[]>, prefix: string): Record<string, string[]> =>
    Object.fromEntries(
      Object.entries(all).map(([name, lines]) => [name.startsWith(prefix) ? name.slice(prefix.length).replaceAll('.', '/') : name, lines]),
    );
  assert.deepEqual(plain(after, 'INBOX.'), before);
  assert.deepEqual((await target.lsub()).map(({ name }) => name).sort(), ['INBOX.Sent', 'INBOX.Wörk', 'INBOX.Wörk.受信済み']);

  assert.equal((await live.restore(args)).counts['added'], 0);
  // One of two equal ones, and one by its Message-ID.
  await target.select('INBOX.Sent');
  await target.expunge('1');
  await target.select('INBOX');
  await target.expunge('2,4');
  const one = await live.restore([...args, '--message', '<inbox-2@example.net>']);
  assert.equal(one.counts['added'], 1, JSON.stringify(one));
  assert.equal((await live.restore(args)).counts['added'], 2);
  assert.deepEqual(await contents(other, DAVE), after);
  await target.close();
  await client.close();
});

test('an account that does not let us in, or that is cut off, is told; then it goes on', { skip }, async () => {
  const live = await liveWorld();
  const { server, world } = live;
  const other = await dovecot({ users: [DAVE] });
  const client = await Imap.login(server, ALICE);
  for (let index = 1; index <= 40; index++) await client.append('INBOX', text(`m-${index}`), [], DAY + index * 1000);
  await client.close();
  await world.backup([]);
  const before = await contents(server);

  addAccount(live, other, 'not it');
  const args = ['latest', '--imap', 'dave', '--mailbox', ALICE];
  const refused = await live.restore(args, { expect: 12 });
  assert.match(JSON.stringify(refused), /does not let 'dave@example.net' in/);
  assert.ok(!JSON.stringify(refused).includes('not it'));
  assert.match(JSON.stringify(await live.restore(['latest', '--imap', 'dav'], { expect: 2 })), /did you mean 'dave'/);
  addAccount(live, other);

  // Killed, and cut off again and again: nothing is there twice.
  const config = join(world.directory, 'etc/mailrecover.yaml');
  const { child, done: killed } = startMailrecover(['--config', config, 'restore', ...args, '--yes', '--identity', live.identity]);
  const watcher = await Imap.login(other, DAVE);
  while (child.exitCode === null && child.signalCode === null && (await watcher.select('INBOX')).exists < 5);
  child.kill('SIGKILL');
  await killed;
  await watcher.close();
  const running = live.restore(args);
  const kicking = (async () => {
    for (let round = 0; round < 4; round++) {
      await new Promise((resolve) => setTimeout(resolve, 150));
      try {
        other.doveadm('kick', DAVE);
      } catch {
        // Nobody is logged in right now.
      }
    }
  })();
  const done = await running;
  await kicking;
  assert.equal(done.outcome, 'ok', JSON.stringify(done));
  assert.deepEqual(await contents(other, DAVE), before);
  assert.equal((await live.restore(args)).counts['added'], 0);
  await other.stop();
  await live.restore(args, { expect: 13 });
});

for (const format of ['mdbox', 'mbox'] as const)
  test(`from ${format} into an account`, { skip }, async () => {
    const live = await liveWorld({ format });
    const other = await dovecot({ users: [DAVE] });
    const client = await Imap.login(live.server, ALICE);
    await client.create('Work');
    for (const folder of ['INBOX', 'Work'])
      for (let index = 1; index <= 3; index++)
        await client.append(folder, text(`${folder}-${index}`), ['\\Seen', '$label1'], DAY + index * 1000);
    await client.close();
    await live.world.backup([]);
    addAccount(live, other);
    const args = ['latest', '--imap', 'dave', '--mailbox', ALICE];
    assert.equal((await live.restore(args)).counts['added'], 6);
    assert.deepEqual(await contents(other, DAVE), await contents(live.server));
    assert.equal((await live.restore(args)).counts['added'], 0);
  });

test('with an OAuth2 token (XOAUTH2)', { skip }, async (t) => {
  // Says which tokens are good, as RFC 7662 has it.
  const judge = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const active = new URLSearchParams(body).get('token') === 'a-good-token';
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(active ? { active, email: DAVE } : { active }));
    });
  });
  await new Promise<void>((resolve) => judge.listen(0, '127.0.0.1', resolve));
  t.after(() => judge.close());
  const settings = join(scratch('oauth2'), 'oauth2.ext');
  writeFileSync(
    settings,
    `introspection_mode = post
introspection_url = http://127.0.0.1:${(judge.address() as AddressInfo).port}/introspect
username_attribute = email
active_attribute = active
active_value = true
`,
    { mode: 0o644 },
  );
  const live = await liveWorld();
  if (!live.server.version.startsWith('2.3.')) return t.skip('settings for XOAUTH2 are known for Dovecot 2.3 here');
  const extra = `auth_mechanisms = plain xoauth2\npassdb {\n  driver = oauth2\n  mechanisms = xoauth2\n  args = ${settings}\n}`;
  const other = await dovecot({ users: [DAVE], extra: extra.split('\n') });
  const client = await Imap.login(live.server, ALICE);
  await client.append('INBOX', text('one'), ['\\Seen'], DAY);
  await client.close();
  await live.world.backup([]);
  const args = ['latest', '--imap', 'dave'];
  addAccount(live, other, 'a-bad-token', 'token');
  const refused = JSON.stringify(await live.restore(args, { expect: 12 }));
  assert.ok(!refused.includes('a-bad-token'), refused);
  addAccount(live, other, 'a-good-token', 'token');
  assert.equal((await live.restore(args)).counts['added'], 1);
  assert.deepEqual(await contents(other, DAVE), await contents(live.server));
});
