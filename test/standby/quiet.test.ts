import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { MailrecoverError } from '../../src/errors/error.ts';
import { syncLockPath } from '../../src/standby/sync/sync-lock.ts';
import { liveSink } from '../../src/standby/sync/write-live.ts';
import { makeDirectory } from '../../src/system/files.ts';
import { takeLock } from '../../src/system/lock.ts';
import { scratch } from '../support/tmp.ts';

test('a switch waits for a synchronisation that still writes, and no other begins behind it', async () => {
  const state = scratch('state');
  await makeDirectory(join(state, 'standby'));
  const epoch = { stale: false };
  const sink = liveSink({
    state,
    stores: [],
    epoch: 1,
    from: 'mx1',
    settle: 3,
    guard: async () => {
      if (epoch.stale) throw new MailrecoverError('refused', 'another host serves');
    },
  });
  const release = takeLock(syncLockPath(state), 'a synchronisation');
  const done: string[] = [];
  const quiet = sink.quiet().then(() => done.push('quiet'));
  await sleep(600);
  done.push('released');
  release();
  await quiet;
  assert.deepEqual(done, ['released', 'quiet']);
  epoch.stale = true;
  await assert.rejects(sink.quiet(), { code: 'refused' });
});
