/** `restore --behind`: mailboxes that were begun anew get their history back while their clients use them and mail comes in. */
import assert from 'node:assert/strict';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { beginDial, endDial } from '../../src/standby/dial/begin.ts';
import { readDial } from '../../src/standby/dial/record.ts';
import { noteLag } from '../../src/standby/sync/lag.ts';
import { TakenStore } from '../../src/standby/sync/taken.ts';
import { mailrecover, notBuilt } from '../support/binary.ts';
import { type Dovecot, type DovecotOptions, noDovecot } from '../support/dovecot.ts';
import { imapSnapshot, imapSnapshots } from '../support/imap-snapshot.ts';
import { Imap } from '../support/imap.ts';
import { Lmtp } from '../support/lmtp.ts';
import type { Plan } from '../support/preload/plan.ts';
import { rounds } from '../support/soak.ts';
import { scratch } from '../support/tmp.ts';
import { complaints, liveWorld, text, type LiveWorld } from '../live/live-world.ts';

const skip = noDovecot() || notBuilt();
const DAY = Date.UTC(2020, 0, 1);
const USERS = ['alice', 'bob', 'carol', 'dave'].map((name) => `${name}@example.org`);
const [ALICE = '', BOB = '', CAROL = '', DAVE = ''] = USERS;
const RUN = 'abcdef0123456789';

/** UIDVALIDITY and subjects by UID, of each folder. */
type Shown = Record<string, { uidValidity: number; uidNext: number; subjects: Record<number, string>; flags: Record<string, string> }>;

async function shown(server: Dovecot, user: string): Promise<Shown> {
  const client = await Imap.login(server, user);
  const folders: Shown = {};
  for (const { name } of await client.list()) {
    const { exists, uidValidity, uidNext } = await client.select(name, { readOnly: true });
    const folder: Shown[string] = { uidValidity, uidNext, subjects: {}, flags: {} };
    if (exists > 0)
      await client.fetch('1:*', ({ uid, flags, body }) => {
        const subject = /^Subject: (.*)\r$/m.exec(body.toString('latin1'))?.[1] ?? '';
        folder.subjects[uid] = subject;
        folder.flags[subject] = flags
          .filter((flag) => flag !== '\\Recent')
          .toSorted()
          .join(' ');
      });
    folders[name] = folder;
  }
  await client.close();
  return folders;
}

/** What clients have seen: no UID of a folder ever stands for two messages. */
class Seen {
  readonly #seen = new Map<string, string>();

