/** A lease on whole hosts: systemd stops mail when it ends, however it ends; a switch waits it out. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { mailrecover, notBuilt } from '../support/binary.ts';
import { bootPair, noPair, USERS, type Pair } from '../support/pair.ts';
import { until } from '../support/ports.ts';
import { rounds } from '../support/soak.ts';
import { PROGRAM } from '../support/systemd-host.ts';
import { unitsOn } from './setting.ts';

const LONG = 600_000;

suite('a lease of whole hosts', { skip: (rounds(0, 1) === 0 ? 'takes long: npm run soak' : false) || noPair() || notBuilt() }, () => {
  let pair: Pair;
  before(async () => {
    pair = await bootPair();
  });
  after(() => pair?.stop());
  const up = (): Promise<boolean> => until(() => unitsOn(pair.mx1).join() === 'active,active', 120_000);
  const down = (): Promise<boolean> => until(() => unitsOn(pair.mx1).every((state) => state === 'inactive' || state === 'failed'), 120_000);
  const pid = (): string => pair.mx1.must('systemctl', 'show', '-p', 'MainPID', '--value', 'mailrecover-lease.service').trim();

  test('mail is bound to it without being interrupted, stops with it, and comes back with it', async () => {
    for (const host of [pair.mx1, pair.mx2]) {
      host.must('sed', '-i', 's/"domains":/"lease": {"seconds": "20s", "stop": "10s"}, "domains":/', '/etc/mailrecover/mailrecover.yaml');
      host.must(PROGRAM, 'standby', 'lease', '--install', '--yes');
    }
    assert.deepEqual(unitsOn(pair.mx1), ['active', 'active']);
    assert.deepEqual(unitsOn(pair.mx2), ['inactive', 'inactive']);
    await pair.send('mx1', USERS[0] ?? '', 'by lease');
    pair.mx1.must('kill', '-9', pid());
    assert.ok(await down(), 'killed');
    assert.ok(await up(), 'and it has the lease again');
    pair.mx1.must('kill', '-STOP', pid());
    assert.ok(await down(), 'hung, and ended by the watchdog');
    assert.ok(await up());
    assert.notEqual(pair.mx2.run('systemctl', 'start', 'postfix').code, 0, 'without the lease nothing starts');
  });

  test('cut off from the repository and everybody, it stops; the switch waits that out', async () => {
    const config = pair.config((part) => (part['fences'] = [{ kind: 'ssh' }, { kind: 'lease' }]));
    const ours = (...args: string[]): ReturnType<typeof mailrecover> =>
      mailrecover(['--config', config, 'standby', ...args, '--json'], { timeout: LONG });
    assert.equal((await ours('sync')).code, 0);
    pair.cut();
    pair.mx1.must('umount', '-l', pair.repository);
    const ran = await ours('promote', '--forced', '--allow-loss', '1h', '--yes');
    assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}`);
    assert.match(String((ran.json()['evidence'] as Record<string, string[]>)['fence']), /\[lease, grade B\] mx1\.example\.test promised/);
    assert.ok(
      unitsOn(pair.mx1).every((state) => state === 'inactive' || state === 'failed'),
      unitsOn(pair.mx1).join(),
    );
    assert.deepEqual(unitsOn(pair.mx2), ['active', 'active']);
    pair.mend();
    pair.mx1.run('systemctl', 'start', 'postfix');
    assert.ok(
      unitsOn(pair.mx1).every((state) => state !== 'active'),
      'it finds that it does not serve any more',
    );
  });
});
