/**
 * A mail server under load, backed up every interval to a directory and to S3, while backups are killed at random and the S3 server is killed and
 * started again. At the end every snapshot restores, is what the server had at that time, and verifies; what the last one gives is served as it was.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { mailrecover, notBuilt, type Ran, startMailrecover } from '../support/binary.ts';
import { dovecot, idOf, noDovecot } from '../support/dovecot.ts';
import { findProgram } from '../support/host.ts';
import { flatten, imapSnapshots } from '../support/imap-snapshot.ts';
import { type Load, startLoad } from '../support/load.ts';
import { writeTree } from '../support/maildir.ts';
import { noPostfix, postfix } from '../support/postfix.ts';
import { proxyBefore } from '../support/proxy.ts';
import { noRadosgw, radosgw } from '../support/radosgw.ts';
import { Random } from '../support/random.ts';
import { makeBucket } from '../support/s3.ts';
import { rounds } from '../support/soak.ts';
import { scratch } from '../support/tmp.ts';
import { differences } from '../support/tree.ts';
import { judge } from './judge.ts';
import { restoredMessages } from './restored.ts';

const USERS = ['alice@example.org', 'bob@example.org', 'carol@example.net'];
/** Gets mail by SMTP alone. */
const POST = 'post@example.org';
const FOLDERS = ['Work', 'Archive'];
const ROUNDS = rounds(0, 30);
const INTERVAL_MS = 60_000;
const MESSAGES = 3000;

/** It kills the S3 server that other tests use, and takes its time. */
const skip =
  (ROUNDS === 0 && 'only in npm run soak') ||
  noDovecot() ||
  notBuilt() ||
  noPostfix() ||
  noRadosgw() ||
  (findProgram('smtp-source') === undefined && 'needs smtp-source');

/** One run of a backup: when it ran, on the ledger's clock and on the wall, and which snapshot it made as far as it could say so. */
interface Backup {
  from: number;
  to: number;
  killed: boolean;
  code: number | null;
  snapshot: string | undefined;
}

interface Host {
  name: string;
  config: string;
  identity: string;
  root: string;
  runs: Backup[];
}

async function makeHost(name: string, mail: string, repository: string, options: string[]): Promise<Host> {
  const root = scratch(`done-${name}`);
  const config = join(root, 'etc/m.yaml');
  const args = [
    '--mail',
    mail,
    '--state',
    join(root, 'state'),
    '--host',
    'mx1',
    '--repository',
    repository === '' ? join(root, 'repo') : repository,
  ];
  const made = await mailrecover([
    '--config',
    config,
    'init',
    ...args,
    ...options.flatMap((each) => ['--repository-option', each]),
    '--quiet',
  ]);
  assert.equal(made.code, 0, made.stderr);
  return { name, config, identity: join(root, 'etc/identity.txt'), root, runs: [] };
}