  async look(server: Dovecot, users = USERS): Promise<void> {
    for (const user of users)
      for (const [folder, { uidValidity, subjects }] of Object.entries(await shown(server, user)))
        for (const [uid, subject] of Object.entries(subjects)) {
          const key = `${user} ${folder} ${uidValidity} ${uid}`;
          assert.equal(this.#seen.get(key) ?? subject, subject, key);
          this.#seen.set(key, subject);
        }
  }
}

function subjectsOf(folder: Shown[string] | undefined): string[] {
  return Object.values(folder?.subjects ?? {});
}

function dialOptions({ world, server }: LiveWorld): Parameters<typeof beginDial>[0] {
  return { state: join(world.directory, 'state'), stores: [{ name: 'mail', path: server.mail, layout: 'maildir++' }] };
}

/** A server with mail that was backed up, and more of it that came after. */
async function served(): Promise<LiveWorld> {
  const live = await liveWorld({ users: USERS });
  const { server, world } = live;
  for (const user of USERS) {
    const client = await Imap.login(server, user);
    await client.create('Work');
    await client.create('Work/Sub');
    await client.subscribe('Work');
    for (let index = 1; index <= 4; index++) {
      await client.append('INBOX', text(`h-${index}`), index % 2 === 0 ? ['\\Seen', 'Old'] : [], DAY + index * 1000);
      await client.append('Work', text(`w-${index}`), index === 1 ? ['Third'] : ['\\Flagged'], DAY + index * 1000);
    }
    await client.append('Work/Sub', text('s-1'), [], DAY);
    await client.close();
  }
  await world.backup([]);
  return live;
}

/** Alice's mail on the standby is old, bob's and dave's are nowhere, carol's is current. */
async function dialTone(live: LiveWorld): Promise<void> {
  const { server, world } = live;
  const client = await Imap.login(server, ALICE);
  await client.append('INBOX', text('late-1'), ['\\Answered'], DAY);
  await client.append('INBOX', text('late-2'), [], DAY);
  await client.select('INBOX');
  await client.expunge('6');
  await client.create('Fresh');
  await client.append('Fresh', text('fresh-1'), [], DAY);
  await client.close();
  // UIDVALIDITY is a time in seconds, and one more for each folder: what is made anew must not have that of what was there.
  const given = Object.values(await imapSnapshots(server, [BOB, DAVE])).flatMap(({ folders }) => Object.values(folders));
  const last = Math.max(...given.map(({ uidValidity }) => uidValidity));
  await sleep(Math.max(0, (last + 1) * 1000 - Date.now()) + 100);
  for (const user of [BOB, DAVE]) {
    renameSync(server.mailOf(user), `${server.mailOf(user)}.lost`);
  }
  const now = new Date().toISOString();
  await noteLag(join(world.directory, 'state'), [{ store: 'mail', mailbox: CAROL, syncedAt: now, checkedAt: now, behind: 0 }]);
  const request = { run: RUN, epoch: 1, from: 'mx1', keepSince: new Date(Date.now() - 60_000).toISOString() };
  const counts = await beginDial(dialOptions(live), request);
  assert.deepEqual([counts.kept, counts.anew], [1, 1]);
  assert.deepEqual(await beginDial(dialOptions(live), request), counts, 'again is no other');
}

test('mailboxes in use: chosen ones first, every UID as it was, new mail behind it', { skip }, async () => {
  const live = await served();
  const { server } = live;
  const before = await imapSnapshots(server, USERS);
  const old = await Imap.login(server, ALICE);
  await old.command('ENABLE QRESYNC');
  const { uidValidity } = await old.select('INBOX');
  const highest = (await old.status('INBOX', ['HIGHESTMODSEQ'])).get('HIGHESTMODSEQ') ?? 0n;
  await old.close();
  await dialTone(live);

  const lmtp = await Lmtp.connect(server);
  for (const user of [ALICE, BOB, CAROL]) await lmtp.deliver(text('d-1'), user);
  const clients: Imap[] = [];
  // A keyword that the history has, and clients get no letter for: they use that letter for another one.
  rmSync(join(server.mailOf(ALICE), '.Work/dovecot-keywords'));
  for (const user of [ALICE, BOB]) {
    const client = await Imap.login(server, user);
    await client.append('INBOX', text('d-2'), ['\\Flagged', 'New'], DAY);
    await client.create('Work').catch(() => undefined);
    await client.append('Work', text('d-3'), ['Old'], DAY);
    const stale = await Imap.login(server, user);
    for (const each of [client, stale]) await each.select('INBOX');
    const other = await Imap.login(server, user);
    await other.select('Work');
    clients.push(other);
    // It knows files by names that change now.
    await client.store('1:*', '+', ['\\Seen']);
    clients.push(stale, client);
  }
  const during = await shown(server, ALICE);
  assert.deepEqual(subjectsOf(during['INBOX']), ['d-1', 'd-2']);
  assert.deepEqual(Object.keys(during).toSorted(), ['Fresh', 'INBOX', 'Work', 'Work/Sub'], 'folders are there from the beginning');
  assert.ok(Object.keys(during['INBOX']?.subjects ?? {}).every((uid) => Number(uid) >= 1_000_000));

  const seen = new Seen();
  await seen.look(server);
  const dry = await live.restore(['--behind', '--first', BOB, '--dry-run']);
  assert.deepEqual(
    (dry['mailboxes'] as { mailbox: string }[]).map(({ mailbox }) => mailbox),
    [BOB, ALICE, DAVE],
  );
  await seen.look(server);
  const done = await live.restore(['--behind', '--first', BOB]);
  assert.deepEqual([done.outcome, done.findings], ['ok', []], JSON.stringify(done));
  // Clients that had it open write by UIDs that they know.
  for (const client of clients) await client.command('UID STORE 1:4,1000000:* +FLAGS (Touched)').catch(() => undefined);
  for (const client of clients) await assert.rejects(client.command('NOOP'), 'it is asked to log in again');
  await lmtp.deliver(text('d-4'), [ALICE, BOB]);
  await seen.look(server);

  for (const user of [ALICE, BOB]) {
    const now = await shown(server, user);
    for (const folder of ['INBOX', 'Work', 'Work/Sub']) {
      const was = before[user]?.folders[folder];
      assert.equal(now[folder]?.uidValidity, was?.uidValidity, `${user} ${folder}`);
      const state = (await imapSnapshot(server, user)).folders[folder];
      for (const [uid, message] of Object.entries(was?.messages ?? {}))
        assert.deepEqual(state?.messages[Number(uid)], message, `${user} ${folder} ${uid}`);
    }
    const late = user === ALICE ? ['late-1'] : [];
    assert.deepEqual(subjectsOf(now['INBOX']), ['h-1', 'h-2', 'h-3', 'h-4', ...late, 'd-1', 'd-2', 'd-4']);
    assert.deepEqual(subjectsOf(now['Work']), ['w-1', 'w-2', 'w-3', 'w-4', 'd-3']);
    assert.match(now['INBOX']?.flags['d-2'] ?? '', /New \\Flagged \\Seen|New .*\\Flagged/);
    assert.match(now['Work']?.flags['d-3'] ?? '', /^Old( Touched)?$/);
  }
  const alice = await shown(server, ALICE);
  assert.deepEqual(
    [alice['INBOX']?.subjects[5], alice['INBOX']?.flags['late-1'], subjectsOf(alice['Fresh'])],
    ['late-1', '\\Answered', ['fresh-1']],
  );
  assert.deepEqual((await imapSnapshot(server, DAVE)).folders['Work']?.messages, before[DAVE]?.folders['Work']?.messages);
  assert.deepEqual((await imapSnapshot(server, DAVE)).subscriptions, ['Work']);
  assert.deepEqual(subjectsOf((await shown(server, CAROL))['INBOX']), ['h-1', 'h-2', 'h-3', 'h-4', 'd-1'], 'a mailbox that was current');

  // A client that knew the mailbox before, and a message that nobody has any more, is told everything.
  const back = await Imap.login(server, ALICE);
  await back.command('ENABLE QRESYNC');
  const { untagged } = await back.command(`SELECT INBOX (QRESYNC (${uidValidity} ${highest} 1:5,7))`);
  const told = untagged.map((response) => response.text).join('\n');
  assert.match(told, /VANISHED \(EARLIER\) (6:)?7/);
  for (const uid of [1, 2, 3, 4]) assert.match(told, new RegExp(`FETCH \\(UID ${uid} `));

  const again = await live.restore(['--behind']);
  assert.deepEqual(again.counts, { folders: 0, messages: 0, bytes: 0, present: again.counts['present'], failed: 0 });
  const state = join(live.world.directory, 'state');
  assert.equal(readDial(state)?.closed, true);
  assert.equal(new TakenStore(state).read({ store: 'mail', mailbox: ALICE })?.cut.messages.length, 9, 'a merge begins at the snapshot');
  assert.deepEqual(leftOvers(live), ['.mailrecover-before-abcdef01-'], 'the mail that was moved aside stays');
  assert.deepEqual(
    complaints(server).filter((line) => /Panic|Fatal|orrupt|duplicate/.test(line)),
    [],
  );
});

function leftOvers(live: LiveWorld): string[] {
  return USERS.flatMap((user) => readdirSync(join(live.root, 'example.org', user.split('@')[0] ?? '')))
    .filter((name) => name.startsWith('.mailrecover'))
    .map((name) => name.replace(/[0-9a-f]{8}$/, ''));
}

/** Whether a message was taken. */
async function delivers(server: Dovecot, subject: string, user: string): Promise<boolean> {
  const lmtp = await Lmtp.connect(server).catch(() => undefined);
  const taken = lmtp?.deliver(text(subject), user).then(
    () => true,
    () => false,
  );
  const isTaken = (await taken) === true;
  await lmtp?.close();
  return isTaken;
}

test('killed again and again while mail comes in, each message is there once', { skip }, async (t) => {
  const live = await served();
  const { server, world } = live;
  const before = await imapSnapshots(server, USERS);
  await dialTone(live);
  const config = ['--config', join(world.directory, 'etc/mailrecover.yaml'), '--json'];
  const args = [...config, 'restore', '--behind', '--yes', '--identity', live.identity];
  const under = [live.root, join(world.directory, 'state/behind'), join(world.directory, 'state/standby'), '/proc/self/fd'];
  const counter = join(world.directory, 'counter');
  const seen = new Seen();
  const delivered: string[] = [];
  // All the time: deliveries that are tried again, as Postfix does, and clients that look, and change flags.
  const stop = new AbortController();
  const deliver = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const subject = `d-${delivered.length + 1}`;
      for (const user of [ALICE, BOB, DAVE]) while (!(await delivers(server, subject, user))) await sleep(100);
      delivered.push(subject);
      await sleep(50);
    }
  };
  const use = async (): Promise<void> => {
    for (let turn = 0; !stop.signal.aborted; turn++) {
      const client = await Imap.login(server, BOB).catch(() => undefined);
      await client?.select('INBOX').catch(() => undefined);
      await client?.store('1:*', turn % 2 === 0 ? '+' : '-', ['\\Flagged']).catch(() => undefined);
      await client?.close();
      // It may be asked to log in again.
      await seen.look(server).catch((error: unknown) => {
        if (error instanceof assert.AssertionError) throw error;
      });
    }
  };
  const others = [deliver(), use()];
  // Every so many steps in a soak; few times else.
  const every = Math.max(5, Math.ceil(120 / rounds(1, 17)));
  let kills = 0;
  for (let at = every; ; at += kills % 5 === 4 ? 1 : 0) {
    rmSync(counter, { force: true });
    const torn: Plan = { do: 'kill', at: Math.ceil(at / 5), torn: true, kinds: ['write'], under, counter };
    const ran = await mailrecover(args, { plans: [kills % 2 === 0 ? { do: 'kill', at, under, counter } : torn], timeout: 600_000 });
    if (ran.signal !== 'SIGKILL') {
      assert.equal(ran.code, 0, ran.stdout + ran.stderr);
      break;
    }
    kills++;
    assert.ok(kills < 500);
  }
  stop.abort();
  await Promise.all(others);
  await seen.look(server);
  t.diagnostic(`killed ${kills} times, ${delivered.length} messages meanwhile`);
  for (const user of [ALICE, BOB, DAVE]) {
    const now = await shown(server, user);
    const late = user === ALICE ? ['late-1'] : [];
    const [history, since] = [subjectsOf(now['INBOX']).slice(0, 4 + late.length), subjectsOf(now['INBOX']).slice(4 + late.length)];
    assert.deepEqual([history, since.toSorted()], [['h-1', 'h-2', 'h-3', 'h-4', ...late], delivered.toSorted()], user);
    for (const folder of ['INBOX', 'Work', 'Work/Sub']) assert.equal(now[folder]?.uidValidity, before[user]?.folders[folder]?.uidValidity);
    assert.deepEqual(now['Work']?.subjects, { 1: 'w-1', 2: 'w-2', 3: 'w-3', 4: 'w-4' });
  }
  assert.deepEqual(leftOvers(live), ['.mailrecover-before-abcdef01-']);
});

