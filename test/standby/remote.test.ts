import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { userInfo } from 'node:os';
import { openHost, pipe, type HostOptions, type RanCommand } from '../../src/standby/remote.ts';
import { noSshd, sshd, type Sshd } from '../support/sshd.ts';
import { scratch } from '../support/tmp.ts';

const ODD = ['', "it's", '$(id)', '`id`', 'a b', '"', '\\', '*', 'ü\n second line', '-n', ';', '#', '!x', '~'];
const ECHO = ['printf', '[%s]', ...ODD];

function loginOf(server: Sshd): NonNullable<HostOptions['ssh']> {
  return { host: '127.0.0.1', port: server.port, user: userInfo().username, key: `file:${server.key}`, hostKey: server.hostKey };
}

test('commands on this host get their arguments as they are', async () => {
  const ran: RanCommand[] = [];
  const host = openHost({ name: 'here' }, { record: (each) => ran.push(each) });
  assert.equal((await host.run(ECHO)).stdout, ODD.map((each) => `[${each}]`).join(''));
  assert.equal((await host.run(['cat'], { input: 'secret' })).stdout, 'secret');
  await assert.rejects(host.run(['false']), /'false' on 'here' failed with exit code 1/);
  await assert.rejects(host.run(['no-such-program']), { code: 'not-found' });
  await assert.rejects(host.run(['sleep', '60'], { seconds: 1 }), /took longer than 1 s/);
  await assert.rejects(host.run(['head', '-c', '100000', '/dev/zero'], { maxBytes: 1000 }), /printed more than 1000 bytes/);
  assert.deepEqual(ran.map(({ command, exitCode }) => [command[0], exitCode]).slice(0, 3), [
    ['printf', 0],
    ['cat', 0],
    ['false', 1],
  ]);
  assert.ok(!JSON.stringify(ran).includes('secret'));
});

test('commands on another host, through a jump host, and from one into the other', { skip: noSshd() }, async () => {
  const server = await sshd();
  const login = loginOf(server);
  const ran: RanCommand[] = [];
  const direct = openHost({ name: 'mx1', ssh: login }, { record: (each) => ran.push(each) });
  const far = openHost({ name: 'mx2', ssh: { ...login, via: login } });
  const here = openHost({ name: 'here' });
  try {
    for (const host of [direct, far]) {
      assert.equal((await host.run(ECHO)).stdout, ODD.map((each) => `[${each}]`).join(''));
      assert.equal((await host.run(['cat'], { input: 'x'.repeat(300_000) })).stdout.length, 300_000);
      assert.equal((await host.run(['sh', '-c', 'echo no >&2; exit 3'], { ok: 'any' })).exitCode, 3);
      await assert.rejects(host.run(['sh', '-c', 'echo "why not" >&2; exit 3']), /failed with exit code 3: why not/);
      await assert.rejects(host.run(['no-such-program']), { code: 'not-found' });
      await assert.rejects(host.run(['sleep', '60'], { seconds: 1 }), /took longer than 1 s/);
    }
    const dir = scratch('pipe');
    await pipe(
      { on: direct, argv: ['head', '-c', '3000000', '/dev/zero'] },
      { on: far, argv: ['dd', `of=${join(dir, 'a')}`, 'status=none'] },
      60,
    );
    assert.equal(readFileSync(join(dir, 'a')).length, 3_000_000);
    await pipe({ on: here, argv: ['printf', 'abc'] }, { on: direct, argv: ['dd', `of=${join(dir, 'b')}`, 'status=none'] }, 60);
    assert.equal(readFileSync(join(dir, 'b'), 'utf8'), 'abc');
    await assert.rejects(
      pipe({ on: direct, argv: ['sh', '-c', 'echo x; exit 9'] }, { on: far, argv: ['dd', 'of=/dev/null'] }, 60),
      /exit code 9/,
    );
    await assert.rejects(pipe({ on: direct, argv: ['cat', '/dev/zero'] }, { on: here, argv: ['false'] }, 60), /failed|killed/);
    // A connection that was lost is told as that, and made anew with the next command.
    // Whose child `timeout` is: the process of sshd that has the connection.
    await assert.rejects(direct.run(['sh', '-c', 'kill -9 $(cut -d" " -f4 /proc/$PPID/stat); exec sleep 2']), { code: 'unreachable' });
    assert.ok(ran.at(-1)?.problem !== undefined);
    assert.equal((await direct.run(['echo', 'again'])).stdout, 'again\n');
  } finally {
    for (const host of [direct, far, here]) host.close();
  }
});

test('a server that is not the one that is known is told nothing', { skip: noSshd() }, async () => {
  const server = await sshd();
  const other = 'SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU';
  const host = openHost({ name: 'mx1', ssh: { ...loginOf(server), hostKey: other } });
  await assert.rejects(host.run(['true']), { code: 'key' });
  const jumping = openHost({ name: 'mx1', ssh: { ...loginOf(server), via: { ...loginOf(server), hostKey: other } } });
  await assert.rejects(jumping.run(['true']), { code: 'key' });
  const nobody = openHost({ name: 'mx1', ssh: { ...loginOf(server), port: 1, via: loginOf(server) } });
  await assert.rejects(nobody.run(['true']), { code: 'unreachable' });
});
