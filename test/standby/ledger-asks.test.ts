/** Postfix asks before it accepts: what it accepted is in the list of the other host before its sender knows; and mail goes on whatever becomes of the list. */
import assert from 'node:assert/strict';
import { appendFileSync, chownSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTransport } from 'nodemailer';
import { RESTRICTION, SOCKET } from '../../src/standby/ledger/asks.ts';
import { watchGrowth } from '../../src/standby/ledger/growth.ts';
import { lostMail } from '../../src/standby/ledger/lost.ts';
import { parseLogLine } from '../../src/standby/ledger/log-lines.ts';
import { takeRequests } from '../../src/standby/ledger/policy.ts';
import { servePolicy, type PolicyServer } from '../../src/standby/ledger/policy-server.ts';
import { noteAccepted, readLedger } from '../../src/standby/ledger/store.ts';
import { Teller, type Taking } from '../../src/standby/ledger/taking.ts';
import { idOf } from '../support/dovecot.ts';
import { until } from '../support/ports.ts';
import { noPostfix, postfix } from '../support/postfix.ts';
import { scratch } from '../support/tmp.ts';

const HOST = 'mx1';
const isTaking = (event: { event: string }): event is Taking => event.event === 'taking';

test('Postfix asks before it accepts', { skip: noPostfix() }, async (t) => {
  // Long enough for a slow disk, and waited for once.
  const ask = RESTRICTION.replace('timeout=10s', 'timeout=5s');
  const server = await postfix({
    name: 'asks',
    domain: 'example.test',
    lmtpPort: 9,
    main: `smtpd_recipient_restrictions = ${ask}\nsmtpd_end_of_data_restrictions = ${ask}\n`,
  });
  const path = join(server.queue, SOCKET);
  const state = scratch('state');
  await noteAccepted(state, HOST, { events: [], until: new Date().toISOString() });
  /** @returns the queue id by which Postfix accepted it */
  const send = async (from: string, ...to: string[]): Promise<string> => {
    const transport = createTransport({ host: '127.0.0.1', port: server.port, ignoreTLS: true });
    try {
      const { response } = await transport.sendMail({ from, to, subject: from, text: 'x\n' });
      return /queued as (\S+)/.exec(response)?.[1] ?? '';
    } finally {
      transport.close();
    }
  };
  const serve = (teller: Teller): Promise<PolicyServer> => servePolicy(path, idOf('postfix').uid, (taking) => teller.tell(taking));
  const listed = (): Taking[] => [...(readLedger(state, HOST)?.events ?? [])].filter(isTaking);
  const durably = (events: readonly Taking[]): Promise<void> => noteAccepted(state, HOST, { events });

  await t.test('the list has it before its sender knows, with all recipients', async () => {
    const teller = new Teller(60_000);
    teller.connect(durably);
    const policy = await serve(teller);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    await assert.rejects(serve(teller), { code: 'locked' });
    await assert.rejects(
      servePolicy(join(state, 'nowhere/socket'), 0, async () => undefined),
      { code: 'io' },
    );
    const queue = await send('two@sender.example', 'alice@example.test', 'bob@example.test');
    const found = listed().find((each) => each.queue === queue);
    assert.deepEqual([found?.from, found?.to], ['two@sender.example', ['alice@example.test', 'bob@example.test']]);
    const many = await Promise.all(Array.from({ length: 20 }, (_, number) => send(`n${number}@sender.example`, 'alice@example.test')));
    const ids = new Set(listed().map((each) => each.queue));
    assert.deepEqual(
      many.filter((id) => !ids.has(id)),
      [],
    );
    assert.equal(teller.asked([]).passed, 0);
    // The log has not been read since; all of it is named.
    const lost = await lostMail(state, HOST, []);
    assert.deepEqual(
      lost?.messages.find((each) => each.queue === queue),
      {
        queue,
        at: found?.at,
        id: null,
        from: 'two@sender.example',
        to: ['alice@example.test', 'bob@example.test'],
        lay: 'incoming',
      },
    );
    // With the word of the log it is no longer in doubt.
    const events = server
      .log()
      .split('\n')
      .flatMap((line) => parseLogLine(line, Date.now()) ?? []);
    await noteAccepted(state, HOST, { events, until: new Date().toISOString() });
    const [again] = (await lostMail(state, HOST, []))?.messages.filter((each) => each.queue === queue) ?? [];
    assert.equal(again?.lay, 'queue');
    assert.match(again?.id ?? '', /^<.+@.+>$/);
    policy.close();
  });

  await t.test('a host that does not answer keeps the first message waiting, and no other; then it goes on as before', async () => {
    const teller = new Teller(300);
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    teller.connect(async (events) => {
      await held;
      await durably(events);
    });
    const policy = await serve(teller);
    const late = [await send('late-1@sender.example', 'alice@example.test'), await send('late-2@sender.example', 'alice@example.test')];
    const { passed, lastPassed } = teller.asked([]);
    assert.equal(passed, 2);
    assert.ok(lastPassed !== undefined);
    answer();
    // They come after all, and what is accepted then comes, too.
    const all = [...late, await send('next@sender.example', 'alice@example.test')];
    assert.ok(await until(async () => all.every((id) => listed().some((each) => each.queue === id)), 60_000));
    // One that takes nothing for a while, as with a full disk: nobody waits, and then all of it comes.
    let full = true;
    teller.connect(async (events) => {
      if (full) throw new Error('no space');
      await durably(events);
    });
    const refused = await send('refused@sender.example', 'alice@example.test');
    full = false;
    const room = await send('room@sender.example', 'alice@example.test');
    assert.ok(await until(async () => [refused, room].every((id) => listed().some((each) => each.queue === id)), 60_000));
    // Without a connection nobody waits; the next one hears of it.
    teller.connect(undefined);
    const without = await send('without@sender.example', 'alice@example.test');
    assert.ok(!listed().some((each) => each.queue === without));
    await new Promise<void>((resolve) => {
      teller.connect(async (events) => {
        await durably(events);
        resolve();
      });
    });
    assert.ok(listed().some((each) => each.queue === without));
    policy.close();
  });

  await t.test('where nobody is there to be asked, or somebody who says nothing or rubbish, mail is accepted', async () => {
    assert.notEqual(await send('nobody@sender.example', 'alice@example.test'), '');
    for (const says of ['', 'no such thing\n\n']) {
      const open = new Set<{ destroy: () => void }>();
      const other = createServer((socket) => {
        open.add(socket);
        socket.on('data', () => says !== '' && socket.write(says));
        socket.on('error', () => undefined);
      });
      await new Promise<void>((resolve) => void other.listen(path, resolve));
      chownSync(path, idOf('postfix').uid, 0);
      assert.notEqual(await send('silent@sender.example', 'alice@example.test', 'bob@example.test'), '');
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => void other.close(() => resolve()));
    }
    assert.match(server.log(), /problem talking to server private\/mailrecover/);
    // And one that is back is asked again.
    const teller = new Teller(60_000);
    teller.connect(durably);
    const policy = await serve(teller);
    const back = await send('back@sender.example', 'alice@example.test');
    assert.ok(listed().some((each) => each.queue === back));
    policy.close();
  });
});