/** Makes a backup. @param killAfter milliseconds after which it is killed; undefined lets it end */
async function backUp(host: Host, load: Load, killAfter: number | undefined): Promise<void> {
  const from = load.ledger.now();
  const { child, done } = startMailrecover(['--config', host.config, '--json', 'backup']);
  const timer = killAfter === undefined ? undefined : setTimeout(() => killGroup(child), killAfter);
  const ran: Ran = await done;
  clearTimeout(timer);
  const killed = ran.code === null || ran.code === 137;
  const document = killed ? undefined : ran.json();
  host.runs.push({ from, to: load.ledger.now(), killed, code: ran.code, snapshot: document?.['snapshot'] as string | undefined });
  // Done, done with a remark, or an S3 server that is away: nothing else may come of it.
  if (!killed)
    assert.ok(ran.code === 0 || (host.name === 's3' && ran.code === 13), `${host.name}: ${ran.code}\n${ran.stdout}${ran.stderr}`);
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

/** When the backup ran that made a snapshot: what it said itself, or, for one that was killed right after its commit, the time in the snapshot. */
function windowOf({ runs }: Host, { id, time }: { id: string; time: string }): { from: number; to: number } {
  const own = runs.find(({ snapshot }) => snapshot === id);
  const at = Date.parse(time) - performance.timeOrigin;
  const run = own ?? runs.find(({ from, to }) => from - 5 <= at && at <= to + 5);
  assert.ok(run !== undefined, `no backup made snapshot ${id}`);
  return run;
}

async function proveAll(t: TestContext, host: Host, load: Load): Promise<void> {
  const args = (...more: string[]): string[] => ['--config', host.config, '--json', ...more];
  const json = async (...more: string[]): Promise<Ran> => {
    const ran = await mailrecover(args(...more), { timeout: 600_000 });
    assert.equal(ran.code, 0, `${more.join(' ')}\n${ran.stdout}${ran.stderr}`);
    return ran;
  };
  const listed = (await json('snapshots')).json()['snapshots'] as { id: string; time: string }[];
  const killed = host.runs.filter((run) => run.killed).length;
  const away = host.runs.filter(({ code }) => code === 13).length;
  t.diagnostic(`${host.name}: ${host.runs.length} backups, ${killed} killed, ${away} without a server, ${listed.length} snapshots`);
  for (const { snapshot } of host.runs)
    if (snapshot !== undefined)
      assert.ok(
        listed.some(({ id }) => id === snapshot),
        `${host.name}: ${snapshot} is gone`,
      );
  assert.ok(listed.length > 0);
  for (const [number, snapshot] of listed.entries()) {
    const to = join(host.root, 'restored');
    await json('restore', snapshot.id, '--to', to, '--identity', host.identity);
    const { from, to: until } = windowOf(host, snapshot);
    const wrong = USERS.flatMap((user) => {
      const [name = '', domain = ''] = user.split('@');
      return judge(load.ledger, user, restoredMessages(join(to, domain, name, 'Maildir')), from, until);
    });
    assert.deepEqual(wrong, [], `${host.name}, snapshot ${number + 1} of ${listed.length}`);
    rmSync(to, { recursive: true });
    const proof = (
      await json('verify', snapshot.id, '--level', 'server', '--identity', host.identity, '--scratch', join(host.root, 'scratch'))
    ).json();
    assert.equal(proof.outcome, 'ok', JSON.stringify(proof.findings));
  }
  const checked = (await json('check', '--read-data', '--identity', host.identity)).json();
  assert.deepEqual(
    checked.findings.filter(({ severity }) => severity !== 'info'),
    [],
  );
}

test(
  'a server under load, backed up to a directory and to S3 while backups are killed and the S3 server goes away',
  { skip, timeout: 7_200_000 },
  async (t) => {
    const random = new Random('done');
    const root = scratch('mail');
    writeTree({ root, seed: 'done', users: USERS, messages: MESSAGES, folders: FOLDERS, owner: idOf(), mail: { median: 2500, sigma: 1 } });
    const pattern = `${root}/%d/%n/Maildir`;
    const server = await dovecot({ users: [...USERS, POST], mail: pattern });
    const mta = await postfix({ name: 'done', domain: 'example.org', lmtpPort: server.ports.lmtp });
    const gateway = await radosgw();
    const bucket = `done-${randomBytes(4).toString('hex')}`;
    await makeBucket(gateway, bucket);
    const proxy = await proxyBefore(gateway.port);
    // Other tests use the same server: only where this one is alone it is killed. Else nobody reaches it for a while.
    const away = async (): Promise<void> => {
      proxy.refusing = true;
      proxy.cut();
      await gateway.restart();
      proxy.refusing = false;
    };
    const keys = scratch('keys');
    writeFileSync(join(keys, 'access'), `${gateway.accessKey}\n`);
    writeFileSync(join(keys, 'secret'), `${gateway.secretKey}\n`);
    const hosts = [
      await makeHost('local', pattern, '', []),
      await makeHost('s3', pattern, `s3:http://127.0.0.1:${proxy.port}/${bucket}/mail`, [
        `s3.accessKey=file:${keys}/access`,
        `s3.secretKey=file:${keys}/secret`,
      ]),
    ];

    const load = await startLoad(server, { users: USERS, rate: 60, clients: 6, seed: 'done', folders: ['INBOX', ...FOLDERS] });
    // Mail comes in through Postfix all the while.
    const source = spawn(
      findProgram('smtp-source') ?? '',
      ['-f', 'sender@example.net', '-t', POST, '-l', '3000', '-m', '20000', '-R', '2', `127.0.0.1:${mta.port}`],
      { stdio: 'ignore' },
    );
    try {
      for (let round = 1; round <= ROUNDS; round++) {
        const begun = performance.now();
        const restarting = round % 3 === 2 ? sleep(random.int(1500)).then(away) : undefined;
        for (const host of hosts) await backUp(host, load, random.chance(0.4) ? 50 + random.int(2450) : undefined);
        await restarting;
        await sleep(Math.max(0, INTERVAL_MS - (performance.now() - begun)));
      }
      // However many were killed: one of each ends.
      for (const host of hosts) await backUp(host, load, undefined);
    } finally {
      source.kill();
      await load.stop();
    }
    t.diagnostic(`${Math.round(load.rate())} changes a second, ${JSON.stringify(load.counts)}`);
    mta.stop();

    // What was taken over and is at rest is in the last snapshot of each as a client sees it.
    const before = flatten(await imapSnapshots(server, [...USERS, POST]));
    for (const host of hosts) await backUp(host, load, undefined);
    assert.deepEqual(differences(before, flatten(await imapSnapshots(server, [...USERS, POST]))), [], 'somebody changed mail');
    await server.stop();
    for (const host of hosts) {
      await proveAll(t, host, load);
      const to = join(host.root, 'last');
      const restored = await mailrecover(['--config', host.config, 'restore', 'latest', '--to', to, '--identity', host.identity]);
      assert.equal(restored.code, 0, restored.stderr);
      const again = await dovecot({ users: [...USERS, POST], mail: `${to}/%d/%n/Maildir` });
      assert.deepEqual(differences(before, flatten(await imapSnapshots(again, [...USERS, POST]))), []);
      await again.stop();
    }
  },
);
