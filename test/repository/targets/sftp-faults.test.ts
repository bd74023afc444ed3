/** An SFTP server that is not what one hopes for: it goes away, hangs, is full, is another, or lets us do less. */
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTarget } from '../../../src/repository/targets/open.ts';
import { parseLocation, type Location } from '../../../src/repository/targets/location.ts';
import type { TargetOptions } from '../../../src/repository/targets/options.ts';
import type { SshAccess } from '../../../src/system/ssh/login.ts';
import { resilient } from '../../../src/repository/targets/resilient.ts';
import { sftpTarget } from '../../../src/repository/targets/sftp.ts';
import type { Target } from '../../../src/repository/target.ts';
import { noMount, smallDisk } from '../../support/disk.ts';
import { run } from '../../support/host.ts';
import { proxyBefore } from '../../support/proxy.ts';
import { rounds } from '../../support/soak.ts';
import { noSshd, sshd, type Sshd } from '../../support/sshd.ts';
import { scratch } from '../../support/tmp.ts';
import { everyCall, isCode, pathsOf, use } from './contract.ts';

const skip = noSshd();
const asRoot = noSshd('root');
const started = skip === false ? await sshd() : undefined;
const APPEND_ONLY = ['remove', 'rmdir', 'rename', 'posix-rename', 'setstat', 'fsetstat', 'symlink'];

function server(): Sshd {
  if (started === undefined) throw new Error('no server');
  return started;
}

function keys({ key, knownHosts }: Sshd): SshAccess {
  return { key: `file:${key}`, knownHosts };
}

function sftpLocation(name: string): Extract<Location, { kind: 'sftp' }> {
  const location = parseLocation(name);
  if (location.kind !== 'sftp') throw new Error(name);
  return location;
}

/** Opens with what a test wants to be shorter than in life. */
function impatient(name: string, options: TargetOptions, timeoutMs: number, patienceMs = 60_000): Target {
  return resilient(sftpTarget(sftpLocation(name), options, timeoutMs), { atOnce: 4, patienceMs, firstMs: patienceMs });
}

test('a connection that breaks at any byte costs time and nothing else', { skip, timeout: 300_000 }, async () => {
  const at = server();
  const proxy = await proxyBefore(at.port);
  at.known(proxy.port);
  const large = randomBytes(300_000);
  const options = { sftp: keys(at) };
  // How much goes over the line when nothing breaks.
  const work = (target: Target): Promise<void> => everyCall(target, large);
  await use(impatient(at.location('whole', proxy.port), options, 20_000), work);
  const { up, down } = proxy;
  const count = rounds(3, 60);
  const cuts = Array.from({ length: count }, (_, number) => [
    { cutUp: Math.floor((up * (number + 0.5)) / count) },
    { cutDown: Math.floor((down * (number + 0.5)) / count) },
  ]).flat();
  // The last bytes are those of the answers to the exclusive put and the removal.
  for (const trouble of [...cuts, { cutDown: down - 400 }, { cutDown: down - 150 }, { cutDown: down - 60 }]) {
    const folder = `cut-${randomBytes(4).toString('hex')}`;
    proxy.troubles = [trouble];
    await use(impatient(at.location(folder, proxy.port), options, 20_000), work);
    const left = readdirSync(join(at.directory, folder, 'packs/ab')).filter((name) => !name.startsWith('.tmp-'));
    assert.deepEqual(left, ['large'], JSON.stringify(trouble));
    assert.ok(readFileSync(join(at.directory, folder, 'packs/ab/large')).equals(large));
  }
});

test('an exclusive put whose answer was lost knows that it won, and one that lost knows it, too', { skip, timeout: 120_000 }, async () => {
  const at = server();
  const proxy = await proxyBefore(at.port);
  at.known(proxy.port);
  const target = impatient(at.location('lost', proxy.port), { sftp: keys(at) }, 20_000);
  await use(target, async () => {
    await target.put('x', Buffer.from('x'));
    const before = proxy.down;
    await target.put('measure', Buffer.from('12345'), { exclusive: true });
    const answers = proxy.down - before;
    for (let cut = 0; cut < answers; cut += Math.ceil(answers / rounds(4, 40))) {
      proxy.cut();
      // A connection and a login, then the put, cut within its answers.
      const logged = 3000 + cut;
      proxy.troubles = [{ cutDown: logged }];
      assert.equal(await target.put(`locks/${cut}`, Buffer.from(`mine ${cut}`), { exclusive: true }), true);
      assert.equal(await target.put(`locks/${cut}`, Buffer.from('another'), { exclusive: true }), false);
      assert.equal((await target.get(`locks/${cut}`)).toString(), `mine ${cut}`);
    }
  });
});