test('what is no request of Postfix is told from what is', () => {
  assert.equal(takeRequests('GET / HTTP/1.1\n\n'), undefined);
  assert.equal(takeRequests('x'.repeat(100_000)), undefined);
  const { requests, rest } = takeRequests('request=smtpd_access_policy\nsender=a=b@c\nodd\n\nrequest=smtpd') ?? {};
  assert.deepEqual([requests?.[0]?.get('sender'), rest], ['a=b@c', 'request=smtpd']);
});

test('a log that grows is told at once, also after it was rotated', { timeout: 120_000 }, async () => {
  const directory = join(scratch('log'), 'log');
  mkdirSync(directory);
  const log = join(directory, 'mail.log');
  writeFileSync(log, '');
  const growth = watchGrowth(log);
  const { signal } = new AbortController();
  const HOURS = 2 ** 30;
  appendFileSync(log, 'one\n');
  await growth.next(HOURS, signal);
  renameSync(log, `${log}.1`);
  writeFileSync(log, 'two\n');
  await growth.next(HOURS, signal);
  // Of what came before there may be more events.
  await growth.next(300, signal);
  appendFileSync(log, 'three\n');
  await growth.next(HOURS, signal);
  growth.close();
  // Without events time passes all the same.
  const blind = watchGrowth('/nowhere/at/all.log');
  await blind.next(5, signal);
  blind.close();
});
