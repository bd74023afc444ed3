/** A planned switch of whole hosts whose mail Dovecot copies, while mail comes in, and the way back. Only in a soak: it boots two hosts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mailrecover, mailrecoverJson, notBuilt } from '../support/binary.ts';
import { bootPair, noPair } from '../support/pair.ts';
import { until } from '../support/ports.ts';
import { PROGRAM } from '../support/systemd-host.ts';
import { Sender } from './setting.ts';

const LONG = 600_000;
const ALICE = 'alice@example.test';
const skip = noPair() || notBuilt() || (process.env['MAILRECOVER_SOAK'] === '1' ? false : 'boots two hosts: npm run soak');

test('mdbox: every accepted message is on the new host once, and on the old one after it', { skip }, async (t) => {
  const pair = await bootPair({ format: 'mdbox' });
  t.after(() => pair.stop());
  const load = new Sender(pair);
  t.after(() => load.stop());
  load.start();
  assert.ok(await until(() => load.accepted.length > 5, 60_000));
  await mailrecoverJson(['--config', pair.config(), 'standby', 'sync'], { timeout: LONG });
  assert.ok(await until(() => load.accepted.length > 10, 60_000));
  const ran = await mailrecover(['--config', pair.config(), 'standby', 'promote', '--planned', '--yes', '--json'], { timeout: LONG });
  assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}`);
  const before = load.accepted.length;
  assert.ok(await until(() => load.accepted.length > before + 3, 60_000), 'mail goes on to the new host');
  await load.stop();
  const expected = load.accepted.toSorted();
  const subjects = (host: 'mx1' | 'vip'): Promise<string[]> => pair.subjects(host, ALICE);
  assert.ok(await until(async () => (await subjects('vip')).length >= expected.length, 60_000));
  assert.deepEqual(await subjects('vip'), expected);

  // The old host has nothing that the new one has not: it becomes a standby, and takes over again.
  const back = pair.mx2.run(PROGRAM, 'standby', 'failback', '--yes', '--json');
  assert.match(back.out, /"outcome":"ok"/, back.out);
  const home = await mailrecover(
    ['--config', pair.config(), 'standby', 'promote', '--planned', '--to', 'mx1.example.test', '--yes', '--json'],
    { timeout: LONG },
  );
  assert.equal(home.code, 0, `${home.stdout}${home.stderr}`);
  assert.deepEqual(await subjects('mx1'), expected);
});
