import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, suite } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { mailrecover, mailrecoverJson, notBuilt } from '../support/binary.ts';
import { noPair, type Pair } from '../support/pair.ts';
import { ask } from '../support/pair-dns.ts';
import { listens, until } from '../support/ports.ts';
import { PROGRAM } from '../support/systemd-host.ts';
import { throughService } from './cloud-pair.ts';
import { RESTRICTION } from '../../src/standby/ledger/asks.ts';
import { parseComplete, type Complete } from '../../src/standby/ledger/store.ts';
import type { LostMessage } from '../../src/standby/ledger/accepted.ts';
import type { Asked } from '../../src/standby/ledger/taking.ts';
import { type AcceptedMail, Client, deferredIds, handIn, LateSender, Sender, twoHosts, unitsOn } from './pair-setting.ts';

const LONG = 600_000;
const BOB = 'bob@example.test';

suite('a planned switch of two hosts', { skip: noPair() || notBuilt() }, () => {
  let pair: Pair;
  let sender: Sender | undefined;
  let client: Client | undefined;
  // Before the hosts are stopped.
  after(() => Promise.all([sender?.stop(), client?.stop()]));
  const whole = twoHosts((booted) => void (pair = booted));
  const promote = (...more: string[]): Promise<Awaited<ReturnType<typeof mailrecover>>> =>
    mailrecover(['--config', pair.config(), 'standby', 'promote', ...more, '--json'], { timeout: LONG });
  /** Kills it as it is about to write line `at` of its journal, counted from where this run begins. */
  const killedAt = async (at: number): Promise<void> => {
    const folder = join(pair.state, 'standby/switches');
    mkdirSync(folder, { recursive: true });
    const counter = join(pair.root, `counter-${at}`);
    const ran = await mailrecover(['--config', pair.config(), 'standby', 'promote', '--planned', '--yes'], {
      timeout: LONG,
      plans: [{ do: 'kill', at, kinds: ['write'], under: [folder], counter }],
    });
    assert.equal(ran.signal, 'SIGKILL', `${ran.stdout}${ran.stderr}`);
  };

  /** Whatever a server confirmed to the client is there once; what it said nothing of once at most. */
  const clientMail = async (): Promise<void> => {
    assert.ok(client);
    const there = await pair.subjects('vip', BOB);
    assert.deepEqual(there, [...new Set(there)]);
    const { confirmed, unsure } = client;
    assert.deepEqual(
      there.filter((subject) => subject.startsWith('client-') && !unsure.includes(subject)),
      confirmed,
    );
  };

  whole('nobody is there to confirm, a dry run shows the plan, and nothing is changed by either', async () => {
    await pair.send('mx1', 'alice@example.test', 'before-1');
    // Mail that can't be delivered yet: nobody listens there.
    pair.mx1.must('sh', '-c', 'printf "Subject: deferred-1\n\nx\n" | sendmail -f alice@example.test far@remote.test');
    assert.ok(await until(() => deferredIds(pair.mx1).length === 1, 60_000));
    const dry = await mailrecoverJson(['--config', pair.config(), 'standby', 'promote', '--planned', '--dry-run'], { timeout: LONG });
    assert.equal(dry['switch'], 'nothing-changed');
    assert.deepEqual(
      (dry['plan'] as { id: string }[]).map(({ id }) => id),
      ['claim', 'drain', 'fence', 'queue', 'sync', 'loss', 'serve', 'vip', 'dns:example.test', 'release', 'proof', 'boot', 'settle'],
    );
    const unasked = await promote('--planned');
    assert.equal(unasked.code, 20, unasked.stderr);
    assert.ok(!existsSync(join(pair.repository, 'epochs')));
    assert.deepEqual(unitsOn(pair.mx1), ['active', 'active']);
    assert.deepEqual(unitsOn(pair.mx2), ['inactive', 'inactive']);
  });

  whole('where the new host can not start, all is taken back, and the old one goes on', async () => {
    pair.mx2.must('sh', '-c', 'cp /etc/dovecot/dovecot.conf /root/; echo "no such setting" >>/etc/dovecot/dovecot.conf');
    const [before] = deferredIds(pair.mx1);
    // One of its processes goes on without the other, as a session of Dovecot's can.
    const unit = ['[Service]', "ExecStart=/bin/sh -c 'sleep 98765 & exec sleep 56789'", 'KillMode=process', ''].join('\n');
    writeFileSync(join(pair.mx1.root, 'lib/systemd/system/left.service'), unit);
    pair.mx1.must('systemctl', 'start', 'left');
    const also = pair.config((part) => void (part['stopAlso'] = ['left.service']));
    const ran = await mailrecover(['--config', also, 'standby', 'promote', '--planned', '--yes', '--json'], { timeout: LONG });
    assert.equal(ran.code, 1, `${ran.stdout}${ran.stderr}`);
    assert.match(JSON.stringify(ran.json()['evidence']), /mx1\.example\.test says: no process of theirs is left/);
    assert.equal(pair.mx1.must('pgrep', '-c', '-f', '^sleep 98765').trim(), '1', 'the one that was started again, and no other');
    pair.mx1.must('systemctl', 'stop', 'left');
    const { switch: result, findings } = ran.json();
    assert.equal(result, 'rolled-back');
    assert.match(findings.map(({ message }) => message).join('\n'), /let mx2.example.test serve: .*dovecot.service/);
    assert.deepEqual(unitsOn(pair.mx1), ['active', 'active']);
    assert.deepEqual(unitsOn(pair.mx2), ['inactive', 'failed']);
    assert.deepEqual(deferredIds(pair.mx1), [before]);
    assert.equal(pair.mx2.must('postconf', '-n', 'soft_bounce'), '');
    assert.equal(pair.mx1.must('postconf', '-n', 'smtpd_client_restrictions'), '');
    await pair.send('vip', 'alice@example.test', 'before-2');
    pair.mx2.must('cp', '/root/dovecot.conf', '/etc/dovecot/');
  });

  whole('killed again and again while mail comes in, it ends as if it had not been', async () => {
    const load = (sender = new Sender(pair));
    const mailbox = (client = new Client(pair, BOB));
    load.start();
    mailbox.start();
    assert.ok(await until(() => load.accepted.length > 3 && mailbox.confirmed.length > 3, 60_000));
    // As it drains, while it fences, as the queue is moved, and just after the services were started.
    for (const at of [6, 14, 16, 12]) await killedAt(at);
    const other = await mailrecover(['--config', pair.config((part) => void (part['drain'] = '5s')), 'standby', 'sync'], { timeout: LONG });
    assert.equal(other.code, 20, 'nobody else writes mail while a switch is under way');
    // The host where it was begun is gone: another one goes on with it, where that is asked for.
    const elsewhere = join(pair.root, 'elsewhere.yaml');
    const own = JSON.parse(readFileSync(pair.config(), 'utf8')) as Record<string, unknown>;
    writeFileSync(elsewhere, JSON.stringify({ ...own, state: join(pair.root, 'elsewhere') }));
    const there = (...more: string[]): ReturnType<typeof mailrecover> =>
      mailrecover(['--config', elsewhere, 'standby', 'promote', '--yes', '--json', ...more], { timeout: LONG });
    const unasked = await there();
    assert.equal(unasked.code, 11, unasked.stdout + unasked.stderr);
    assert.match(unasked.stdout + unasked.stderr, /--take-over/);
    const ran = await there('--take-over');
    assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}`);
    const document = ran.json();
    assert.deepEqual([document['switch'], document['resumed'], document['takenOver']], ['switched', true, true]);
    const count = load.accepted.length;
    const put = mailbox.confirmed.length;
    assert.ok(
      await until(() => load.accepted.length > count + 3 && mailbox.confirmed.length > put + 3, 60_000),
      'mail goes on to the new host',
    );
    await Promise.all([load.stop(), mailbox.stop()]);
    // Both followed through the resolver, which had remembered the old answers, and never went back.
    const { mx1, mx2, here, second } = pair.addresses;
    assert.deepEqual([...load.hosts], ['mx1.example.test', 'mx2.example.test']);
    assert.deepEqual([...mailbox.addresses], [mx1, mx2]);
    for (const server of [here, second]) assert.deepEqual(await ask(server, 'imap.example.test', 'A'), [mx2]);

    assert.deepEqual(await pair.dns('example.test', 'MX'), ['mx2.example.test']);
    assert.deepEqual(await pair.dns('imap.example.test', 'A'), [pair.addresses.mx2]);
    assert.deepEqual(unitsOn(pair.mx1), ['inactive', 'inactive']);
    assert.deepEqual(unitsOn(pair.mx2), ['active', 'active']);
    assert.equal(pair.mx2.must('postconf', '-n', 'soft_bounce'), '');
    const expected = ['before-1', 'before-2', ...load.accepted].toSorted();
    assert.ok(await until(async () => (await pair.subjects('vip', 'alice@example.test')).length >= expected.length, 60_000));
    assert.deepEqual(await pair.subjects('vip', 'alice@example.test'), expected, 'each message that was accepted is there once');
    await clientMail();
    assert.equal(deferredIds(pair.mx2).length, 1, 'the deferred message was moved');
    assert.deepEqual(deferredIds(pair.mx1), []);
  });

  whole('what is left over of the old host is refused, and the record holds no secret', async () => {
    const again = await promote('--planned', '--yes');
    assert.equal(again.code, 0);
    assert.equal(again.json()['switch'], 'nothing-changed');
    // A job of the old host that is left over and copies mail: it brings nothing to the new one, and takes nothing from it.
    const before = await pair.subjects('vip', 'alice@example.test');
    assert.match(readFileSync(pair.record(), 'utf8'), /"event":"end".*"outcome":"switched"/, 'who began it knows that it is over');
    pair.mx1.run('/opt/mailrecover/bin/mailrecover', 'standby', 'sync');
    assert.deepEqual(await pair.subjects('vip', 'alice@example.test'), before);
    assert.equal(pair.mx1.run('systemctl', 'start', 'postfix').code, 1, 'masked');
    const records = JSON.stringify((await promote('--planned', '--yes')).json()) + readFileSync(pair.record(), 'utf8');
    for (const secret of [readFileSync(join(pair.root, 'tsig'), 'utf8').trim(), 'correct horse', 'PRIVATE KEY'])
      assert.ok(!records.includes(secret));
  });

  whole('the way back, by a recipe: the old host gets what the new one has, and serves again', async () => {
    const expected = await pair.subjects('vip', 'alice@example.test');
    const drill = (...more: string[]): ReturnType<typeof mailrecover> =>
      mailrecover(['--config', pair.config(), 'drill', 'run', 'switch-planned', '--set', 'to=mx1.example.test', '--json', ...more], {
        timeout: LONG,
      });
    const dry = await drill('--dry-run');
    assert.equal(dry.code, 0, `${dry.stdout}${dry.stderr}`);
    assert.match(dry.stderr, /mx2.example.test → mx1.example.test, planned/, 'the plan of the switch is shown');
    assert.deepEqual(unitsOn(pair.mx2), ['active', 'active']);
    const ran = await drill('--yes', '--role', 'approver=A. Jones', '--purpose', 'a test');
    assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}`);
    const { outcome, goals, steps } = ran.json()['record'] as {
      outcome: string;
      goals: { actual: number; kept: boolean }[];
      steps: { id: string; outcome: string; outputs: Record<string, string> }[];
    };
    assert.equal(outcome, 'finished');
    assert.equal(steps.find(({ id }) => id === 'switch')?.outputs['result'], 'switched');
    assert.ok((goals[0]?.actual ?? 0) > 0, 'how long nobody took mail was measured');
    assert.deepEqual([goals[1]?.actual, goals[1]?.kept], [0, true]);
    assert.deepEqual(unitsOn(pair.mx1), ['active', 'active']);
    assert.deepEqual(unitsOn(pair.mx2), ['inactive', 'inactive']);
    assert.deepEqual(await pair.dns('example.test', 'MX'), ['mx1.example.test']);
    const record = readFileSync(pair.record(), 'utf8');
    assert.match(
      record,
      /"command":\["nsupdate"\].*"key hmac-sha256:mover \*\*\*".*"update add example\.test\. 5 MX 10 mx1\..*"exitCode":0/,
    );
    assert.match(record, /"command":\["\/opt\/mailrecover\/bin\/mailrecover","standby","serve"\]/);
    assert.ok(!record.includes(readFileSync(join(pair.root, 'tsig'), 'utf8').trim()));
    assert.deepEqual(await pair.subjects('vip', 'alice@example.test'), expected);
    await clientMail();
    assert.equal(deferredIds(pair.mx1).length, 1, 'the deferred message came along');
    assert.deepEqual(deferredIds(pair.mx2), []);
  });

  whole('a service takes the place of the host, and the host takes it back', () => throughService(pair));
});

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
    await late.stop();
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