test('a server that hangs is left and asked again; one that is restarted is waited for', { skip, timeout: 120_000 }, async () => {
  const at = await sshd();
  const proxy = await proxyBefore(at.port);
  at.known(proxy.port);
  const target = impatient(at.location('hang', proxy.port), { sftp: keys(at) }, 2000);
  await use(target, async () => {
    const body = randomBytes(500_000);
    // In the middle of the upload, and before the first word of the server.
    for (const trouble of [{ stallUp: 100_000 }, { stallDown: 0 }]) {
      proxy.cut();
      proxy.troubles = [trouble];
      await target.put('hung', body);
      assert.ok((await target.get('hung')).equals(body));
    }
    await at.kill();
    const waiting = target.get('hung');
    proxy.cut();
    await at.start();
    assert.ok((await waiting).equals(body));
  });
});

test('a server that can not be reached is told as such, and not waited for as long', { skip }, async () => {
  const at = server();
  const proxy = await proxyBefore(at.port);
  at.known(proxy.port);
  proxy.refusing = true;
  const refused = impatient(at.location('x', proxy.port), { sftp: keys(at) }, 5000, 300);
  await assert.rejects(refused.get('x'), isCode('unreachable'));
  const nowhere = impatient('sftp:nobody@no-such-host.invalid:/x', { sftp: keys(at) }, 5000, 300);
  await assert.rejects(nowhere.get('x'), (error: Error & { hint?: string }) => {
    assert.match(error.message, /unable to reach 'nobody@no-such-host\.invalid': (there is no host|the name could)/);
    assert.match(error.hint ?? '', /sftp nobody@no-such-host\.invalid/);
    return isCode('unreachable')(error);
  });
});

test('only a server that is known is talked to', { skip }, async () => {
  const at = server();
  const directory = scratch('known');
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const names = `[127.0.0.1]:${at.port}`;
  const [type = '', key = ''] = at.hostKey.split(' ');
  const fingerprint = run('ssh-keygen', ['-lf', `${at.key.replace(/client$/, 'host')}.pub`]).split(' ')[1] ?? '';
  run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, 'other')]);
  const other = readFileSync(join(directory, 'other.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
  const salt = randomBytes(20);
  const hashed = `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(names).digest('base64')}`;
  const attempt = (sftp: SshAccess): Promise<unknown> =>
    use(impatient(at.location('known'), { sftp: { key: `file:${at.key}`, ...sftp } }, 10_000), (target) => target.size('x'));

  for (const text of [
    `${names} ${type} ${key}`,
    `${hashed} ${type} ${key} comment`,
    `!x,*:${at.port} ${type} ${key}`,
    `# c\n\n@cert-authority * ${other}\n${names} ${other}\n${names} ${type} ${key}`,
  ])
    assert.equal(await attempt({ knownHosts: file('good', `${text}\n`) }), undefined, text);
  assert.equal(await attempt({ hostKey: fingerprint }), undefined);
  assert.equal(await attempt({ hostKey: `${type} ${key}`, knownHosts: file('empty', '') }), undefined);

  const refused = async (sftp: SshAccess, message: RegExp, hint: RegExp): Promise<void> => {
    await assert.rejects(attempt(sftp), (error: Error & { hint?: string }) => {
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
      return isCode('key')(error);
    });
  };
  const quoted = fingerprint.replaceAll(/[+/]/g, '\\$&');
  await refused(
    { knownHosts: file('empty', '') },
    new RegExp(`is not known: .* ${quoted}`),
    new RegExp(`then add to ${directory}/empty: \\[127`),
  );
  await refused(
    { knownHosts: file('changed', `${names} ${other}\n`) },
    /is not the one that is known: .*changed:1 has another/,
    /stand between/,
  );
  await refused({ knownHosts: file('revoked', `@revoked * ${type} ${key}\n${names} ${type} ${key}\n`) }, /is revoked/, /stand between/);
  await refused({ knownHosts: file('negated', `*,!${names} ${type} ${key}\n`) }, /is not known/, /ssh-keygen -lf/);
  await refused({ hostKey: 'SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU' }, /the configuration says SHA256:47DE/, /stand between/);
  await refused({ knownHosts: join(directory, 'nowhere') }, /unable to read the known hosts/, /^$/);
});

