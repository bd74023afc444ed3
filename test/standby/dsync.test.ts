/** `standby sync` of mailboxes that only Dovecot can copy, with a real Dovecot at both ends. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { endChildren, noteChild } from '../../src/standby/sync/box/children.ts';
import { leaveUids } from '../../src/standby/sync/leave-uids.ts';
import { readLag } from '../../src/standby/sync/lag.ts';
import { identityOf, isAlive, type ProcessIdentity } from '../../src/system/process-identity.ts';
import { complaints, text } from '../live/live-world.ts';
import { startMailrecover } from '../support/binary.ts';
import { idOf, type Dovecot } from '../support/dovecot.ts';
import { isRoot, run } from '../support/host.ts';
import { imapSnapshots } from '../support/imap-snapshot.ts';
import { Imap } from '../support/imap.ts';
import { writeTree } from '../support/maildir.ts';
import { until } from '../support/ports.ts';
import { scratch } from '../support/tmp.ts';
import { ALICE, hosts, skipPair as skip, USERS, type Host, type Pair } from './pair.ts';

const BOB = 'bob@example.org';
const DAY = Date.UTC(2020, 0, 1);

async function alike({ first, second }: Pair): Promise<void> {
  assert.deepEqual(await imapSnapshots(second.server, USERS), await imapSnapshots(first.server, USERS));
}

/** Puts many messages into a mailbox at once. */
function fill(server: Dovecot, user: string, messages: number): void {
  const root = scratch('many');
  chmodSync(root, 0o755);
  writeTree({ root, users: [user], messages, ...(isRoot ? { owner: idOf() } : {}) });
  const [name = '', domain = ''] = user.split('@');
  server.doveadm('backup', '-R', '-u', user, `maildir:${root}/${domain}/${name}/Maildir`);
}

function childrenOf({ state }: Host): ProcessIdentity[] {
  const root = join(state, 'standby/dsync');
  if (!existsSync(root)) return [];
  return readdirSync(root).flatMap((name) => {
    try {
      return name.endsWith('.json') ? [JSON.parse(readFileSync(join(root, name), 'utf8')) as ProcessIdentity] : [];
    } catch {
      return [];
    }
  });
}

/** In the place of the program that starts Dovecot's: it stands still before it begins to write. */
const STOPPED = `#!/bin/sh
case "$*" in *" backup "*) kill -STOP $$ ;; esac
exec /usr/bin/setpriv "$@"
`;

