/** Accounts of an IMAP server as a source of backups: what comes back is what the server had, UIDs included. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AddressInfo, connect, createServer } from 'node:net';
import { test, type TestContext } from 'node:test';
import { parseDocument, stringify } from 'yaml';
import { type Document, notBuilt, startMailrecover } from '../support/binary.ts';
import { type Dovecot, dovecot, mailUser, noDovecot } from '../support/dovecot.ts';
import { flatten, imapSnapshots } from '../support/imap-snapshot.ts';
import { Imap } from '../support/imap.ts';
import { proxyBefore } from '../support/proxy.ts';
import { scratch } from '../support/tmp.ts';
import { differences } from '../support/tree.ts';
import { ALICE, contents, text } from './live-world.ts';
import { use } from './use.ts';
import { makeWorld, type World } from './world.ts';

const skip = noDovecot() || notBuilt();
const DAY = Date.UTC(2020, 0, 1);
const DAVE = 'dave@example.net';

interface AccountWorld {
  world: World;
  identity: string;
  config: string;
  password: string;
}

/** A configuration of which the only store is an account on a server, reached through a port. */
async function accountWorld(
  port: number,
  settings: { exclude?: string[]; more?: object[]; accounts?: object[] } = {},
): Promise<AccountWorld> {
  const secrets = scratch('secrets');
  const password = join(secrets, 'alice');
  writeFileSync(password, 'secret\n', { mode: 0o600 });
  const account = { name: 'alice', host: '127.0.0.1', port, security: 'none', user: ALICE, password: `file:${password}` };
  const { exclude, more = [], accounts = [] } = settings;
  const world = await makeWorld([], {
    stores: [{ name: 'far', imap: { accounts: ['alice'], ...(exclude === undefined ? {} : { exclude }) } }, ...more],
    accounts: [account, ...accounts],
  });
  return { world, identity: join(world.directory, 'etc/identity.txt'), config: join(world.directory, 'etc/mailrecover.yaml'), password };
}

/** What a Dovecot serves of the newest snapshot. */
async function served({ world }: AccountWorld, name: string, snapshot = 'latest'): Promise<Map<string, string>> {
  const to = await world.restore(name, snapshot, process.getuid?.() === 0 ? ['--map-owner', `root:${mailUser()}`] : []);
  const again = await dovecot({ users: [ALICE], mail: `${to}/%d/%n/Maildir`, layout: 'fs' });
  const state = flatten(await imapSnapshots(again, [ALICE]));
  await again.stop();
  return state;
}

async function live(server: Dovecot): Promise<Map<string, string>> {
  return flatten(await imapSnapshots(server, [ALICE]));
}

function counts({ counts: all }: Document, ...names: string[]): unknown[] {
  return names.map((name) => all[name]);
}

test('an account comes back as its server had it, and a second backup fetches nothing twice', { skip }, async () => {
  const server = await dovecot({ users: [ALICE] });
  const proxy = await proxyBefore(server.ports.imap);
  const setting = await accountWorld(proxy.port);
  const { world } = setting;
  await use(server, ALICE, 'one');
  const client = await Imap.login(server, ALICE);
  for (const folder of ['cur', 'v1.0/a.b', '.hidden']) {
    await client.create(folder).catch(() => undefined);
  }
  const before = await live(server);
  const first = await world.backup([]);
  assert.ok(first.outcome === 'ok' || first.outcome === 'warning', JSON.stringify(first));
  assert.deepEqual(
    first.findings.filter(({ severity }) => severity === 'error'),
    [],
  );
  const proof = await world.verify('server');
  assert.deepEqual([proof.outcome, proof.findings], ['ok', []]);
  assert.deepEqual(differences(renamed(before), await served(setting, 'first')), []);

  // Nothing changed: no mail, and hardly a byte.
  let passed = proxy.down;
  const nothing = await world.backup([]);
  assert.deepEqual(counts(nothing, 'newMessages', 'removedMessages', 'flagChanges', 'bytesRead'), [0, 0, 0, 0]);
  assert.ok(proxy.down - passed < 8192, `${proxy.down - passed} bytes`);

  // Flags, and a few new ones.
  await client.select('INBOX');
  const uids = [...(await client.headers('Message-ID')).keys()];
  await client.store(uids.slice(0, 3).join(','), '+', ['\\Answered', 'later']);
  await client.store(uids.slice(3, 4).join(','), '-', ['\\Flagged', 'Junk']);
  passed = proxy.down;
  const flagged = await world.backup([]);
  assert.deepEqual(counts(flagged, 'newMessages', 'removedMessages', 'bytesRead'), [0, 0, 0]);
  assert.ok(Number(flagged.counts['flagChanges']) >= 3);
  assert.ok(proxy.down - passed < 12_288, `${proxy.down - passed} bytes`);

  await use(server, ALICE, 'two');
  await client.select('INBOX');
  await client.expunge(String(uids[0]));
  await client.command('DELETE "Neubau S&APw-d"');
  // A subscription to what is not there is not told by all servers, and not kept.
  for (const name of ['Neubau S&APw-d', '% &- more']) await client.command(`UNSUBSCRIBE "${name}"`);
  await client.command('RENAME "% &- more" "less"');
  const second = await world.backup([]);
  assert.ok(Number(second.counts['newMessages']) > 0 && Number(second.counts['removedMessages']) > 0);
  assert.deepEqual(differences(renamed(await live(server)), await served(setting, 'second')), []);
  assert.deepEqual((await world.verify('server')).findings, []);

  // All UIDs are new: fetched again, since nobody can know what they are, and stored once.
  server.doveadm('mailbox', 'update', '-u', ALICE, '--uid-validity', '1234567', 'INBOX');
  const anew = await world.backup([]);
  assert.ok(Number(anew.counts['bytesRead']) > 0, JSON.stringify(anew));
  assert.ok(Number(anew.counts['bytesStored']) < Number(anew.counts['bytesRead']), JSON.stringify(anew.counts));
  assert.deepEqual(differences(renamed(await live(server)), await served(setting, 'anew')), []);
  // Earlier snapshots are what they were.
  assert.deepEqual(differences(renamed(before), await served(setting, 'again', first['snapshot'] as string)), []);
  await client.close();
});

