/**
 * With real accounts. Write a configuration with the accounts and transports to try, and run
 *   MAILRECOVER_LIVE_CONFIG=/path/mailrecover.yaml MAILRECOVER_LIVE_TO=you@example.org node --test test/notify/live.test.ts
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mailrecover, notBuilt } from '../support/binary.ts';

const config = process.env['MAILRECOVER_LIVE_CONFIG'];
const to = process.env['MAILRECOVER_LIVE_TO'];
const skip =
  config === undefined || to === undefined ? 'needs MAILRECOVER_LIVE_CONFIG and MAILRECOVER_LIVE_TO, for real accounts' : notBuilt();

test('every account of a real configuration gets tokens, and every transport sends', { skip }, async () => {
  for (const command of [
    ['auth', 'refresh'],
    ['notify', 'test', '--to', to ?? ''],
  ]) {
    const { code, stdout, stderr } = await mailrecover(['--config', config ?? '', ...command, '--json']);
    assert.equal(code, 0, stdout + stderr);
  }
});
