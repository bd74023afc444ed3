import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { mailrecover, mailrecoverJson, notBuilt } from '../support/binary.ts';
import { noPair, type Pair } from '../support/pair.ts';
import { listens, until } from '../support/ports.ts';
import { PROGRAM } from '../support/systemd-host.ts';
import { RESTRICTION } from '../../src/standby/ledger/asks.ts';
import { parseComplete, type Complete } from '../../src/standby/ledger/store.ts';
import type { LostMessage } from '../../src/standby/ledger/accepted.ts';
import type { Asked } from '../../src/standby/ledger/taking.ts';
import { type AcceptedMail, handIn, LateSender, twoHosts, unitsOn } from './setting.ts';

const LONG = 600_000;

suite('a forced switch', { skip: noPair() || notBuilt() }, () => {
  let pair: Pair;
  const whole = twoHosts((booted) => void (pair = booted));
  const accepted: AcceptedMail[] = [];

  whole('after a power loss nothing happens without evidence and approval; then the standby serves', async () => {
    await pair.send('mx1', 'alice@example.test', 'synced');
    assert.ok(await until(async () => (await pair.subjects('mx1', 'alice@example.test')).length === 1, 60_000));
    await mailrecoverJson(['--config', pair.config(), 'standby', 'sync'], { timeout: LONG });
    // The resolver remembers where mail is served now.
    assert.deepEqual(await pair.cached('example.test', 'MX'), ['mx1.example.test']);
    const asking = (): string => pair.config((part) => void (part['ledger'] = { wait: '5s' }));
    const status = await mailrecoverJson(['--config', asking(), 'standby', 'status'], { timeout: LONG });
    assert.deepEqual(
      (status['findings'] as { code: string }[]).map(({ code }) => code),
      ['ledger-not-asked'],
    );
    assert.deepEqual([status['ready'], status['active'], status['epoch']], [true, 'mx1.example.test', 0]);
    assert.equal((status['loss'] as { planned: number }).planned, 0);
    const copied = (status['lag'] as { oldest: string }).oldest;
    // What the host accepts is written down on the other one before its sender hears that it was accepted.
    const own = join(pair.mx1.root, 'etc/mailrecover/mailrecover.yaml');
    const config = JSON.parse(readFileSync(own, 'utf8')) as { standby: Record<string, unknown> };
    config.standby['ledger'] = { wait: '5s' };
    writeFileSync(own, JSON.stringify(config));
    pair.mx1.must('postconf', '-e', `smtpd_end_of_data_restrictions=${RESTRICTION}`, `smtpd_recipient_restrictions=${RESTRICTION}`);
    pair.mx1.must('postfix', 'reload');
    assert.deepEqual(
      (status['guards'] as { by: string }[]).map(({ by }) => by),
      ['nothing', 'nothing'],
    );
    for (const host of [pair.mx1, pair.mx2]) host.must(PROGRAM, 'standby', 'guard', '--install', '--yes');
    pair.mx1.must('systemd-run', '--quiet', '--unit=ledger', PROGRAM, 'standby', 'ledger', '--follow', '--quiet');
    const ledger = join(pair.mx2.root, 'var/lib/mailrecover/standby/ledger/mx1.example.test/complete.json');
    const complete = (): Partial<Complete> => (existsSync(ledger) ? parseComplete(readFileSync(ledger, 'utf8')) : undefined) ?? {};
    assert.ok(await until(async () => (complete().asked ?? null) !== null, 60_000));
    const { findings: none, ledger: list } = await mailrecoverJson(['--config', asking(), 'standby', 'status'], { timeout: LONG });
    assert.deepEqual([none, (list as { asked: Asked }).asked.except], [[], []]);
    for (let number = 0; number < 8; number++) {
      await handIn(pair, number === 0 ? 'lost' : `lost-${number}`, accepted);
    }
    const named = accepted[3]?.at ?? '';
    assert.ok(await until(async () => (complete().until ?? '') > named, 60_000));
    const late = new LateSender(pair, accepted);
    await late.took(3);
    // An account that did not come to the standby.
    pair.mx2.must('sed', '-i', '/^bob@/d', '/etc/dovecot/users');
    await pair.powerLoss();
    // What was under way with the host that is gone is given up after a while.
    const stopped = late.stop();
    // Through a resolver that remembers, and is asked for the old host again and again.
    const follower = until(async () => {
      await sleep(500);
      return (await pair.sendByName('alice@example.test', 'after').catch(() => '')) === 'mx2.example.test';
    }, LONG);
    const promote = (...more: string[]): ReturnType<typeof mailrecover> =>
      mailrecover(['--config', pair.config(), 'standby', 'promote', '--forced', '--yes', '--json', ...more], { timeout: LONG });
    const asked = await mailrecover(['--config', pair.config(), 'standby', 'status', '--nagios'], { timeout: LONG });
    assert.equal(asked.code, 2, asked.stdout);
    assert.match(asked.stdout, /^MAILRECOVER CRITICAL - 'mx1.example.test' can not be asked/);
    const unapproved = await promote('--attest', 'the test killed it');
    assert.equal(unapproved.code, 20, unapproved.stderr);
    assert.match(
      unapproved
        .json()
        .findings.map(({ hint }) => hint)
        .join('\n'),
      /--allow-loss \d+m/,
    );
    // The probe that fails proves a partition, not a death.
    const silent = await promote('--allow-loss', '1h');
    assert.equal(silent.code, 20, silent.stdout);
    assert.equal(silent.json()['switch'], 'rolled-back');
    assert.match(
      silent
        .json()
        .findings.map(({ message }) => message)
        .join('\n'),
      /nothing proves that 'mx1.example.test' is off/,
    );
    const ran = await promote('--allow-loss', '1h', '--attest', 'the test killed it');
    assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}`);
    const { switch: result, loss, findings, evidence, lost } = ran.json();
    assert.equal(result, 'switched');
    assert.match(String((evidence as { uids: string[] }).uids), /^in [1-9]\d* folders of mx2.example.test UIDs are left out$/);
    assert.ok((loss as { seconds: number }).seconds > 0);
    const soft = findings.find(({ code }) => code === 'soft-bounce');
    assert.match(soft?.message ?? '', /1 of the 3 accounts .* are not on 'mx2.example.test'; missing: bob@example.test/);
    assert.ok(await follower, 'a sender that knows names alone gets there');
    const seen = async (): Promise<string[]> => pair.subjectsByName('alice@example.test').catch(() => []);
    assert.ok(await until(async () => (await seen()).includes('after'), 60_000));
    assert.deepEqual(await pair.subjects('vip', 'alice@example.test'), ['after', 'synced']);
    // Every message that was accepted is named, with its sender and recipient, up to the last one before the power went; and none that is there.
    const { until: known, messages, asked: isAsked } = lost as { until: string; messages: LostMessage[]; asked: boolean };
    assert.ok(isAsked && known > named, known);
    await stopped;
    const byQueue = new Map(messages.map((each) => [each.queue, each]));
    // Those that came so fast that nobody gave up waiting for the list.
    const slow = accepted.findIndex(({ took }) => took > 4500);
    for (const { subject, queue, at } of slow < 0 ? accepted : accepted.slice(0, slow)) {
      const { from, to } = byQueue.get(queue) ?? {};
      assert.deepEqual([from, to], ['sender@example.net', ['alice@example.test']], `${subject}, ${queue}, accepted at ${at}`);
    }
    for (const { subject, queue } of accepted.filter(({ at }) => at < known))
      assert.equal(byQueue.get(queue)?.id, `<${subject}@example.net>`);
    const others = messages.filter(({ queue }) => !accepted.some((each) => each.queue === queue));
    // The one that was under way.
    assert.ok(others.length <= 1 && others.every(({ lay }) => lay === 'incoming' || lay === 'queue'), JSON.stringify(others));
    assert.ok(findings.some(({ code }) => code === 'lost-mail'));
    // No more is lost than was told before.
    assert.ok(
      accepted.every(({ at }) => at > copied),
      copied,
    );
  });

  whole('mail for unknown users is refused for good once no account is missing', async () => {
    const settle = (...more: string[]): ReturnType<typeof mailrecover> =>
      mailrecover(['--config', pair.config(), 'standby', 'settle', '--json', ...more], { timeout: LONG });
    const missing = await settle('--yes');
    assert.equal(missing.code, 20, missing.stdout);
    assert.deepEqual(missing.json()['missing'], ['bob@example.test']);
    assert.equal((await settle('--accounts', '3', '--yes')).code, 20);
    assert.equal(pair.mx2.must('postconf', '-h', 'soft_bounce').trim(), 'yes');
    pair.mx2.must('sh', '-c', "echo 'bob@example.test:{PLAIN}x::::::' >>/etc/dovecot/users");
    assert.equal((await settle()).code, 20, 'nobody confirmed it');
    assert.equal((await settle('--dry-run')).json()['soft'], true);
    const settled = (await settle('--yes')).json();
    assert.equal(settled['soft'], false);
    const { path = '' } = (settled['artifacts'] as { path: string }[])[0] ?? {};
    assert.match(readFileSync(path, 'utf8'), /"host":"mx2\.example\.test","command":\["postconf","-X","soft_bounce"\].*"exitCode":0/);
    assert.equal(pair.mx2.must('postconf', '-n', 'soft_bounce'), '');
    assert.equal((await settle('--yes')).json()['alike'], null);
  });

  whole('the old host boots again, does not serve, and gives back what it alone has', async () => {
    const { mx1, mx2, addresses } = pair;
    pair.mend();
    await mx1.boot();
    assert.deepEqual(unitsOn(mx1), ['inactive', 'inactive']);
    assert.deepEqual([await listens(25, addresses.mx1), await listens(143, addresses.mx1)], [false, false]);
    assert.doesNotMatch(mx1.must('ip', '-o', 'address', 'show', 'dev', 'mail0'), new RegExp(addresses.vip.replaceAll('.', '\\.')));
    assert.equal(mx1.run('systemctl', 'start', 'dovecot').code, 1, 'masked');
    assert.match(mx1.must('sh', '-c', 'cat /var/lib/mailrecover/standby/guarded/*'), /"command":\["systemctl","mask"/);
    assert.match(
      mx1.run('journalctl', '-u', 'mailrecover-guard', '--no-pager').out,
      /'mx2\.example\.test' serves since epoch \d+, says the repository: mail on 'mx1\.example\.test' is stopped and masked/,
    );
    const status = (await mailrecover(['--config', pair.config(), 'standby', 'status', '--json'], { timeout: LONG })).json();
    const guards = status['guards'] as { host: string; by: string; stoppedAt: string | null }[];
    assert.deepEqual(
      guards.map(({ host, by, stoppedAt }) => [host, by, stoppedAt !== null]),
      [
        ['mx2.example.test', 'guard', false],
        ['mx1.example.test', 'guard', true],
      ],
    );
    const merged = mx2.run(PROGRAM, 'standby', 'failback', '--json', '--yes');
    assert.ok([0, 3].includes(merged.code), merged.out + merged.err);
    const there = await pair.subjects('vip', 'alice@example.test');
    assert.deepEqual(there, [...new Set(there)], 'nothing is doubled');
    const missing = accepted.filter(({ subject }) => !there.includes(subject));
    assert.ok(there.includes('lost') && there.includes('synced') && there.includes('after'), there.join());
    // Mail that was not delivered yet is in its queue.
    const queued = mx1.must(
      'find',
      ...['incoming', 'active', 'deferred', 'maildrop'].map((name) => `/var/spool/postfix/${name}`),
      '-type',
      'f',
    );
    assert.ok(missing.length <= queued.split('\n').length - 1, missing.map(({ subject }) => subject).join());
  });
});