const LAYOUTS: Record<string, (root: string) => Partial<DovecotOptions> & { control?: string; index?: string }> = {
  'control files and indexes elsewhere, a namespace with a prefix': (root) => ({
    control: `${root}/control/%d/%n`,
    index: `${root}/index/%d/%n`,
    prefix: 'INBOX.',
    separator: '.',
  }),
  'folders in directories': () => ({ layout: 'fs' }),
};

for (const [name, optionsOf] of Object.entries(LAYOUTS))
  test(`begun anew, taken back, begun again, and filled: ${name}`, { skip }, async () => {
    const options = optionsOf(scratch('elsewhere'));
    const live = await liveWorld({ users: [ALICE], ...options });
    const { server, world } = live;
    const named = (folder: string): string => (server.prefix === '' ? folder : server.prefix + folder.replaceAll('/', server.separator));
    const client = await Imap.login(server, ALICE);
    for (const folder of ['Work', 'Work/Sub']) await client.create(named(folder));
    for (const folder of ['INBOX', named('Work'), named('Work/Sub')])
      for (const subject of ['h-1', 'h-2']) await client.append(folder, text(subject), ['\\Seen', 'Old'], DAY);
    await client.close();
    await world.backup([]);
    const before = await imapSnapshot(server, ALICE);
    const { layout = 'maildir++', control, index } = options;
    const places = { layout, ...(control === undefined ? {} : { control }), ...(index === undefined ? {} : { index }) };
    const dial = { state: join(world.directory, 'state'), stores: [{ name: 'mail', path: server.mail, ...places }] };
    const request = { run: RUN, epoch: 1, from: 'mx1', keepSince: new Date(Date.now() + 60_000).toISOString() };
    assert.equal((await beginDial(dial, request)).anew, 1);
    assert.deepEqual(subjectsOf((await shown(server, ALICE))['INBOX']), []);
    await endDial(dial, RUN);
    await endDial(dial, RUN);
    assert.equal(readDial(dial.state), undefined);
    assert.deepEqual(await imapSnapshot(server, ALICE), before);

    await beginDial(dial, request);
    const lmtp = await Lmtp.connect(server);
    await lmtp.deliver(text('d-1'), ALICE);
    const user = await Imap.login(server, ALICE);
    await user.append(named('Work/Sub'), text('d-2'), ['New'], DAY);
    await live.restore(['--behind']);
    const after = await imapSnapshot(server, ALICE);
    for (const [folder, { uidValidity, messages }] of Object.entries(before.folders)) {
      assert.equal(after.folders[folder]?.uidValidity, uidValidity, folder);
      for (const [uid, message] of Object.entries(messages)) assert.deepEqual(after.folders[folder]?.messages[Number(uid)], message);
    }
    const now = await shown(server, ALICE);
    assert.deepEqual(subjectsOf(now['INBOX']), ['h-1', 'h-2', 'd-1']);
    assert.deepEqual(subjectsOf(now[named('Work/Sub')]), ['h-1', 'h-2', 'd-2']);
    assert.equal(now[named('Work/Sub')]?.flags['d-2'], 'New');
  });