test('who can not log in is told why, with nothing secret', { skip }, async () => {
  const at = server();
  const directory = scratch('login');
  run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'open sesame', '-f', join(directory, 'locked')]);
  run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, 'stranger')]);
  writeFileSync(join(directory, 'rubbish'), 'rubbish');
  writeFileSync(join(directory, 'passphrase'), 'open sesame\n');
  const attempt = (sftp: SshAccess): Promise<unknown> =>
    use(impatient(at.location('login'), { sftp: { knownHosts: at.knownHosts, ...sftp } }, 10_000), (target) => target.size('x'));
  const refused = async (sftp: SshAccess, message: RegExp): Promise<void> => {
    await assert.rejects(attempt(sftp), (error: Error & { hint?: string }) => {
      assert.match(error.message, message);
      assert.doesNotMatch(`${error.message} ${error.hint}`, /sesame|rubbish\n/);
      return isCode('key')(error);
    });
  };
  await refused({ key: `file:${directory}/locked` }, /is wrapped in a passphrase/);
  await refused({ key: `file:${directory}/locked`, passphrase: `file:${directory}/rubbish` }, /its passphrase is wrong/);
  await refused({ key: `file:${directory}/rubbish` }, /it is no SSH private key/);
  await refused({ key: `file:${directory}/stranger` }, /does not let '.*' in/);
  await refused({ key: `file:${directory}/nowhere` }, /unable to get the SSH key for/);
  await refused({ password: `file:${directory}/passphrase` }, /does not let/);
  // The right one, wrapped.
  writeFileSync(join(directory, 'client'), readFileSync(at.key), { mode: 0o600 });
  run('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'open sesame', '-f', join(directory, 'client')]);
  assert.equal(await attempt({ key: `file:${directory}/client`, passphrase: `file:${directory}/passphrase` }), undefined);
});

test('a credential that may only add stores all the same, and nothing that is there can be destroyed', { skip: asRoot }, async () => {
  const at = await sshd({ user: 'nobody', chroot: true, denied: APPEND_ONLY });
  await use(await openTarget(at.location('repo'), { sftp: keys(at) }), async (target) => {
    await target.put('packs/ab/x', Buffer.from('one'));
    await target.put('packs/ab/x', Buffer.from('one'));
    assert.equal(await target.put('snapshots/x', Buffer.from('s'), { exclusive: true }), true);
    assert.equal(await target.put('snapshots/x', Buffer.from('t'), { exclusive: true }), false);
    assert.deepEqual(await pathsOf(target), ['packs/ab/x', 'snapshots/x']);
    await assert.rejects(target.put('packs/ab/x', Buffer.from('two')), isCode('refused'));
    await assert.rejects(target.remove('packs/ab/x'), (error: Error & { hint?: string }) => {
      assert.match(error.message, /unable to remove .*: this credential does not allow it/);
      return isCode('key')(error);
    });
    assert.equal((await target.get('packs/ab/x')).toString(), 'one');
  });
});

test('what may only be read is read, and a refused write says so', { skip: asRoot }, async () => {
  const at = await sshd({ user: 'nobody', chroot: true });
  await use(await openTarget(at.location('repo'), { sftp: keys(at) }), (target) => target.put('packs/ab/x', Buffer.from('one')));
  chmodSync(at.directory, 0o555);
  const reading = await sshd({ user: 'nobody', denied: ['open'] });
  await use(await openTarget(at.location('other'), { sftp: keys(at) }), async (target) => {
    await assert.rejects(target.put('x', Buffer.from('x')), (error: Error & { hint?: string }) => {
      assert.match(`${error.message} ${error.hint}`, /does not allow it.*permission/);
      return isCode('key')(error);
    });
  });
  await use(await openTarget(reading.location('repo'), { sftp: keys(reading) }), async (target) => {
    await assert.rejects(target.get('x'), isCode('key'));
  });
});

test('a full disk there is told as such, and leaves no part of an object', { skip: asRoot || noMount() }, async () => {
  const disk = smallDisk(8);
  const at = server();
  const name = `sftp://${at.user}@127.0.0.1:${at.port}${disk}/repo`;
  await use(await openTarget(name, { sftp: keys(at) }), async (target) => {
    await target.put('packs/ab/fits', randomBytes(2_000_000));
    await assert.rejects(target.put('packs/ab/large', randomBytes(9_000_000)), isCode('no-space'));
    assert.deepEqual(await pathsOf(target, '', { all: true }), ['packs/ab/fits']);
    await target.put('packs/ab/later', randomBytes(2_000_000));
  });
});

test('bandwidth is held to what was asked for, in both directions', { skip }, async () => {
  const at = server();
  const body = randomBytes(600_000);
  await use(await openTarget(at.location('slow'), { sftp: keys(at), limit: { up: 600_000, down: 600_000 } }), async (target) => {
    const begun = performance.now();
    await target.put('x', body);
    const put = performance.now() - begun;
    await target.get('x');
    const got = performance.now() - begun - put;
    // It can be slower for other reasons, never faster.
    assert.ok(put > 800 && got > 800, `${put} ${got}`);
  });
});
