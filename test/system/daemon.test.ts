import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { processGroup, startDaemon } from '../../src/system/daemon.ts';
import { scratch } from '../support/tmp.ts';

const env = { PATH: '/usr/bin:/bin' };

test('a daemon is stopped with all of its children, also deaf ones', async () => {
  const logFile = join(scratch(), 'log');
  const daemon = await startDaemon(
    'sh',
    ['-c', 'trap "" TERM; sh -c "trap \\"\\" TERM; while :; do sleep 60; done" & echo ready; while :; do sleep 60; done'],
    { logFile, env },
  );
  while (daemon.lastLines(1)[0] !== 'ready') await new Promise((go) => setTimeout(go, 5));
  assert.equal(daemon.running(), true);
  assert.ok(processGroup(daemon.pid).length >= 2);
  assert.deepEqual(await daemon.stop({ termMs: 50, killMs: 20_000 }), []);
  assert.deepEqual(processGroup(daemon.pid), []);
  assert.deepEqual(await daemon.exited, { code: null, signal: 'SIGKILL' });
  assert.equal(daemon.running(), false);
  assert.deepEqual(await daemon.stop(), []);
});

test('children that outlive their parent are ended, too', async () => {
  const daemon = await startDaemon('sh', ['-c', 'sleep 600 & exit 7'], { logFile: join(scratch(), 'log'), env });
  assert.deepEqual(await daemon.exited, { code: 7, signal: null });
  assert.deepEqual(await daemon.stop({ termMs: 20, killMs: 20_000 }), []);
  assert.deepEqual(processGroup(daemon.pid), []);
});

test('an early death shows in its log', async () => {
  const daemon = await startDaemon('sh', ['-c', 'echo one; echo; echo two >&2; echo three; exit 3'], {
    logFile: join(scratch(), 'log'),
    env,
  });
  assert.deepEqual(await daemon.exited, { code: 3, signal: null });
  assert.deepEqual(daemon.lastLines(2), ['two', 'three']);
  assert.deepEqual(await daemon.stop(), []);
});

test('a command that is not there, or a log that cannot be', async () => {
  await assert.rejects(startDaemon('/nonexistent/daemon', [], { logFile: join(scratch(), 'log'), env }), { code: 'not-found' });
  await assert.rejects(startDaemon('sh', [], { logFile: '/nonexistent/log', env }), { code: 'io' });
});

test('nothing of our environment reaches it', async () => {
  process.env['MAILRECOVER_TEST_SECRET'] = 'x';
  const daemon = await startDaemon('env', [], { logFile: join(scratch(), 'log'), env });
  await daemon.exited;
  delete process.env['MAILRECOVER_TEST_SECRET'];
  assert.deepEqual(daemon.lastLines(10), ['PATH=/usr/bin:/bin']);
});
