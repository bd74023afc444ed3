/** Processes that outlive their units. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Remote } from '../../src/standby/remote.ts';
import { leftOf } from '../../src/standby/units.ts';

const UNITS = ['postfix.service', 'postfix@-.service', 'dovecot.service'];

/** What `ps` says on a host. */
async function left(...lines: string[]): Promise<{ pid: string; unit: string }[]> {
  const host: Remote = {
    name: 'mx1',
    address: '127.0.0.1',
    run: async () => ({ exitCode: 0, stdout: lines.join('\n'), stderr: '' }),
    start: async () => Promise.reject(new Error('nothing is started')),
    close: () => undefined,
  };
  return leftOf(host, UNITS);
}

test('what lies in the group of a unit is left of it, in both kinds of control groups', async () => {
  assert.deepEqual(
    await left(
      '    1 Ss   0::/init.scope',
      '  210 S    0::/system.slice/dovecot.service',
      '  211 Z    0::/system.slice/dovecot.service',
      '  212 S    0::/system.slice/system-postfix.slice/postfix@-.service',
      '  213 S    0::/system.slice/ssh.service',
      '  214 S    -',
    ),
    [
      { pid: '210', unit: 'dovecot.service' },
      { pid: '212', unit: 'postfix@-.service' },
    ],
  );
  assert.deepEqual(
    await left(
      '1 Ss 9:name=systemd:/init.scope,4:cpu,cpuacct:/',
      '210 S 9:name=systemd:/system.slice/dovecot.service,4:cpu,cpuacct:/system.slice',
      '211 S 9:name=systemd:/user.slice/user-0.slice/session-1.scope,4:cpu,cpuacct:/',
    ),
    [{ pid: '210', unit: 'dovecot.service' }],
  );
});

test('the mail server of a container on this host is not what is left of its own', async () => {
  assert.deepEqual(
    await left(
      '1 Ss 0::/init.scope',
      '310 S 0::/lxc.payload.other/system.slice/dovecot.service',
      '311 S 0::/machine.slice/machine-other.scope/system.slice/dovecot.service',
      '312 S 0::/machine.slice/systemd-nspawn@other.service/payload/system.slice/dovecot.service',
      '313 S 0::/system.slice/docker-0a1b.scope/system.slice/dovecot.service',
    ),
    [],
  );
  // In the container itself, where that is told where it lies.
  assert.deepEqual(
    await left(
      '1 Ss 0::/lxc.payload.other/init.scope',
      '310 S 0::/lxc.payload.other/system.slice/dovecot.service',
      '311 S 0::/lxc.payload.third/system.slice/dovecot.service',
    ),
    [{ pid: '310', unit: 'dovecot.service' }],
  );
});