/** Names that a Maildir has no room for stand in the snapshot with an underscore before them. */
function renamed(state: Map<string, string>): Map<string, string> {
  return new Map(
    [...state].map(([key, value]) => [
      key.replace(/^(\S+) (cur|\.hidden)(?=$| )/, '$1 _$2'),
      value.replace(/(^|, )(cur|\.hidden)(?=,|$)/g, '$1_$2'),
    ]),
  );
}

test('prefix and dots: names come without them, and `restore --imap` puts back what is missing, once', { skip }, async () => {
  const server = await dovecot({ users: [ALICE], prefix: 'INBOX.', separator: '.' });
  const other = await dovecot({ users: [DAVE] });
  const secret = join(scratch('secrets'), 'dave');
  writeFileSync(secret, 'secret\n', { mode: 0o600 });
  const setting = await accountWorld(server.ports.imap, {
    exclude: ['Spam*'],
    accounts: [{ name: 'dave', host: '127.0.0.1', port: other.ports.imap, security: 'none', user: DAVE, password: `file:${secret}` }],
  });
  const { world, identity } = setting;
  const client = await Imap.login(server, ALICE);
  for (const folder of ['INBOX.Wörk', 'INBOX.Wörk.受信済み', 'INBOX.Spam', 'INBOX.Spam.old']) await client.create(folder);
  for (let index = 1; index <= 4; index++) {
    await client.append('INBOX', text(`inbox-${index}`), ['\\Seen', 'wichtig'], DAY + index * 1000);
    await client.append('INBOX.Wörk.受信済み', text(`deep-${index}`), [], DAY + index * 1000);
    await client.append('INBOX.Spam', text(`spam-${index}`), [], DAY);
  }
  const done = await world.backup([]);
  assert.deepEqual(counts(done, 'folders', 'messages'), [3, 8], JSON.stringify(done));
  const listed = await world.run(['ls', 'latest', ALICE, '--identity', identity]);
  assert.match(JSON.stringify(listed), /"Wörk\/受信済み"/);

  const restore = (account: string): Promise<Document> =>
    world.run(['restore', 'latest', '--imap', account, '--mailbox', ALICE, '--identity', identity, '--yes']);
  assert.equal((await restore('dave')).counts['added'], 8);
  assert.equal((await restore('dave')).counts['added'], 0);
  const theirs = await contents(other, DAVE);
  assert.deepEqual(theirs['INBOX'], (await contents(server))['INBOX']);
  assert.deepEqual(theirs['Wörk/受信済み'], (await contents(server))['INBOX.Wörk.受信済み']);
  // Into the account itself: what was lost there, and nothing else.
  const before = await contents(server);
  assert.equal((await restore('alice')).counts['added'], 0);
  await client.select('INBOX');
  await client.expunge('2,3');
  assert.equal((await restore('alice')).counts['added'], 2);
  assert.deepEqual(await contents(server), before);
  const refused = await world.run(['restore', 'latest', '--live', 'missing', '--mailbox', ALICE, '--identity', identity, '--yes'], {
    expect: 2,
  });
  assert.match(JSON.stringify(refused), /--imap ACCOUNT/);
  // What is left out from now on is gone from the next snapshot.
  const config = parseDocument(readFileSync(setting.config, 'utf8')).toJS() as { stores: { imap: { exclude: string[] } }[] };
  config.stores[0]?.imap.exclude.push('INBOX');
  writeFileSync(setting.config, stringify(config));
  assert.deepEqual(counts(await world.backup([]), 'folders', 'messages', 'removedMessages'), [2, 4, 4]);
  assert.equal((await world.verify('server')).outcome, 'ok');
  await client.close();
});

