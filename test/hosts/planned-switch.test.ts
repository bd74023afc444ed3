import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, suite } from 'node:test';
import { mailrecover, mailrecoverJson, notBuilt } from '../support/binary.ts';
import { noPair, type Pair } from '../support/pair.ts';
import { ask } from '../support/pair-dns.ts';
import { until } from '../support/ports.ts';
import { throughService } from './cloud.ts';
import { Client, deferredIds, Sender, twoHosts, unitsOn } from './setting.ts';

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
    // One of its processes went on when it was stopped, as a session of Dovecot's can.
    const unit = ['[Service]', "ExecStart=/bin/sh -c 'sleep 98765 & exec sleep 56789'", 'KillMode=process', ''].join('\n');
    writeFileSync(join(pair.mx1.root, 'lib/systemd/system/left.service'), unit);
    const left = (): string => pair.mx1.run('pgrep', '-c', '-f', '^sleep 98765').out.trim();
    pair.mx1.must('systemctl', 'start', 'left');
    assert.ok(await until(async () => left() === '1', 60_000));
    pair.mx1.must('systemctl', 'stop', 'left');
    assert.equal(left(), '1');
    const also = pair.config((part) => void (part['stopAlso'] = ['left.service']));
    const ran = await mailrecover(['--config', also, 'standby', 'promote', '--planned', '--yes', '--json'], { timeout: LONG });
    assert.equal(ran.code, 1, `${ran.stdout}${ran.stderr}`);
    assert.match(JSON.stringify(ran.json()['evidence']), /mx1\.example\.test says: no process of theirs is left/);
    assert.equal(left(), '0');
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
