/** The guard of whole hosts: an old host that boots again does not serve; one that was cut off stops when its line is back; a lone one serves. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { localTarget } from '../../src/repository/targets/local.ts';
import { claimEpoch, putStage } from '../../src/standby/epoch.ts';
import { mailrecover, notBuilt } from '../support/binary.ts';
import { bootPair, noPair, USERS, type Pair } from '../support/pair.ts';
import { listens, until } from '../support/ports.ts';
import { rounds } from '../support/soak.ts';
import { PROGRAM, type SystemdHost } from '../support/systemd-host.ts';
import { unitsOn } from './setting.ts';

const LONG = 600_000;
const ALICE = USERS[0] ?? '';

suite('a guard of whole hosts', { skip: (rounds(0, 1) === 0 ? 'takes long: npm run soak' : false) || noPair() || notBuilt() }, () => {
  let pair: Pair;
  before(async () => {
    pair = await bootPair();
  });
  after(() => pair?.stop());
  const ours = (...args: string[]): ReturnType<typeof mailrecover> =>
    mailrecover(['--config', pair.config(), 'standby', ...args, '--json'], { timeout: LONG });
  const promote = async (...more: string[]): Promise<void> => {
    const ran = await ours('promote', '--yes', ...more);
    assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}`);
  };
  const guard = (host: 'mx1' | 'mx2', ...more: string[]): Record<string, unknown> =>
    JSON.parse(pair[host].run(PROGRAM, 'standby', 'guard', '--json', ...more).out) as Record<string, unknown>;
  const refused = async (): Promise<boolean> => {
    const { mx1 } = pair.addresses;
    return !(await listens(25, mx1)) && !(await listens(143, mx1));
  };
  const setting = (guardPart: string): void => {
    for (const host of [pair.mx1, pair.mx2]) {
      host.must(
        'sed',
        '-i',
        `s/"guard": {[^}]*}, //; s/"domains":/"guard": ${guardPart}, "domains":/`,
        '/etc/mailrecover/mailrecover.yaml',
      );
      host.must(PROGRAM, 'standby', 'guard', '--install', '--yes');
    }
  };
  /** From the next boot on that directory is empty, and can't be written to, until it is shown. */
  const hide = ({ root, must }: SystemdHost, directory: string): void => {
    const unit = `[Unit]\nBefore=mailrecover-guard.service\n[Service]\nType=oneshot\nExecStart=mount -t tmpfs -o ro none ${directory}\n[Install]\nRequiredBy=mailrecover-guard.service\n`;
    writeFileSync(join(root, 'etc/systemd/system/hide.service'), unit);
    must('systemctl', 'enable', 'hide.service');
  };
  const show = ({ must }: SystemdHost, directory: string): void => {
    must('systemctl', 'disable', 'hide.service');
    must('umount', directory);
  };

  test('it costs a host that serves nothing, and a boot that long', async () => {
    setting('{"every": "10s", "wait": "10s"}');
    assert.deepEqual(unitsOn(pair.mx1), ['active', 'active']);
    assert.deepEqual(unitsOn(pair.mx2), ['inactive', 'inactive']);
    assert.deepEqual([guard('mx1')['verdict'], guard('mx2')['verdict']], ['here', 'here']);
    await pair.mx1.kill();
    await pair.mx1.boot();
    assert.deepEqual(unitsOn(pair.mx1), ['active', 'active']);
  });

  test('whoever writes into the repository that another host serves stops no mail, as long as that one says that it does not', async () => {
    const target = localTarget(pair.repository);
    const say = async (epoch: number, host: string): Promise<void> => {
      const claim = { epoch, run: `${epoch}`.padStart(16, '0'), host: `${host}.example.test`, from: 'x', by: 'a test' };
      await claimEpoch(target, claim);
      for (const stage of ['active', 'settled'] as const) await putStage(target, claim, stage);
    };
    await say(1, 'mx2');
    const watched = guard('mx1', '--watch');
    assert.deepEqual([watched['verdict'], watched['action']], ['other', 'none']);
    assert.deepEqual(
      (watched['findings'] as { code: string }[]).map(({ code }) => code),
      ['nobody-serves'],
    );
    assert.deepEqual(unitsOn(pair.mx1), ['active', 'active']);
    await say(2, 'mx1');
    assert.equal(guard('mx1', '--watch')['verdict'], 'here');
  });

  test('a line that was cut and comes back: the old host stops by itself, and the way back is as ever', async () => {
    const { mx1, mx2 } = pair;
    await pair.send('mx1', ALICE, 'both');
    assert.ok(await until(async () => (await pair.subjects('mx1', ALICE)).length === 1, 60_000));
    assert.equal((await ours('sync')).code, 0);
    const notify = {
      to: ['bob@example.test'],
      transports: [{ name: 'out', kind: 'smtp', host: pair.addresses.mx2, security: 'none', from: 'guard@example.net' }],
    };
    mx1.must('sed', '-i', `s/^{/{"notify": ${JSON.stringify(notify)},/`, '/etc/mailrecover/mailrecover.yaml');
    // Neither the repository nor the other host can be asked from there.
    mx1.must('mount', '-t', 'tmpfs', 'none', pair.repository);
    pair.cut();
    await promote('--forced', '--allow-loss', '1h', '--attest', 'a test');
    assert.deepEqual([guard('mx1', '--watch')['verdict'], guard('mx1', '--boot')['verdict']], ['silent', 'silent']);
    assert.deepEqual(unitsOn(mx1), ['active', 'active'], 'silence stops nothing');
    mx1.must('sh', '-c', `printf 'Subject: theirs\n\nx\n' | sendmail -f cron@example.test ${ALICE}`);
    pair.mend();
    // The repository is still out of reach: the other host says it.
    const said = (): string => mx1.run('journalctl', '-u', 'mailrecover-guard-watch', '--no-pager').out;
    assert.ok(await until(() => /'mx2\.example\.test' serves since epoch \d+, says 'mx2/.test(said()), 120_000), said());
    assert.deepEqual(unitsOn(mx1), ['inactive', 'inactive']);
    assert.ok(await until(async () => (await pair.subjects('mx2', 'bob@example.test')).length === 1, 60_000), 'somebody is told');
    assert.equal(mx1.run('systemctl', 'start', 'postfix').code, 1, 'masked');
    assert.doesNotMatch(mx1.must('ip', '-o', 'address', 'show', 'dev', 'mail0'), new RegExp(pair.addresses.vip.replaceAll('.', '\\.')));
    mx1.must('umount', pair.repository);
    const merged = mx2.run(PROGRAM, 'standby', 'failback', '--json', '--yes');
    assert.equal(merged.code, 0, merged.out + merged.err);
    assert.deepEqual(await pair.subjects('mx2', ALICE), ['both', 'theirs']);
    await promote('--planned', '--to', 'mx1.example.test');
    assert.deepEqual(unitsOn(mx1), ['active', 'active']);
    assert.equal(guard('mx1', '--watch')['action'], 'none');
    await mx1.kill();
    await mx1.boot();
    assert.deepEqual(unitsOn(mx1), ['active', 'active'], 'it serves again, also after a boot');
    assert.deepEqual(await pair.subjects('vip', ALICE), ['both', 'theirs']);
  });

  test('alone, without anybody to ask: it starts, or waits where that is wished', async () => {
    const { mx1 } = pair;
    hide(mx1, pair.repository);
    await mx1.kill();
    pair.cut();
    await mx1.boot();
    assert.deepEqual(unitsOn(mx1), ['active', 'active']);
    assert.match(
      mx1.run('journalctl', '-u', 'mailrecover-guard', '--no-pager').out,
      /nobody could say whether 'mx1\.example\.test' still serves/,
    );
    pair.mend();
    setting('{"every": "10s", "wait": "5s", "silence": "hold"}');
    await mx1.kill();
    pair.cut();
    await mx1.boot();
    assert.deepEqual(unitsOn(mx1), ['inactive', 'inactive']);
    assert.ok(await refused());
    show(mx1, pair.repository);
    // Nobody types anything.
    assert.ok(await until(() => unitsOn(mx1).every((state) => state === 'active'), 120_000), unitsOn(mx1).join());
    pair.mend();
    assert.equal((await ours('sync')).code, 0);
    // What the guard knew is gone then, and it can note nothing.
    hide(mx1, '/var/lib/mailrecover');
    await pair.powerLoss();
    await promote('--forced', '--allow-loss', '1h', '--attest', 'a test');
    // What was promoted serves, also where its guard can ask nobody any more.
    pair.mx2.must('mount', '-t', 'tmpfs', 'none', pair.repository);
    pair.mx2.must('systemctl', 'stop', 'mailrecover-guard');
    assert.ok(
      unitsOn(pair.mx2).every((state) => state !== 'active'),
      'held to it',
    );
    pair.mx2.must('systemctl', 'start', 'dovecot', 'postfix');
    assert.deepEqual(unitsOn(pair.mx2), ['active', 'active']);
    assert.match(pair.mx2.run('journalctl', '-u', 'mailrecover-guard', '--no-pager').out, /says the switch to this host/);
    pair.mend();
    await mx1.boot();
    assert.deepEqual(unitsOn(mx1), ['inactive', 'inactive']);
    assert.ok(await refused());
    assert.match(mx1.run('journalctl', '-b', '-u', 'mailrecover-guard', '--no-pager').out, /is stopped and masked/);
  });
});