test('killed, cut off, refused and unreachable: it goes on where it was, and says what is wrong', { skip }, async () => {
  const server = await dovecot({ users: [ALICE] });
  const proxy = await proxyBefore(server.ports.imap);
  const setting = await accountWorld(proxy.port);
  const { world, config, password } = setting;
  const client = await Imap.login(server, ALICE);
  const body = (index: number): Buffer => Buffer.concat([text(`m-${index}`), Buffer.from(`${randomText(index)}\r\n`)]);
  for (const folder of ['INBOX', 'Work'])
    for (let index = 1; index <= 15; index++) {
      if (folder !== 'INBOX' && index === 1) await client.create(folder);
      await client.append(folder, body(index + (folder === 'INBOX' ? 0 : 100)), [], DAY + index * 1000);
    }
  const total = [...Array(15).keys()].reduce((sum, index) => sum + body(index + 1).length + body(index + 101).length, 0);

  writeFileSync(password, 'wrong\n');
  const refused = await world.backup([], { expect: 12 });
  assert.match(JSON.stringify(refused), /does not let 'alice@example.org' in/);
  writeFileSync(password, 'secret\n');
  proxy.refusing = true;
  await world.backup([], { expect: 13 });
  proxy.refusing = false;

  // Killed in the middle, then the line breaks: what was stored, and what was fetched before that, is not fetched again.
  proxy.troubles.push({ stallDown: Math.floor(total * 0.95) });
  let passed = proxy.down;
  const { child, done } = startMailrecover(['--config', config, '--json', 'backup']);
  const stored = (): boolean => existsSync(packs) && readdirSync(packs, { recursive: true }).some((name) => String(name).endsWith('.age'));
  const packs = join(world.directory, 'repository/packs');
  while (child.exitCode === null && (proxy.down - passed < total * 0.95 - 1 || !stored()))
    await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill('SIGKILL');
  await done;
  proxy.cut();
  passed = proxy.down;
  proxy.troubles.push({ cutDown: Math.floor(total * 0.1) }, { cutDown: Math.floor(total * 0.15) });
  const result = await world.backup([]);
  assert.ok(['ok', 'warning'].includes(result.outcome), JSON.stringify(result));
  assert.ok(proxy.down - passed < total * 0.8, `${proxy.down - passed} of ${total}`);
  assert.deepEqual(differences(await live(server), await served(setting, 'after')), []);
  assert.deepEqual((await world.verify('server')).findings, []);

  // Away for a night: the mail stays in the snapshot where there is other mail to back up.
  const near = scratch('near');
  const changed = parseDocument(readFileSync(config, 'utf8')).toJS() as { stores: object[] };
  changed.stores.push({ name: 'near', path: `${near}/%d/%n/Maildir` });
  const second = await dovecot({ users: [DAVE], mail: `${near}/%d/%n/Maildir` });
  const other = await Imap.login(second, DAVE);
  await other.append('INBOX', text('near'), [], DAY);
  await other.close();
  writeFileSync(config, stringify(changed));
  await world.backup([]);
  proxy.refusing = true;
  const partial = await world.backup([], { expect: 3 });
  assert.deepEqual(counts(partial, 'messages'), [31], JSON.stringify(partial));
  assert.match(JSON.stringify(partial.findings), /account-unreachable/);
  await client.close();
});

/** Lines that do not compress, and are the same each time. */
function randomText(seed: number): string {
  const text = createHash('shake256', { outputLength: 600_000 }).update(String(seed)).digest('base64');
  return text.replace(/.{76}/g, '$&\r\n');
}

