/** However a run ends, nothing of the server stays. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'node:test';
import type { ExpectedMailbox } from '../../../src/verify/server/index.ts';
import { findProgram, isRoot, missing } from '../../support/host.ts';
import { scratch } from '../../support/tmp.ts';
import { noServer, places, told, variedMessages, verify, writeMailbox } from './fixture.ts';

/** Processes whose command line or open log names a directory. */
function processesBelow(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        if (
          readFileSync(`/proc/${pid}/stat`, 'latin1')
            .replace(/^.*\) /s, '')
            .startsWith('Z')
        )
          return false;
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(directory);
      } catch {
        return false;
      }
    });
}

test('Dovecot that is not installed, or not known', { skip: process.platform !== 'linux' }, async () => {
  const at = places();
  await assert.rejects(verify(at, [], { dovecot: { dovecot: '/nonexistent/dovecot' } }), {
    code: 'usage',
    hint: /apt install dovecot-imapd/,
  });
  const fake = join(scratch(), 'dovecot');
  for (const version of ['2.2.36.4 (baf9232c1)', '3.0.1', '2.30.0', 'what?', '']) {
    writeFileSync(fake, `#!/bin/sh\necho '${version}'\n`, { mode: 0o755 });
    await assert.rejects(verify(at, [], { dovecot: { dovecot: fake, doveconf: '/bin/true' } }), {
      code: 'usage',
      message: /version whose settings are not known/,
    });
  }
  writeFileSync(fake, `#!/bin/sh\nexit 3\n`, { mode: 0o755 });
  await assert.rejects(verify(at, [], { dovecot: { dovecot: fake, doveconf: '/bin/true' } }), { code: 'failed' });
  assert.deepEqual(readdirSync(at.work), []);
});

test('Dovecot that does not start says why', { skip: noServer }, async () => {
  const at = places();
  const fake = join(scratch(), 'dovecot');
  writeFileSync(fake, `#!/bin/sh\n[ "$1" = --version ] && { echo 2.3.19; exit; }\necho 'Fatal: no way' >&2\nexit 89\n`, { mode: 0o755 });
  await assert.rejects(verify(at, [], { dovecot: { dovecot: fake } }), { code: 'failed', message: /ended at once: Fatal: no way/ });
  assert.deepEqual(readdirSync(at.work), []);
});

test('a directory that is not empty is not taken for the server', { skip: noServer }, async () => {
  const at = places();
  writeFileSync(join(at.work, 'precious'), '');
  await assert.rejects(verify(at, []), { code: 'refused' });
  assert.deepEqual(readdirSync(at.work), ['precious']);
});

test("a place that the mail's owners may not enter", { skip: noServer === false ? missing('root') : noServer }, async () => {
  const top = scratch();
  const at = { scratch: join(top, 'closed/copy'), work: join(top, 'work') };
  for (const path of Object.values(at)) mkdirSync(path, { recursive: true });
  chmodSync(join(top, 'closed'), 0o700);
  await assert.rejects(verify(at, []), { code: 'usage', subject: join(top, 'closed'), hint: /--scratch/ });
});

test('a run that is aborted', { skip: noServer }, async () => {
  const at = places();
  const boxes = Array.from({ length: 20 }, (_, index) => writeMailbox(at.scratch, { mailbox: `u${index}`, path: `u${index}` }));
  const stop = new AbortController();
  function* cut(): Generator<ExpectedMailbox> {
    for (const [index, box] of boxes.entries()) {
      if (index === 7) stop.abort(new Error('enough'));
      yield box;
    }
  }
  await assert.rejects(verify(at, cut(), { signal: stop.signal }), { message: 'enough' });
  await assert.rejects(verify(at, boxes, { signal: AbortSignal.abort(new Error('never')) }), { message: 'never' });
  assert.deepEqual(readdirSync(at.work), []);
  assert.deepEqual(processesBelow(at.work), []);
});

test("an error of the caller's own", { skip: noServer }, async () => {
  const at = places();
  const box = writeMailbox(at.scratch);
  async function* broken(): AsyncGenerator<ExpectedMailbox> {
    yield box;
    throw new Error('the catalog cannot be read');
  }
  await assert.rejects(verify(at, broken()), { message: 'the catalog cannot be read' });
  assert.deepEqual(readdirSync(at.work), []);
  assert.deepEqual(processesBelow(at.work), []);
});