/** Starts a synchronisation of a mailbox on the standby, and gives the program that is about to write there, and stands still. */
async function startStopped(on: Host, user: string): Promise<ReturnType<typeof startMailrecover> & { doveadm: ProcessIdentity }> {
  const bin = scratch('bin');
  writeFileSync(join(bin, 'setpriv'), STOPPED, { mode: 0o755 });
  const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}` };
  const known = new Set(childrenOf(on).map(({ pid }) => pid));
  const started = startMailrecover(['--config', on.config, '--json', 'standby', 'sync', '--mailbox', user], { env });
  let children: ProcessIdentity[] = [];
  const ended = (): boolean => started.child.exitCode !== null;
  await until(async () => (children = childrenOf(on).filter(({ pid }) => !known.has(pid) && isStopped(pid))).length > 0, 60_000, ended);
  const [doveadm] = children;
  if (doveadm === undefined) throw new Error((await started.done).stdout);
  return { ...started, doveadm };
}

function isStopped(pid: number): boolean {
  try {
    return /^\d+ \(.*\) T /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

// What takes long, and says little more, is left to a soak.
const long = process.env['MAILRECOVER_SOAK'] === '1' ? false : 'takes long: npm run soak';
// Here, so that they stay until the end of the file.
const pairs = skip === false ? { mdbox: await hosts('mdbox'), sdbox: long === false ? await hosts('sdbox') : undefined } : undefined;

describe('mdbox', { skip }, () => {
  const pair = pairs?.mdbox as Pair;

  test('from either host, with all that clients see', async () => {
    const { first, second } = pair;
    const client = await Imap.login(first.server, ALICE);
    for (const folder of ['Projekte/Süd', 'Old', 'Gone']) await client.create(folder);
    await client.subscribe('Old');
    await client.append('Projekte/Süd', text('one'), ['\\Seen', 'Wichtig'], DAY);
    await client.append('Gone', text('gone'), [], DAY);
    for (let index = 0; index < 30; index++) await client.append('INBOX', text(`m-${index}`), ['\\Flagged'], DAY + index * 1000);
    const home = join(first.root, 'example.org/alice');
    mkdirSync(join(home, 'sieve'), { recursive: true });
    writeFileSync(join(home, 'sieve/main.sieve'), 'keep;\n');
    if (isRoot) for (const path of ['sieve', 'sieve/main.sieve']) chownSync(join(home, path), idOf().uid, idOf().gid);

    const dry = await first.run(['standby', 'sync', '--dry-run']);
    assert.deepEqual([dry['dryRun'], dry.counts['added'], dry['from'], dry['to']], [true, 32, 'mx1', 'mx2']);
    assert.equal(existsSync(second.server.mailOf(ALICE)), false);
    const pushed = await first.run(['standby', 'sync']);
    assert.deepEqual([pushed.outcome, pushed.counts['added'], pushed.findings], ['ok', 32, []], JSON.stringify(pushed));
    await alike(pair);
    assert.equal(readFileSync(join(second.root, 'example.org/alice/sieve/main.sieve'), 'utf8'), 'keep;\n');

    await client.select('INBOX');
    await client.expunge('1:3');
    await client.move('4', 'Projekte/Süd');
    await client.store('5', '-', ['\\Flagged']);
    await client.store('6', '+', ['$Label1']);
    await client.command('RENAME Old Newer');
    await client.command('DELETE Gone');
    const dried = await second.run(['standby', 'sync', '--dry-run']);
    assert.deepEqual([dried.counts['added'], dried.counts['removed'], dried.counts['reflagged']], [1, 5, 2], JSON.stringify(dried));
    const pulled = await second.run(['standby', 'sync', '--mailbox', 'alice@*']);
    assert.deepEqual([pulled.counts['mailboxes'], pulled.counts['added'], pulled.counts['removed']], [1, 1, 5]);
    await alike(pair);
    const lag = readLag(second.state).map(({ mailbox, behind, trouble }) => `${mailbox} ${behind} ${trouble ?? ''}`);
    assert.deepEqual(
      lag.toSorted(),
      USERS.map((user) => `${user} 0 `),
    );
    await client.close();
  });

  test('mail that did not come from the active host is never deleted', async () => {
    const { first, second } = pair;
    await first.run(['standby', 'sync']);
    const other = await Imap.login(second.server, BOB);
    await other.append('INBOX', text('of the standby'), [], DAY);
    await other.close();
    const client = await Imap.login(first.server, BOB);
    await client.append('INBOX', text('of the active host'), [], DAY);
    await client.close();
    const before = await imapSnapshots(second.server, USERS);
    const refused = await first.run(['standby', 'sync'], { expect: 3 });
    assert.match(JSON.stringify(refused.findings), /bob@example.org' holds a message on the standby that did not come from/);
    assert.deepEqual(await imapSnapshots(second.server, USERS), before);
    const [behind] = readLag(second.state).filter(({ mailbox }) => mailbox === BOB);
    assert.deepEqual([behind?.behind, behind?.trouble], [1, 'not-synced']);
    const adopted = await first.run(['standby', 'sync', '--adopt']);
    assert.deepEqual([adopted.counts['setAside'], adopted.findings], [1, []], JSON.stringify(adopted));
    await alike(pair);
    const asides = readdirSync(join(second.root, 'example.org/bob')).filter((name) => name.startsWith('.mailrecover-aside'));
    assert.equal(asides.length, 1);
  });

  test('most of a mailbox does not go without being asked for', { skip: long }, async () => {
    const { first, second } = pair;
    fill(first.server, BOB, 120);
    await first.run(['standby', 'sync', '--adopt']);
    const before = await imapSnapshots(second.server, USERS);
    first.server.doveadm('expunge', '-u', BOB, 'mailbox', '*', 'all');
    const refused = await first.run(['standby', 'sync'], { expect: 3 });
    assert.ok(
      refused.findings.some(({ code }) => code === 'mass-deletion'),
      JSON.stringify(refused),
    );
    assert.deepEqual(await imapSnapshots(second.server, USERS), before);
    await first.run(['standby', 'sync', '--allow-loss']);
    await alike(pair);
  });

  test('a mailbox that one host alone has, and one that is broken', { skip: long }, async () => {
    const { first, second } = pair;
    rmSync(join(second.root, 'example.org/bob/mdbox'), { recursive: true });
    const anew = await first.run(['standby', 'sync']);
    assert.deepEqual(anew.findings, [], JSON.stringify(anew));
    await alike(pair);
    // The standby's storage is gone, its indexes are not.
    fill(first.server, BOB, 40);
    await first.run(['standby', 'sync', '--adopt']);
    const storage = join(second.root, 'example.org/bob/mdbox/storage');
    for (const name of readdirSync(storage).filter((each) => each.startsWith('m.'))) truncateSync(join(storage, name), 200);
    const client = await Imap.login(first.server, BOB);
    await client.append('INBOX', text('later'), [], DAY);
    await client.close();
    let last = await first.attempt(['--json', 'standby', 'sync']);
    for (let attempt = 0; last.code !== 0 && attempt < 4; attempt++) last = await first.attempt(['--json', 'standby', 'sync', '--adopt']);
    assert.equal(last.code, 0, last.stdout);
  });

  test('after a switch the old host writes nothing, and what it took comes over once', async () => {
    const { first, second, activate } = pair;
    const start = await Imap.login(first.server, ALICE);
    await start.create('Work');
    for (let index = 0; index < 8; index++) await start.append('INBOX', text(`f-${index}`), index === 6 ? ['\\Flagged'] : [], DAY);
    await first.run(['standby', 'sync']);
    await activate(1, 'mx2');
    const ours = await Imap.login(second.server, ALICE);
    await ours.append('INBOX', text('o-1'), ['\\Seen'], DAY);
    await ours.expunge(await uid(ours, 'INBOX', 'f-0'));
    await ours.move(await uid(ours, 'INBOX', 'f-1'), 'Work');
    await ours.select('INBOX');
    await ours.store(await uid(ours, 'INBOX', 'f-2'), '+', ['\\Flagged']);
    for (const subject of ['t-1', 't-2']) await start.append('INBOX', text(subject), [], DAY);
    await start.expunge(await uid(start, 'INBOX', 'f-3'));
    await start.move(await uid(start, 'INBOX', 'f-4'), 'Work');
    await start.select('INBOX');
    await start.store(await uid(start, 'INBOX', 'f-6'), '-', ['\\Flagged']);
    await start.store(await uid(start, 'INBOX', 'f-5'), '+', ['\\Deleted']);
    const states = async (): Promise<unknown> => [await imapSnapshots(second.server, USERS), await imapSnapshots(first.server, USERS)];
    const split = await states();
    const back = await first.run(['standby', 'sync'], { expect: 3 });
    assert.deepEqual([back['from'], back['to'], back['epoch']], ['mx2', 'mx1', 1]);
    assert.match(JSON.stringify(back.findings), /did not come from the active host/, 'mail of the split brain is not deleted');
    const no = await second.run(['standby', 'failback', '--yes'], { expect: 3 });
    assert.match(JSON.stringify(no.findings), /can not be merged by Dovecot as it should be: messages were marked as deleted/);
    assert.deepEqual(await states(), split);

    await start.store(await uid(start, 'INBOX', 'f-5'), '-', ['\\Deleted']);
    await start.close();
    const dry = long === false ? await second.run(['standby', 'failback', '--dry-run']) : undefined;
    const done = await second.run(['standby', 'failback', '--yes']);
    assert.deepEqual([done.outcome, done.findings], ['ok', []], JSON.stringify(done));
    if (dry !== undefined) assert.deepEqual(dry['plan'], done['plan']);
    const { added, removed, reflagged } = done.counts;
    assert.deepEqual({ added, removed, reflagged }, { added: 3, removed: 2, reflagged: 1 }, JSON.stringify(done));
    await alike(pair);
    const after = await imapSnapshots(second.server, USERS);
    const [before] = split as [typeof after, typeof after];
    assert.equal(after[ALICE]?.folders['INBOX']?.uidValidity, before[ALICE]?.folders['INBOX']?.uidValidity);
    assert.deepEqual(await subjects(ours, 'INBOX', 'f-'), ['f-2', 'f-5', 'f-6', 'f-7']);
    assert.deepEqual(await subjects(ours, 'INBOX', 'o-'), ['o-1']);
    assert.deepEqual(await subjects(ours, 'INBOX', 't-'), ['t-1', 't-2']);
    assert.deepEqual(await subjects(ours, 'Work', 'f-'), ['f-1', 'f-4']);
    await ours.close();
    if (long === false) {
      const again = await second.run(['standby', 'failback', '--yes']);
      assert.deepEqual([again.counts['added'], again.counts['removed'], again.findings], [0, 0, []], JSON.stringify(again));
    }
    assert.deepEqual(complaints(first.server), []);
  });
});

async function uid(client: Imap, folder: string, subject: string): Promise<string> {
  await client.select(folder);
  const found = [...(await client.headers('Subject'))].filter(([, each]) => each === subject).map(([number]) => number);
  assert.equal(found.length, 1, `${subject} in ${folder}`);
  return String(found[0]);
}

async function subjects(client: Imap, folder: string, begin: string): Promise<string[]> {
  await client.select(folder);
  return [...(await client.headers('Subject')).values()].filter((subject) => subject.startsWith(begin)).toSorted();
}

describe('sdbox, in the middle of a copy', { skip: skip || long }, () => {
  const pair = pairs?.sdbox as Pair;

  test('killed, it leaves nothing behind that writes, and the next run finishes', async () => {
    const { first, second } = pair;
    fill(first.server, ALICE, 500);
    const early = await startStopped(second, ALICE);
    process.kill(-(early.child.pid ?? 0), 'SIGKILL');
    await early.done;
    assert.ok(isAlive(early.doveadm), 'it stands still, and whoever watched it is gone');
    const late = await startStopped(second, ALICE);
    assert.ok(!isAlive(early.doveadm), 'the next run has ended it');
    process.kill(-late.doveadm.pid, 'SIGCONT');
    await sleep(100);
    process.kill(-(late.child.pid ?? 0), 'SIGKILL');
    await late.done;
    assert.ok(await until(async () => !isAlive(late.doveadm), 20_000), 'Dovecot dies with the program that started it');
    // Such a lock Dovecot waits for, three minutes long.
    const lock = join(second.server.mailOf(ALICE), 'dovecot.list.index.log.newlock');
    writeFileSync(lock, '');
    // The other side of a connection that is gone needs a moment to see that.
    await settled(first);
    await alike(pair);
    assert.equal(existsSync(lock), false);
    assert.deepEqual(childrenOf(second), []);
  });

  test('the connection is cut', async () => {
    const { first, second } = pair;
    fill(first.server, BOB, 300);
    const { done, doveadm } = await startStopped(second, BOB);
    cut(first);
    const ran = await done;
    assert.ok([3, 13].includes(ran.code ?? -1), ran.stdout + ran.stderr);
    assert.ok(!isAlive(doveadm));
    await settled(second);
    await alike(pair);
  });

  test('another host takes over: the copy is stopped, and nothing comes after it', async () => {
    const { first, second, activate } = pair;
    first.server.doveadm('expunge', '-u', ALICE, 'mailbox', 'INBOX', 'uid', '1:5');
    const before = await imapSnapshots(second.server, USERS);
    const { done, doveadm } = await startStopped(second, ALICE);
    await activate(1, 'mx2');
    const ran = await done;
    assert.equal(ran.code, 20, ran.stdout + ran.stderr);
    assert.match(ran.stdout, /'mx2' serves since epoch 1|switch to 'mx2' is under way/);
    assert.ok(!isAlive(doveadm));
    assert.deepEqual(await imapSnapshots(second.server, USERS), before);
    assert.deepEqual(childrenOf(second), []);

    // UIDs that the old host may have given meanwhile are left out.
    const client = await Imap.login(second.server, ALICE);
    const next = (await client.status('INBOX', ['UIDNEXT'])).get('UIDNEXT') ?? 0n;
    const stores = [{ name: 'mail', format: 'sdbox' as const, path: second.server.mail }];
    assert.ok((await leaveUids(stores, { dovecot: second.server.config })) >= 2);
    assert.equal(BigInt(await client.append('INBOX', text('after'), [], DAY)), next + 10_000n);
    await client.close();
  });
});

/** Ends the server of the connection over which mail of a host is read. */
function cut({ config }: Host): void {
  const lines = run('ps', ['-eo', 'pid,ppid,args'])
    .split('\n')
    .map((line) => /^ *(\d+) +(\d+) (.*)$/.exec(line) ?? []);
  const serves = lines.find(([, , , args = '']) => args.includes(`--config ${config} standby serve`) && args.startsWith('timeout'));
  process.kill(Number(serves?.[2]), 'SIGKILL');
}

/** Runs it until no other run is in its way. */
async function settled(host: Host): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const ran = await host.attempt(['--json', 'standby', 'sync']);
    if (ran.code === 0) return;
    assert.ok(ran.code === 11 && attempt < 100, ran.stdout + ran.stderr);
    await sleep(100);
  }
}

test('what a killed run has left is ended before anything else is written', async () => {
  const state = scratch('state');
  const left = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
  const identity = identityOf(left.pid ?? 0);
  noteChild(state, identity);
  // Of a process that is gone by now, and of one that has the number of another.
  noteChild(state, { ...identityOf(process.pid), started: '1' });
  assert.ok(isAlive(identity));
  await endChildren(state);
  assert.ok(!isAlive(identity));
  assert.deepEqual(readdirSync(join(state, 'standby/dsync')), []);
});

test('a Dovecot that is too old is named', { skip }, async () => {
  const fake = scratch('bin');
  writeFileSync(join(fake, 'dovecot'), '#!/bin/sh\necho "2.2.36 (1f10bfa63)"\n', { mode: 0o755 });
  const env = { PATH: `${fake}:${process.env['PATH'] ?? ''}` };
  const old = await pairs?.mdbox.second.run(['standby', 'sync'], { expect: 2, env });
  assert.match(JSON.stringify(old), /Dovecot 2.2.36 .* is too old to copy sdbox and mdbox/);
});
