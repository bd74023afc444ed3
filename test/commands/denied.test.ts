import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { BINARY, mailrecover, notBuilt, type Ran } from '../support/binary.ts';
import { findProgram, isRoot, missing } from '../support/host.ts';
import { writeTree } from '../support/maildir.ts';
import { scratch } from '../support/tmp.ts';

const NOBODY = { uid: 65_534, gid: 65_534 };

/** Whether any user may run the program that is tested. */
function isPublic(path: string): boolean {
  for (let at = path; at !== '/'; at = dirname(at)) if ((statSync(at).mode & 0o001) === 0) return false;
  return true;
}

const skip = isRoot ? notBuilt() || (isPublic(BINARY) ? false : 'the checkout is for root alone') : 'only root can run it as another user';

test('a user who may not read is told what would help', { skip }, async (t) => {
  const root = scratch('denied');
  const own = join(root, 'own');
  mkdirSync(own);
  chownSync(own, NOBODY.uid, NOBODY.gid);
  const mail = join(root, 'mail');
  writeTree({ root: mail, users: ['alice@example.org', 'bob@example.org'], messages: 6, folders: [], mail: { size: 500 } });
  for (const path of ['', '/example.org', '/example.org/alice', '/example.org/bob']) chmodSync(`${mail}${path}`, 0o755);
  const config = join(own, 'm.yaml');
  const env = { HOME: '/nonexistent' };
  const run = (...args: string[]): Promise<Ran> => mailrecover(['--config', config, ...args], { owner: NOBODY, env });
  const at = { mail: `${mail}/%d/%n/Maildir`, repository: join(own, 'repo'), state: join(own, 'state') };
  const made = ['init', '--mail', at.mail, '--repository', at.repository, '--state', at.state, '--host', 'mx1', '--no-encryption'];
  assert.equal((await run(...made)).code, 0);

  const nothing = await run('backup');
  assert.equal(nothing.code, 3);
  assert.match(
    nothing.stderr,
    /unable to list '.*Maildir': permission denied\n(error: .*\n)?hint: run it as root or as the owner of the mail/,
  );
  assert.doesNotMatch(nothing.stderr, /went away/);
  // Said once, not after each of them.
  assert.equal(nothing.stderr.match(/CAP_DAC_READ_SEARCH/g)?.length, 1);
  const partial = await run('ls', 'latest');
  assert.equal(partial.code, 20);
  assert.match(partial.stderr, /has only partial snapshots: [0-9a-f]{12} .*\nhint: .*name it by its id: [0-9a-f]{12}\n/);

  await t.test('with that capability it can', { skip: missing('setpriv') }, async () => {
    const caps = ['--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];
    const out = execFileSync(findProgram('setpriv') ?? '', [...caps, BINARY, '--config', config, 'backup', '--json'], { encoding: 'utf8' });
    assert.equal((JSON.parse(out) as { counts: { messages: number } }).counts.messages, 6);
  });

  chmodSync(mail, 0o700);
  const store = await run('backup');
  assert.equal(store.code, 1);
  assert.match(store.stderr, /store 'mail' shows no mailbox: unable to list .*: permission denied\nhint: run it as root/);
  chownSync(config, 0, 0);
  chmodSync(config, 0o600);
  const closed = await run('status');
  assert.equal(closed.code, 1);
  assert.match(closed.stderr, /permission denied\nhint: run it as root, or as the user that makes the backups\n/);
});

test('status tells a user who may not read the keys what it can', { skip }, async () => {
  const root = scratch('denied');
  const config = join(root, 'etc/m.yaml');
  writeTree({ root: join(root, 'mail'), users: ['alice@example.org'], messages: 3, folders: [], mail: { size: 500 } });
  const at = ['--mail', `${root}/mail/%d/%n/Maildir`, '--repository', join(root, 'repo'), '--state', join(root, 'state')];
  assert.equal((await mailrecover(['--config', config, 'init', ...at])).code, 0);
  assert.equal((await mailrecover(['--config', config, 'backup'])).code, 0);
  chmodSync(join(root, 'etc'), 0o755);
  chmodSync(config, 0o644);
  const closed = await mailrecover(['--config', config, 'status'], { owner: NOBODY });
  assert.deepEqual([closed.code, /permission denied\nhint: run it as root/.test(closed.stderr)], [1, true], closed.stderr);
  for (const open of ['state', 'repo']) execFileSync('chmod', ['-R', 'go+rX', join(root, open)]);
  const ran = await mailrecover(['--config', config, 'status', '--json'], { owner: NOBODY });
  assert.ok(ran.code === 0 || ran.code === 1, ran.stdout);
  assert.equal((ran.json()['newest'] as { messages: number }).messages, 3);
});