test('a server that is killed in the midst is told, not waited for', { skip: noServer }, async () => {
  const at = places();
  const boxes = Array.from({ length: 6 }, (_, index) => writeMailbox(at.scratch, { mailbox: `u${index}`, path: `u${index}` }));
  function* murderous(): Generator<ExpectedMailbox> {
    for (const [index, box] of boxes.entries()) {
      if (index === 1) for (const pid of processesBelow(at.work)) process.kill(pid, 'SIGKILL');
      yield box;
    }
  }
  const report = await verify(at, murderous(), { sessions: 1 });
  assert.ok(told(report).includes('mailbox-unreadable u5'), told(report).join());
  assert.ok(told(report).includes('canary-lost canary'));
  assert.deepEqual(report.canary, { delivered: false, fetched: false });
  assert.ok(report.counts.missing >= 32);
  assert.deepEqual(report.leftovers, []);
  assert.deepEqual(readdirSync(at.work), []);
});

/** A program that verifies for ever, to be killed. */
const ENDLESS = `
const { verifyByServer } = await import(process.argv[1]);
const { silentProgress } = await import(process.argv[2]);
async function* never() { process.stdout.write('started'); await new Promise((go) => setTimeout(go, 600_000)); }
await verifyByServer({ scratch: process.argv[3], work: process.argv[4], mailboxes: never(), progress: silentProgress });
`;

for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
  const skip = noServer === false ? missing('setpriv') : noServer;
  test(`a run that ends by ${signal} takes its server along`, { skip }, async () => {
    const at = places();
    const sources = ['../../../src/verify/server/index.ts', '../../../src/system/progress.ts'].map((path) => import.meta.resolve(path));
    const child = spawn(process.execPath, ['--input-type=module', '-e', ENDLESS, ...sources, at.scratch, at.work], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    assert.notDeepEqual(processesBelow(at.work), []);
    child.kill(signal);
    await new Promise((resolve) => child.once('exit', resolve));
    for (let tries = 0; processesBelow(at.work).length > 0 && tries < 600; tries++) await pause(50);
    assert.deepEqual(processesBelow(at.work), []);
  });
}

test(
  'a user who is not root verifies mail of their own',
  { skip: noServer === false ? missing('root', 'setpriv') : noServer },
  async (t) => {
    const at = places();
    const owner = { uid: 65_534, gid: 65_534 };
    const box = writeMailbox(at.scratch, { folders: [{ name: 'INBOX', dir: '', messages: variedMessages('x') }], owner });
    for (const path of [at.scratch, join(at.scratch, 'example.org'), join(at.scratch, 'example.org/alice'), at.work]) {
      chownSync(path, owner.uid, owner.gid);
    }
    const program = `
    const { verifyByServer } = await import(process.argv[1]);
    const { silentProgress } = await import(process.argv[2]);
    const [scratch, work, box] = process.argv.slice(3);
    console.log(JSON.stringify(await verifyByServer({ scratch, work, mailboxes: [JSON.parse(box)], progress: silentProgress })));
  `;
    const sources = ['../../../src/verify/server/index.ts', '../../../src/system/progress.ts'].map((path) => import.meta.resolve(path));
    const drop = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--'];
    const setpriv = findProgram('setpriv') ?? '';
    if (spawnSync(setpriv, [...drop, 'test', '-r', new URL(sources[0] ?? '').pathname]).status !== 0) {
      t.skip('the checkout is not readable for others');
      return;
    }
    assert.ok(isRoot);
    const run = spawnSync(
      setpriv,
      [...drop, process.execPath, '--input-type=module', '-e', program, ...sources, at.scratch, at.work, JSON.stringify(box)],
      { encoding: 'utf8' },
    );
    assert.equal(run.status, 0, run.stderr);
    const report = JSON.parse(run.stdout);
    assert.deepEqual(report.findings, []);
    assert.deepEqual(report.counts, { mailboxes: 1, messages: 8, compared: 8, mismatched: 0, missing: 0, unexpected: 0 });
    assert.deepEqual(report.canary, { delivered: true, fetched: true });
    assert.deepEqual(readdirSync(at.work), []);
  },
);

test('what lies outside of the copy and the work directory is as it was', { skip: noServer }, async () => {
  const at = places();
  const box = writeMailbox(at.scratch);
  const look = (): string[] =>
    ['/etc/dovecot', '/run/dovecot', '/var/run', '/var/lib/dovecot', '/run'].flatMap((path) => {
      try {
        return readdirSync(path).map((name) => join(path, name));
      } catch {
        return [path];
      }
    });
  const before = look();
  const report = await verify(at, [box]);
  assert.deepEqual(report.findings, []);
  assert.deepEqual(look(), before);
});
