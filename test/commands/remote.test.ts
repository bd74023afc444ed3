/** Every command from end to end, with the real program, on a repository that lies on a server. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { HeadObjectCommand, PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { mailrecover, startMailrecover, type Document } from '../support/binary.ts';
import { s3Client } from '../support/s3.ts';
import { s3Proxy } from '../support/s3-proxy.ts';
import { scratch } from '../support/tmp.ts';
import { APPEND_ONLY, assertSameMail, gateway, hostFor, noS3, noSftp, type Place, s3Place, sftpPlace } from './remote-setting.ts';

async function everything(place: Place): Promise<void> {
  const host = await hostFor(place, { size: 2000 }, 60);
  const { run, root } = host;
  const again = await mailrecover(
    [
      '--config',
      join(root, 'other/m.yaml'),
      'init',
      '--mail',
      `${host.mail}/%d/%n/Maildir`,
      '--repository',
      place.name,
      ...place.options.flatMap((option) => ['--repository-option', option]),
    ],
    { env: place.env },
  );
  assert.equal(again.code, 20, again.stderr);
  assert.match(again.stderr, /there is a repository at '(sftp|s3):/);

  assert.equal((await run('config', 'check')).outcome, 'ok');
  const first = await run('backup');
  assert.equal(first.counts['newMessages'], 60);
  const box = join(host.mail, 'example.org/alice/Maildir/cur');
  writeFileSync(join(box, '1795214400.M1P1.mx1:2,S'), 'Subject: one more\n\nhello\n');
  assert.equal((await run('backup')).counts['newMessages'], 1);
  assert.equal((await run('snapshots')).counts['snapshots'], 2);
  assert.equal((await run('check', '--read-data')).outcome, 'ok');
  assert.equal((await run('verify', '--level', 'mail')).outcome, 'ok');
  assert.ok(['ok', 'warning'].includes((await run('status')).outcome));
  await run('ls', 'latest');
  await run('diff', 'latest~1', 'latest');
  const found = await run('find', '--subject', 'one more');
  const text = JSON.stringify(found);
  const message = /alice@example\.org\/[0-9a-f]{16}-[0-9a-f]{6}/.exec(text)?.[0] ?? '';
  const cat = await mailrecover(host.args('cat', 'latest', message), { env: place.env });
  assert.equal(cat.stdout, 'Subject: one more\n\nhello\n', cat.stderr);
  await run('export', 'latest', '--mailbox', 'alice@example.org', '--format', 'mbox', '--to', join(root, 'mbox'));
  await run('recover-script', '--write');
  await run('restore', 'latest', '--to', join(root, 'back'));
  assertSameMail(host.mail, join(root, 'back'));
  // From another host, where nothing is configured.
  const bare = await mailrecover(
    [
      'restore',
      'latest',
      '--repository',
      place.name,
      '--host',
      'mx1',
      '--identity',
      host.identity,
      '--to',
      join(root, 'bare'),
      '--config',
      join(root, 'none.yaml'),
      '--json',
    ],
    { env: place.env },
  );
  assert.equal(bare.code, 0, bare.stdout);
  assertSameMail(host.mail, join(root, 'bare'));
  // Nothing but objects is there, and the sheet says how to get them.
  const target = await place.open();
  for await (const { path } of target.list('', { all: true })) assert.doesNotMatch(path, /\.tmp-/);
  await target.close?.();
  assert.match(readFileSync(join(root, 'etc/recovery-sheet.txt'), 'utf8'), /1\. fetch a copy of the repository/);
}

test('all commands work on an SFTP server', { skip: noSftp, timeout: 300_000 }, async () => everything(await sftpPlace()));
test('all commands work on S3', { skip: noS3, timeout: 300_000 }, async () => everything(await s3Place()));

async function packsAt(place: Place): Promise<Map<string, number>> {
  const packs = new Map<string, number>();
  const target = await place.open();
  for await (const { path, size } of target.list('packs')) packs.set(path, size);
  await target.close?.();
  return packs;
}

/** Kills backups while they send, then lets one end: what had arrived is not sent again. */
async function killed(place: Place): Promise<void> {
  // A pack, and the beginning of the next.
  const host = await hostFor(place, { size: 700_000 }, 32, 'limit.up=12M');
  let before = new Map<string, number>();
  for (let round = 0; round < 6 && before.size < 2; round++) {
    const start = place.proxy.up;
    const { child, done } = startMailrecover(host.args('backup'), { env: place.env });
    const timer = setInterval(() => {
      // Once a pack or so has gone and the next is on its way.
      if (place.proxy.up - start > 17_500_000 && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, 20);
    const ended = await done;
    clearInterval(timer);
    const packs = await packsAt(place);
    for (const [path, size] of before) assert.equal(packs.get(path), size);
    before = packs;
    if (ended.code === 0) break;
  }
  assert.ok(before.size > 0, 'a pack had arrived');
  const last = await host.run('backup');
  const packs = await packsAt(place);
  for (const [path, size] of before) assert.equal(packs.get(path), size, 'what had arrived was kept');
  const snapshots = await host.run('check', '--read-data', '--identity', host.identity);
  assert.equal(snapshots.outcome, 'ok');
  // No message lies in two packs: all of them together are as large as those of a backup that nobody killed.
  const clean = scratch('clean');
  const other = ['--config', join(clean, 'm.yaml')];
  await mailrecover([
    ...other,
    'init',
    '--mail',
    `${host.mail}/%d/%n/Maildir`,
    '--state',
    join(clean, 'state'),
    '--host',
    'mx1',
    '--repository',
    join(clean, 'repo'),
    '--quiet',
  ]);
  assert.equal((await mailrecover([...other, 'backup'])).code, 0);
  const wanted = spawnSync('du', ['-sb', '--apparent-size', join(clean, 'repo/packs')], { encoding: 'utf8' }).stdout;
  const total = [...packs.values()].reduce((sum, size) => sum + size, 0);
  assert.ok(total < Number.parseInt(wanted, 10) * 1.02, `${total} against ${wanted}`);
  assert.ok((last.counts['bytesStored'] ?? 0) <= total);
  await host.run('restore', 'latest', '--to', join(host.root, 'back'));
  assertSameMail(host.mail, join(host.root, 'back'));
}

test('a backup to an SFTP server that is killed is gone on with', { skip: noSftp, timeout: 300_000 }, async () =>
  killed(await sftpPlace()),
);
test('a backup to S3 that is killed is gone on with', { skip: noS3, timeout: 300_000 }, async () => killed(await s3Place()));

test('backups need no right to remove or replace on an SFTP server', { skip: noSftp, timeout: 120_000 }, async () => {
  const place = await sftpPlace({ user: 'nobody', chroot: true, denied: APPEND_ONLY });
  const { run, root, mail } = await hostFor(place, { size: 2000 }, 20);
  await run('backup');
  writeFileSync(join(mail, 'example.org/alice/Maildir/cur/1795214400.M1P1.mx1:2,S'), 'Subject: one more\n\nhello\n');
  await run('backup');
  await run('restore', 'latest', '--to', join(root, 'back'));
  assertSameMail(mail, join(root, 'back'));
  const check = await run('check', '--read-data');
  assert.notEqual(check.outcome, 'failed');
});

test('backups need no right to remove on S3, and commands that read none to write', { skip: noS3, timeout: 120_000 }, async () => {
  const place = await s3Place();
  if (gateway === undefined) return;
  const client = s3Client(gateway);
  const deny = (...Action: string[]): Promise<unknown> =>
    client.send(
      new PutBucketPolicyCommand({
        Bucket: place.bucket,
        Policy: JSON.stringify({
          Version: '2012-10-17',
          Statement: [{ Effect: 'Deny', Principal: '*', Action, Resource: [`arn:aws:s3:::${place.bucket}/*`] }],
        }),
      }),
    );
  await deny('s3:DeleteObject', 's3:DeleteObjectVersion');
  const { run, args, root, mail } = await hostFor(place, { size: 2000 }, 20);
  await run('backup');
  await run('backup');
  await deny('s3:DeleteObject', 's3:PutObject');
  for (const command of [
    ['snapshots'],
    ['ls', 'latest'],
    ['check', '--read-data'],
    ['verify', '--level', 'mail'],
    ['status'],
    ['restore', 'latest', '--to', join(root, 'back')],
  ])
    await run(...command);
  assertSameMail(mail, join(root, 'back'));
  const refused = await mailrecover(args('backup'), { env: place.env });
  assert.equal(refused.code, 12, refused.stderr);
  assert.match(refused.stderr, /this credential does not allow it\nhint: /);
  client.destroy();
});

test('on S3 with object lock each backup locks what it needs', { skip: noS3, timeout: 120_000 }, async () => {
  const place = await s3Place(true);
  if (gateway === undefined) return;
  const { run, root } = await hostFor(place, { size: 2000 }, 20, 's3.lock.mode=governance', 's3.lock.days=2');
  await run('backup');
  const client = s3Client(gateway);
  const locks = async (): Promise<Map<string, number>> => {
    const found = new Map<string, number>();
    const target = await place.open();
    for await (const { path } of target.list('')) {
      const head = await client.send(new HeadObjectCommand({ Bucket: place.bucket, Key: `backup/mail/${path}` }));
      found.set(path, head.ObjectLockRetainUntilDate?.getTime() ?? 0);
    }
    await target.close?.();
    return found;
  };
  const first = await locks();
  for (const [path, until] of first) assert.ok(until > Date.now() + 2 * 86_400_000, path);
  // For longer, as the configuration says from now on.
  const config = join(root, 'etc/m.yaml');
  writeFileSync(config, readFileSync(config, 'utf8').replace(/days: 2$/m, 'days: 30'));
  await run('backup');
  for (const [path, until] of await locks())
    // The history of runs is needed by no snapshot.
    if (!/^(?:snapshots|runs)\//.test(path) || !first.has(path)) assert.ok(until > Date.now() + 30 * 86_400_000, path);
  client.destroy();
});

test('listings that lag behind cost nothing', { skip: noS3, timeout: 120_000 }, async () => {
  const place = await s3Place();
  if (gateway === undefined) return;
  const stale = await s3Proxy(gateway);
  const name = `s3:${stale.endpoint}/${place.bucket}/backup/mail`;
  const { run, root, mail } = await hostFor({ ...place, name }, { size: 2000 }, 20);
  const deliver = (id: string): void =>
    writeFileSync(join(mail, `example.org/alice/Maildir/cur/1795214400.${id}.mx1:2,S`), `Subject: ${id}\n\nhello\n`);
  await run('backup');
  stale.stale = true;
  for (const id of ['M1P1', 'M1P2', 'M1P3']) {
    deliver(id);
    assert.equal((await run('backup')).counts['newMessages'], 1);
  }
  stale.stale = false;
  // Each knew the one before: they are one chain, and nothing was stored twice.
  assert.equal((await run('check', '--read-data')).outcome, 'ok');
  assert.equal((await run('snapshots')).counts['snapshots'], 4);
  await run('restore', 'latest', '--to', join(root, 'back'));
  assertSameMail(mail, join(root, 'back'));
});

test('the configuration is checked up to the server', { skip: noSftp, timeout: 60_000 }, async () => {
  const place = await sftpPlace();
  const { args, root } = await hostFor(place, { size: 500 }, 2);
  const config = join(root, 'etc/m.yaml');
  const good = readFileSync(config, 'utf8');
  const check = async (from: RegExp, to: string): Promise<Document> => {
    writeFileSync(config, good.replace(from, to));
    return (await mailrecover(args('config', 'check', '--json'), { env: place.env })).json();
  };
  assert.deepEqual((await check(/$^/, '')).findings, []);
  assert.match((await check(/\/repo$/m, '/other')).findings[0]?.message ?? '', /there is no repository at .*other' yet/);
  assert.match((await check(/knownHosts: .*/, 'knownHosts: /dev/null')).findings[0]?.message ?? '', /is not known: it shows the key/);
});

test('a server that is not there is told in one line, with what to try', { skip: noSftp }, async () => {
  const directory = scratch('away');
  const ran = await mailrecover(['snapshots', '--repository', 'sftp://nobody@127.0.0.1:9/x', '--config', join(directory, 'none.yaml')], {
    env: { HOME: directory },
  });
  assert.equal(ran.code, 12, ran.stderr);
  assert.match(ran.stderr, /there is no key, agent or password to log in/);
  assert.ok(!existsSync(join(directory, '.ssh')));
  const s3 = await mailrecover(['snapshots', '--repository', 's3:http://127.0.0.1:9/bucket', '--config', join(directory, 'none.yaml')], {
    env: { HOME: directory, AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
  });
  assert.equal(s3.code, 13, s3.stderr);
  assert.match(
    s3.stderr,
    /^mailrecover: unable to read .*: unable to reach http:\/\/127\.0\.0\.1:9: nothing answers on that port\nhint: try 'curl -I/,
  );
  assert.deepEqual(readdirSync(directory), []);
});
