import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deliver, type DeliveryOptions, flush } from '../../src/notify/deliver.ts';
import type { Route } from '../../src/notify/routes.ts';
import { openSpool } from '../../src/notify/spool.ts';
import { notBuilt } from '../support/binary.ts';
import { noExchange } from '../support/cloud/exchange.ts';
import { isRoot } from '../support/host.ts';
import { fill, tmpfs } from '../support/disk.ts';
import { smtpScript } from '../support/cloud/smtp-script.ts';
import { freePorts, until } from '../support/ports.ts';
import { scratch } from '../support/tmp.ts';
import { microsoftAccount } from './accounts.ts';
import { tellingHost } from './host.ts';
import { OTHER, READER, SENDER, world } from './world.ts';

const skip = noExchange() || notBuilt();
if (skip === false) await delivery();
else test('delivery', { skip }, () => undefined);

async function delivery(): Promise<void> {
  const here = await world();
  const { signal } = new AbortController();
  const [deadPort = 1] = await freePorts(1);
  const relay = (port = here.exchange.relay, name = 'relay'): Route => ({
    name,
    kind: 'smtp',
    options: { from: SENDER, host: 'localhost', port, security: 'starttls', caFile: here.tls.caFile },
  });
  const graph = (): Route => ({
    name: 'graph',
    kind: 'graph',
    options: { account: microsoftAccount(here), from: SENDER, tokens: { state: here.state } },
  });
  const options = (routes: Route[], state = scratch('spool')): DeliveryOptions => ({ state, reserve: 65_536, routes, signal });
  const spooled = (state: string): string[] => readdirSync(join(state, 'spool')).filter((name) => name.endsWith('.mail'));
  const say = (subject: string, to = [READER]): { subject: string; text: string; html: string; to: string[] } => ({
    subject: `[mailrecover] ${subject}`,
    text: `${subject}\n`,
    html: `<html><body><p>${subject}</p></body></html>`,
    to,
  });

  test('the first transport fails, the next one delivers, and what happened is told', async () => {
    here.microsoft.faults.push({
      at: /sendMail$/,
      does: { status: 500, body: { error: { code: 'InternalServerError', message: 'broken' } } },
    });
    const with_ = options([relay(deadPort, 'dead'), graph(), relay()]);
    const { status, attempts, findings, accepted } = await deliver(say('fallback'), with_);
    assert.deepEqual([status, accepted, attempts.map(({ transport }) => transport)], ['delivered', [READER], ['dead', 'graph', 'relay']]);
    assert.deepEqual(
      findings.map(({ severity, code }) => [severity, code]),
      [
        ['warning', 'unreachable'],
        ['warning', 'busy'],
      ],
    );
    await here.arrived('fallback');
    assert.deepEqual(readdirSync(join(with_.state, 'spool')), ['reserve']);
    await assert.rejects(deliver(say('nobody', []), with_), /nobody is named/);
  });

  test('all transports dead: it waits, is shown, and comes once when they return', async () => {
    const state = scratch('spool');
    const first = await deliver(say('waits', [READER, OTHER]), options([relay(deadPort)], state));
    assert.deepEqual([first.status, first.left, spooled(state).length], ['spooled', [READER, OTHER], 1]);
    const again = await flush({ ...options([relay()], state), all: false, now: false });
    assert.deepEqual([again.sent.length, again.waiting.length], [0, 1], 'its time has not come');
    const both = await Promise.all([1, 2, 3].map(() => flush({ ...options([relay()], state), all: true, now: true })));
    assert.equal(both.flatMap(({ sent }) => sent).length, 1);
    for (const reader of [READER, OTHER]) {
      await here.arrived('waits', reader);
      assert.equal(await here.count('waits', reader), 1);
    }
    assert.deepEqual(spooled(state), []);
  });

  test('recipients who were served are not served again', async () => {
    const { port } = await smtpScript({
      tls: here.tls,
      replies: { RCPT: (line) => (line.includes(OTHER) ? '451 4.2.1 later' : '250 2.1.5 ok') },
    });
    const state = scratch('spool');
    const first = await deliver(say('half', [READER, OTHER]), options([relay(port)], state));
    assert.deepEqual([first.status, first.accepted, first.left], ['spooled', [READER], [OTHER]]);
    await flush({ ...options([relay()], state), all: true, now: true });
    await here.arrived('half', OTHER);
    assert.equal(await here.count('half', READER), 0, 'the script took it');
  });

  test('what everybody refuses for good is kept, and not tried again by itself', async () => {
    const { port } = await smtpScript({ tls: here.tls, replies: { MAIL: '553 5.7.1 Sender address rejected: not owned by user' } });
    const state = scratch('spool');
    const first = await deliver(say('refused'), options([relay(port)], state));
    assert.deepEqual([first.status, first.findings.map(({ code }) => code)], ['refused', ['sender', 'mail-refused']]);
    const idle = await flush({ ...options([relay()], state), all: false, now: true });
    assert.deepEqual([idle.sent.length, idle.waiting.length], [0, 1]);
    const forced = await flush({ ...options([relay()], state), all: true, now: true });
    assert.equal(forced.sent.length, 1);
    await here.arrived('refused');
  });

  test('late mails come as one that says so, each as it was', async () => {
    const state = scratch('spool');
    const spool = openSpool(state, 0);
    const at = Date.now() - 3 * 3_600_000;
    for (let count = 1; count <= 3; count++)
      await spool.add({
        ...say(`late ${count}`),
        id: `000-${count}`,
        writtenAt: at + count * 60_000,
        attachments: [{ filename: 'x.bin', contentType: 'application/octet-stream', content: Buffer.from([0, 255, count]) }],
      });
    const done = await flush({ ...options([relay()], state), all: false, now: false });
    assert.equal(done.sent.length, 3);
    const source = await here.arrived('3 delayed messages, newest: late 3');
    for (let count = 1; count <= 3; count++) assert.match(source, new RegExp(`Subject: \\[mailrecover\\] late ${count}`));
    assert.match(source, /X-Mailrecover-Delayed: 10\d\d\d/i);
    assert.equal(source.match(/message\/rfc822/g)?.length, 3);
    // One alone stays what it was, with a note.
    await spool.add({ ...say('alone'), id: '000-4', writtenAt: at });
    await deliver(say('newer'), options([relay()], state));
    const alone = await here.arrived('alone (delayed by 3 h)');
    assert.match(alone, /Delayed by 3 h: written at/);
    assert.deepEqual(spooled(state), []);
  });

  test('so many late mails as fit go together, and an address is the same in other letters', async () => {
    const state = scratch('spool');
    const spool = openSpool(state, 0);
    const at = Date.now() - 3_600_000;
    const to = ['admin@EXAMPLE.test'];
    for (let count = 0; count < 30; count++)
      await spool.add({ ...say(`many ${count}`, to), id: `000-${String(count).padStart(2, '0')}`, writtenAt: at + count });
    writeFileSync(join(state, 'spool/.tmp-half'), 'half');
    utimesSync(join(state, 'spool/.tmp-half'), 1, 1);
    const done = await flush({ ...options([relay()], state), all: false, now: false });
    assert.deepEqual([done.sent.length, done.findings], [30, []]);
    await here.arrived('25 delayed messages');
    await here.arrived('5 delayed messages, newest: many 29');
    assert.equal(await here.count('5 delayed messages'), 2);
    assert.deepEqual(readdirSync(join(state, 'spool')), ['reserve']);
  });

  test('too large with its attachments: the alarm goes out without them', async () => {
    const attachments = [{ filename: 'big.bin', contentType: 'application/octet-stream', content: Buffer.alloc(9_000_000, 'x') }];
    const sent = await deliver({ ...say('too large'), attachments }, options([relay()]));
    assert.equal(sent.status, 'delivered');
    assert.ok(sent.findings.some(({ code }) => code === 'attachments-left-out'));
    assert.match(await here.arrived('too large'), /Left out, since the mail was too large with them: big\.bin/);
  });

  test('nothing in the spool is lost: rubbish is named and left, a killed run leaves a mail that is due', async () => {
    const state = scratch('spool');
    const spool = openSpool(state, 0);
    await spool.add({ ...say('killed'), id: '001-1', writtenAt: Date.now() });
    writeFileSync(join(state, 'spool/001-2.mail'), '{"mailrecover":"mail/1"');
    writeFileSync(join(state, 'spool/001-1.state'), 'rubbish');
    writeFileSync(join(state, 'spool/001-1.lock'), JSON.stringify({ pid: 999_999_999, start: '1', since: '', what: 'notify' }));
    const done = await flush({ ...options([relay()], state), all: false, now: false });
    assert.deepEqual([done.sent.length, done.findings.map(({ code }) => code)], [1, ['spool-damaged']]);
    assert.deepEqual(spooled(state), ['001-2.mail']);
  });

  test(
    'a full disk: the space that was set aside takes the mail',
    { skip: isRoot ? false : 'needs root, to mount a file system' },
    async () => {
      const full = tmpfs(4);
      const large = { state: join(full, 'state'), reserve: 1 << 20, routes: [relay(deadPort)], signal };
      assert.ok(await openSpool(large.state, large.reserve).setAside());
      fill(full);
      const kept = await deliver(say('disk full'), large);
      assert.deepEqual([kept.status, spooled(large.state).length], ['spooled', 1]);
      assert.ok(!existsSync(join(large.state, 'spool/reserve')));
      fill(full);
      // Without its attachment it would fit into what is left.
      assert.equal(kept.findings.at(-1)?.code, 'mail-spooled');
      // Even where nothing can be kept it is sent, and what waits with it.
      assert.equal((await deliver(say('no room at all'), { ...large, routes: [relay()] })).status, 'delivered');
      await here.arrived('no room at all');
      await here.arrived('disk full');
      fill(full);
      const { status, findings } = await deliver(say('lost'), large);
      assert.equal(status, 'lost');
      assert.ok(findings.some(({ severity, code }) => severity === 'error' && code === 'spool'));
    },
  );

  test('while one run sends a mail no other does; where that one is killed, the next one sends it', async () => {
    const host = tellingHost(scratch('killed'));
    const { port, said } = await smtpScript({ tls: here.tls, replies: { DATA: 'hang' } });
    const to = (where: number): void =>
      host.tell({
        to: [READER],
        transports: [{ name: 'out', kind: 'smtp', host: 'localhost', port: where, from: SENDER, caFile: here.tls.caFile }],
      });
    to(port);
    await openSpool(host.state, 0).add({ ...say('survives a kill'), id: '000-kill', writtenAt: Date.now() });
    const { child, done } = host.start('notify', 'flush', '--all');
    assert.ok(await until(() => said.includes('DATA'), 30_000));
    const other = await host.run('notify', 'flush', '--all', '--json');
    assert.deepEqual(other.json().counts, { sent: 0, waiting: 1 });
    assert.ok(child.pid !== undefined);
    process.kill(-child.pid, 'SIGKILL');
    assert.equal((await done).signal, 'SIGKILL');
    to(here.exchange.relay);
    assert.deepEqual((await host.run('notify', 'flush', '--all', '--json')).json().counts, { sent: 1, waiting: 0 });
    await here.arrived('survives a kill');
    assert.equal(await here.count('survives a kill'), 1);
  });

  test('at the shell: test, status and flush', async () => {
    const host = tellingHost(here.root);
    const transport = (name: string, port: number): object => ({
      name,
      kind: 'smtp',
      host: 'localhost',
      port,
      from: SENDER,
      caFile: here.tls.caFile,
    });
    host.tell({ to: [READER], transports: [transport('dead', deadPort), transport('relay', here.exchange.relay)] });
    const tried = await host.run('notify', 'test', '--json');
    assert.deepEqual([tried.code, tried.json().counts], [3, { transports: 2, sent: 1 }]);
    await here.arrived('test of relay');
    assert.equal((await host.run('notify', 'test', 'dead', '--json')).code, 13);
    assert.equal((await host.run('notify', 'test', 'nobody', '--json')).code, 2);
    await deliver(say('at the shell'), { state: host.state, reserve: 0, routes: [relay(deadPort)], signal });
    const status = await host.run('notify', 'status', '--json');
    assert.deepEqual([status.code, status.json().outcome, status.json().counts], [0, 'warning', { waiting: 1, refused: 0 }]);
    assert.match((await host.run('notify', 'status')).stdout, /at the shell/);
    assert.equal(statSync(join(host.state, 'spool')).mode & 0o777, 0o700);
    const dry = await host.run('notify', 'flush', '--all', '--dry-run', '--json');
    assert.deepEqual([dry.code, spooled(host.state).length], [0, 1]);
    const done = await host.run('notify', 'flush', '--all', '--json');
    assert.deepEqual([done.code, done.json().counts], [0, { sent: 1, waiting: 0 }]);
    await here.arrived('at the shell');
    assert.equal(await here.count('at the shell'), 1);
    assert.equal((await host.run('notify', 'flush')).code, 0);
    const runs = (await host.run('history', '--json')).json()['runs'] as { command: string; counts: Record<string, number> }[];
    const flushes = runs.filter(({ command }) => command === 'notify flush').map(({ counts }) => counts['sent']);
    assert.deepEqual(
      flushes.filter((sent) => sent === 1),
      [1],
      'what somebody sends is remembered, what the timer does every few minutes is not',
    );
  });
}