test('where the server names messages, as Gmail does, one that lies in several folders is fetched once', { skip }, async (t) => {
  const server = await dovecot({ users: [ALICE] });
  const { port, passed } = await gmailBefore(server.ports.imap, t);
  const setting = await accountWorld(port);
  const client = await Imap.login(server, ALICE);
  for (const folder of ['All Mail', 'Label']) await client.create(folder);
  for (let index = 1; index <= 5; index++)
    await client.append(
      'INBOX',
      Buffer.concat([text(`g-${index}`), Buffer.from(randomText(index).slice(0, 50_000))]),
      [],
      DAY + index * 1000,
    );
  await client.select('INBOX');
  await client.copy('1:5', 'All Mail');
  await client.copy('2:3', 'Label');
  const first = await setting.world.backup([]);
  assert.deepEqual(counts(first, 'messages', 'newMessages'), [12, 12], JSON.stringify(first));
  assert.ok(passed.down < 5 * 50_000 * 1.3, `${passed.down} bytes`);
  // A message that gets another label, or is moved, is not fetched again either.
  const before = passed.down;
  await client.copy('4', 'Label');
  await client.move('5', 'Label');
  const second = await setting.world.backup([]);
  assert.deepEqual(counts(second, 'messages', 'newMessages', 'removedMessages', 'bytesRead'), [13, 2, 1, 0], JSON.stringify(second));
  assert.ok(passed.down - before < 40_000, `${passed.down - before} bytes`);
  assert.deepEqual(differences(await live(server), await served(setting, 'gmail')), []);
  await client.close();
});

/** Gmail's names for messages (X-GM-MSGID, a number) put in the place of Dovecot's (X-GUID), which copies share, too. */
async function gmailBefore(port: number, t: TestContext): Promise<{ port: number; passed: { down: number } }> {
  const passed = { down: 0 };
  const gateway = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) socket.on('error', () => (near.destroy(), far.destroy()));
    near.on('data', (chunk: Buffer) => far.write(Buffer.from(chunk.toString('latin1').replace(/ X-GM-MSGID/g, ' X-GUID'), 'latin1')));
    let line = '';
    far.on('data', (chunk: Buffer) => {
      passed.down += chunk.length;
      const whole = line + chunk.toString('latin1');
      const end = whole.lastIndexOf('\n') + 1;
      line = whole.slice(end);
      const changed = whole
        .slice(0, end)
        .replace(/(\* CAPABILITY|\[CAPABILITY)(?= )/g, '$1 X-GM-EXT-1')
        .replace(/^(\* \d+ FETCH \(.*?)X-GUID (\S+?)(?=[ )])/gm, (_, head: string, guid: string) => {
          const number = createHash('sha256').update(guid).digest().readBigUInt64BE();
          return `${head}X-GM-MSGID ${number}`;
        });
      near.write(Buffer.from(changed, 'latin1'));
    });
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
  t.after(() => gateway.close());
  return { port: (gateway.address() as AddressInfo).port, passed };
}

test('while clients move, flag, add and expunge, nothing is lost and nothing is twice', { skip }, async () => {
  const server = await dovecot({ users: [ALICE] });
  const proxy = await proxyBefore(server.ports.imap);
  const setting = await accountWorld(proxy.port);
  const client = await Imap.login(server, ALICE);
  const folders = ['A', 'B', 'C'];
  for (const folder of folders) await client.create(folder);
  // These stay, but wander; every 4th is expunged some time.
  for (let index = 0; index < 60; index++) await client.append(folders[index % 3] ?? '', text(`w-${index}`), [], DAY + index * 1000);
  const wander = new AbortController();
  const wandering = (async () => {
    for (let round = 0; !wander.signal.aborted; round++) {
      const from = folders[round % 3] ?? '';
      const { exists } = await client.select(from);
      if (exists > 0) {
        const uids = [...(await client.headers('Message-ID')).keys()];
        const some = uids.filter((_, index) => index % 3 === round % 3);
        if (some.length > 0) {
          await client.store(some.join(','), round % 2 === 0 ? '+' : '-', ['\\Seen', 'moved']);
          await client.move(some.join(','), folders[(round + 1) % 3] ?? '');
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
      await client.append('INBOX', text(`new-${round}`), []);
      if (round % 5 === 4) {
        await client.select('INBOX');
        const [oldest] = [...(await client.headers('Message-ID')).keys()];
        if (oldest !== undefined) await client.expunge(String(oldest));
      }
    }
  })();
  const made: Document[] = [];
  for (let round = 0; round < 3; round++) made.push(await setting.world.backup([]));
  wander.abort();
  await wandering;
  for (const [number, { snapshot }] of made.entries()) {
    const state = await served(setting, `moving-${number}`, snapshot as string);
    const hashes = [...state].filter(([key]) => / \d+$/.test(key)).map(([, value]) => value.split(' ')[4]);
    assert.equal(new Set(hashes).size, hashes.length, 'a message is in two folders');
    const wanderers = [...state].filter(([key]) => /^\S+ [ABC] \d+$/.test(key));
    assert.equal(wanderers.length, 60, `snapshot ${number} holds ${wanderers.length} of 60`);
  }
  const last = await setting.world.backup([]);
  assert.ok(['ok', 'warning'].includes(last.outcome));
  assert.deepEqual(differences(await live(server), await served(setting, 'at-rest')), []);
  await client.close();
});
