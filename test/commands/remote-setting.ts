/** Repositories on real servers, each behind a proxy, and hosts whose backups go there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openTarget } from '../../src/repository/targets/open.ts';
import type { Target } from '../../src/repository/target.ts';
import { mailrecover, notBuilt, type Document } from '../support/binary.ts';
import { writeTree } from '../support/maildir.ts';
import { proxyBefore, type Proxy } from '../support/proxy.ts';
import { noRadosgw, radosgw } from '../support/radosgw.ts';
import { makeBucket } from '../support/s3.ts';
import { noSshd, sshd } from '../support/sshd.ts';
import { scratch } from '../support/tmp.ts';

/** A place on a server, through a proxy that counts. */
export interface Place {
  name: string;
  /** What `init` is told beside. */
  options: string[];
  env: Record<string, string>;
  proxy: Proxy;
  /** Another way to it, or to another repository beside it. */
  open: (name?: string) => Promise<Target>;
}

export const APPEND_ONLY = ['remove', 'rmdir', 'rename', 'posix-rename', 'setstat', 'fsetstat', 'symlink'];
export const noSftp = notBuilt() || noSshd('root');
export const noS3 = notBuilt() || noRadosgw();
export const gateway = noS3 === false ? await radosgw() : undefined;

export async function sftpPlace(details: Parameters<typeof sshd>[0] = {}): Promise<Place> {
  const server = await sshd(details);
  const proxy = await proxyBefore(server.port);
  server.known(proxy.port);
  // Who has no configuration logs in as with ssh: by what lies in the home directory.
  const home = scratch('home');
  mkdirSync(join(home, '.ssh'));
  writeFileSync(join(home, '.ssh/id_ed25519'), readFileSync(server.key), { mode: 0o600 });
  writeFileSync(join(home, '.ssh/known_hosts'), readFileSync(server.knownHosts));
  const sftp = { key: `file:${server.key}`, knownHosts: server.knownHosts };
  return {
    name: server.location('repo', proxy.port),
    options: [`sftp.key=${sftp.key}`, `sftp.knownHosts=${sftp.knownHosts}`],
    env: { HOME: home, SSH_AUTH_SOCK: '' },
    proxy,
    open: (beside = 'repo') => openTarget(server.location(beside), { sftp }),
  };
}

export async function s3Place(lock = false): Promise<Place & { bucket: string }> {
  if (gateway === undefined) throw new Error('no server');
  const bucket = `commands-${randomBytes(4).toString('hex')}`;
  await makeBucket(gateway, bucket, lock);
  const proxy = await proxyBefore(gateway.port);
  const keys = scratch('s3');
  writeFileSync(join(keys, 'access'), `${gateway.accessKey}\n`);
  writeFileSync(join(keys, 'secret'), `${gateway.secretKey}\n`);
  const s3 = { accessKey: `file:${keys}/access`, secretKey: `file:${keys}/secret` };
  return {
    bucket,
    name: `s3:http://127.0.0.1:${proxy.port}/${bucket}/backup/mail`,
    options: [`s3.accessKey=${s3.accessKey}`, `s3.secretKey=${s3.secretKey}`],
    env: gateway.env,
    proxy,
    open: (beside = 'mail') => openTarget(`s3:${gateway.endpoint}/${bucket}/backup/${beside}`, { s3 }),
  };
}

export interface Host {
  root: string;
  mail: string;
  identity: string;
  run: (...args: string[]) => Promise<Document>;
  args: (...args: string[]) => string[];
}

/** A host with mail whose backups go to that place. */
export async function hostFor(
  place: Place,
  mail: Parameters<typeof writeTree>[0]['mail'],
  messages: number,
  ...options: string[]
): Promise<Host> {
  const root = scratch('remote');
  writeTree({
    root: join(root, 'mail'),
    users: ['alice@example.org', 'bob@example.org'],
    messages,
    folders: ['Sent'],
    ...(mail === undefined ? {} : { mail }),
  });
  const args = (...more: string[]): string[] => ['--config', join(root, 'etc/m.yaml'), ...more];
  const run = async (...more: string[]): Promise<Document> => {
    const ran = await mailrecover([...args(...more), '--json'], { env: place.env });
    const document = ran.json();
    assert.ok(ran.code === 0, `${more.join(' ')}: ${ran.code}\n${ran.stdout}${ran.stderr}`);
    return document;
  };
  const given = [...place.options, ...options].flatMap((option) => ['--repository-option', option]);
  await run(
    'init',
    '--mail',
    join(root, 'mail/%d/%n/Maildir'),
    '--state',
    join(root, 'state'),
    '--host',
    'mx1',
    '--repository',
    place.name,
    ...given,
  );
  return { root, mail: join(root, 'mail'), identity: join(root, 'etc/identity.txt'), run, args };
}

export function assertSameMail(mail: string, restored: string): void {
  const { status, stdout } = spawnSync('diff', ['-r', '-x', 'tmp', mail, restored], { encoding: 'utf8' });
  assert.equal(status, 0, stdout);
}
