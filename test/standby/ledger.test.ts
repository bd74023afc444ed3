/** What is made of Postfix's log: a ledger that is read on, rotated, cut off, and compared with the mail that there is. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { MailrecoverError } from '../../src/errors/error.ts';
import { acceptedFrom, lostOf, type LostMessage } from '../../src/standby/ledger/accepted.ts';
import { followAccepted } from '../../src/standby/ledger/follow.ts';
import { parseLogLine, type LogEvent } from '../../src/standby/ledger/log-lines.ts';
import { lostMail } from '../../src/standby/ledger/lost.ts';
import { acceptedTaken, readAccepted } from '../../src/standby/ledger/source.ts';
import { noteAccepted, readLedger, type LedgerEvent } from '../../src/standby/ledger/store.ts';
import type { Sink, Source } from '../../src/standby/sync/model.ts';
import { until } from '../support/ports.ts';
import { scratch } from '../support/tmp.ts';

const NOW = Date.parse('2026-11-22T09:30:00Z');

function log(queue: string, second: number, ...rest: string[]): string[] {
  const at = `2026-11-22T09:00:${String(second).padStart(2, '0')}.123456+00:00 mx1`;
  return rest.map((line) => line.replace(/^(\S+) /, `${at} postfix/$1[77]: ${queue}: `));
}

const DELIVERED = (queue: string, second: number, id: string, to: string, how = 'lmtp'): string[] =>
  log(
    queue,
    second,
    'smtpd client=client.example.net[192.0.2.1]',
    `cleanup message-id=<${id}>`,
    `qmgr from=<${id}@sender.example>, size=512, nrcpt=1 (queue active)`,
    `${how} to=<${to}>, relay=mx1[private/dovecot-lmtp], delay=0.1, delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 Saved)`,
    'qmgr removed',
  );

const events = (lines: readonly string[]): LogEvent[] => lines.flatMap((line) => parseLogLine(line, NOW) ?? []);

suite('lines of the log', () => {
  test('both forms of time, long and short queue ids, instances and services', () => {
    assert.deepEqual(
      events([
        '2026-11-22T09:00:01.5+01:00 mx1 postfix/cleanup[9]: 4XyZ123abcz: message-id=<a@b>',
        'Nov 22 09:00:01 mx1 postfix-out/smtp[9]: 9F8E7D6C5B: to=<x@y>, relay=mx.y[192.0.2.9]:25, delay=1, status=sent (250 ok)',
        'Nov 22 09:00:01 mx1 postfix/submission/smtpd[9]: connect from x',
        'Nov 22 09:00:01 mx1 postfix/qmgr[9]: 9F8E7D6C5B: from=<>, size=9, nrcpt=2 (queue active)',
        'Nov 22 09:00:01 mx1 dovecot: imap-login: Login',
        'rubbish \u0000 [',
      ]).map((event) => [event.event, event.queue]),
      [
        ['id', '4XyZ123abcz'],
        ['to', '9F8E7D6C5B'],
        ['from', '9F8E7D6C5B'],
      ],
    );
    assert.equal(
      events(['2026-11-22T09:00:01.5+01:00 mx1 postfix/cleanup[9]: 4XyZ123abcz: message-id=<a@b>'])[0]?.at,
      '2026-11-22T08:00:01.500Z',
    );
    // December, read in January.
    const [event] = ['Dec 31 23:59:59 mx1 postfix/qmgr[9]: 9F8E7D6C5B: removed'].map((line) =>
      parseLogLine(line, Date.parse('2027-01-01T00:00:10Z')),
    );
    assert.match(event?.at ?? '', /^2026-12-31|^2027-01-01T0[0-9]/);
  });
});

suite('what is lost', () => {
  const since = '2026-11-22T09:00:10.000Z';
  const until = '2026-11-22T09:00:59.000Z';
  const lost = (lines: readonly string[], here: Record<string, string[]> = {}): [string | null, string, string[]][] =>
    lostOf(acceptedFrom(events(lines)), since, until, new Map(Object.entries(here).map(([id, places]) => [id, new Set(places)]))).map(
      ({ from, lay, to }) => [from, lay, to],
    );

  test('what came after the last copy, is not here, and did not go on elsewhere', () => {
    assert.deepEqual(lost(DELIVERED('4AAAAAAAAA1', 5, 'old', 'alice@example.org')), []);
    assert.deepEqual(lost(DELIVERED('4AAAAAAAAA2', 20, 'new', 'alice@example.org')), [
      ['new@sender.example', 'mailbox', ['alice@example.org']],
    ]);
    assert.deepEqual(lost(DELIVERED('4AAAAAAAAA2', 20, 'new', 'alice@example.org'), { '<new>': ['alice@example.org'] }), []);
    // A log that tells whole seconds, and a copy that was made in the middle of one.
    const cut = DELIVERED('4AAAAAAAAA4', 10, 'cut', 'alice@example.org').map((line) => line.replace('.123456', ''));
    const later = lostOf(acceptedFrom(events(cut)), '2026-11-22T09:00:10.500Z', until, new Map());
    assert.deepEqual(
      later.map(({ from }) => from),
      ['cut@sender.example'],
    );
    // Delivered by an alias: the mailbox is called otherwise.
    assert.deepEqual(lost(DELIVERED('4AAAAAAAAA2', 20, 'new', 'sales@example.org'), { '<new>': ['alice@example.org'] }), []);
    assert.deepEqual(lost(DELIVERED('4AAAAAAAAA3', 20, 'out', 'far@example.net', 'smtp')), []);
    // The same twice, in any order.
    const twice = DELIVERED('4AAAAAAAAA2', 20, 'new', 'alice@example.org');
    assert.equal(lost([...twice.toReversed(), ...twice]).length, 1);
  });

  test('what lay in the queue, whenever it came; of two recipients the one that has it not', () => {
    const deferred = log(
      '4BBBBBBBBB1',
      1,
      'cleanup message-id=<q>',
      'qmgr from=<q@sender.example>, size=1, nrcpt=1 (queue active)',
      'smtp to=<far@example.net>, relay=none, delay=1, status=deferred (no)',
    );
    assert.deepEqual(lost(deferred), [['q@sender.example', 'queue', ['far@example.net']]]);
    const active = log('4BBBBBBBBB2', 58, 'cleanup message-id=<r>', 'qmgr from=<r@sender.example>, size=1, nrcpt=1 (queue active)');
    assert.deepEqual(lost(active), [['r@sender.example', 'queue', []]]);
    const two = [
      ...DELIVERED('4BBBBBBBBB3', 20, 'two', 'alice@example.org'),
      ...log('4BBBBBBBBB3', 20, 'lmtp to=<bob@example.org>, relay=x, delay=1, status=sent (ok)'),
    ];
    assert.deepEqual(lost(two, { '<two>': ['alice@example.org'] }), [['two@sender.example', 'mailbox', ['bob@example.org']]]);
    // A header that came, and no end: refused by a milter, or the client went away; unless the host died just then.
    assert.deepEqual(lost(log('4BBBBBBBBB4', 20, 'cleanup message-id=<none>')), []);
    assert.deepEqual(lost(log('4BBBBBBBBB5', 58, 'cleanup message-id=<just>')), [[null, 'incoming', []]]);
    // Postfix asked, and a milter refused it; or it went on asking others when the host died.
    const asked: LedgerEvent = { event: 'taking', queue: '4BBBBBBBBB6', at: '2026-11-22T09:00:40.000Z', from: 'a@b', to: ['c@d'], size: 1 };
    const named = (...more: LedgerEvent[]): LostMessage['lay'][] =>
      lostOf(acceptedFrom([asked, ...more]), since, until, new Map()).map(({ lay }) => lay);
    assert.deepEqual(named(), ['incoming']);
    assert.deepEqual(
      named(...events(log('4BBBBBBBBB6', 41, 'cleanup milter-reject: END-OF-MESSAGE from x[192.0.2.1]: 5.7.1 Spam; from=<a@b>'))),
      [],
    );
    assert.deepEqual(
      named(...events(log('4BBBBBBBBB6', 41, 'smtpd reject: END-OF-MESSAGE from x[192.0.2.1]: 554 5.7.1 no; from=<a@b>'))),
      [],
    );
    assert.deepEqual(named(...events(DELIVERED('4BBBBBBBBB6', 41, 'six', 'far@example.net', 'smtp'))), []);
    assert.deepEqual(named(...events(DELIVERED('4BBBBBBBBB6', 41, 'six', 'c@d'))), ['mailbox']);
    // What is long done is not kept in memory; what waits, or came later, is.
    const old = events([...DELIVERED('4BBBBBBBBB7', 5, 'old', 'c@d'), ...DELIVERED('4BBBBBBBBB8', 20, 'new', 'c@d'), ...deferred]);
    assert.deepEqual(
      acceptedFrom(old, since).map(({ queue }) => queue),
      ['4BBBBBBBBB8', '4BBBBBBBBB1'],
    );
  });
});

test('the log is read on over rotation, and what was not taken is read again', async () => {
  const directory = scratch('log');
  const [file, state] = [join(directory, 'mail.log'), join(directory, 'state')];
  const line = (number: number): string => `${DELIVERED(`4CCCCCCCC${number}0`, 20, `m${number}`, 'a@b')[2] ?? ''}\n`;
  assert.equal(readAccepted(state, file), undefined);
  writeFileSync(file, line(1));
  const read = async (take = true): Promise<string[]> => {
    const part = readAccepted(state, file);
    if (part !== undefined && take) await acceptedTaken(state, part.cursor);
    return part?.events.map((event) => (event.event === 'from' ? event.from.slice(0, 2) : '')) ?? [];
  };
  assert.deepEqual(await read(), [], 'it begins where the log ends');
  appendFileSync(file, line(2) + line(3).slice(0, 40));
  assert.deepEqual(await read(false), ['m2']);
  assert.deepEqual(await read(), ['m2']);
  appendFileSync(file, line(3).slice(40) + line(4));
  renameSync(file, `${file}.1`);
  writeFileSync(file, line(5));
  assert.deepEqual(await read(), ['m3', 'm4', 'm5']);
  writeFileSync(file, line(6));
  assert.deepEqual(await read(), [], 'as long as before: nothing tells them apart, so nothing is told twice');
  writeFileSync(file, '');
  assert.deepEqual(await read(), []);
  appendFileSync(file, line(7));
  assert.deepEqual(await read(), ['m7']);
  const cursor = join(state, 'standby/ledger-cursor.json');
  const { ino, mtimeNs } = statSync(cursor, { bigint: true });
  assert.deepEqual(await read(), []);
  const after = statSync(cursor, { bigint: true });
  assert.deepEqual([after.ino, after.mtimeNs], [ino, mtimeNs], 'nothing is written where nothing came');
});

test('a repository that is silent does not keep the list from going on; one that says that another host serves ends it', async () => {
  let noted = 0;
  const cursor = { inode: 0, offset: 0 };
  const source = { accepted: async () => ({ events: [], until: '', cursor, more: false }), acceptedTaken: async () => undefined };
  const sink = { noteAccepted: async () => void noted++ };
  let refuse: (error: Error) => void = () => undefined;
  const ended = assert.rejects(
    followAccepted({
      connect: async () => ({ source: source as unknown as Source, sink: sink as unknown as Sink, close: async () => undefined }),
      serving: () => new Promise((_, reject) => (refuse = reject)),
      log: async () => join(scratch('log'), 'mail.log'),
      onLine: async () => undefined,
      signal: new AbortController().signal,
    }),
    { code: 'refused' },
  );
  assert.ok(await until(async () => noted > 0, 60_000));
  refuse(new MailrecoverError('refused', "'mx2' serves"));
  await ended;
});

test('that Postfix asks is not believed any longer where only synchronisations go on with the ledger', async () => {
  const state = scratch('state');
  const at = '2026-11-22T09:00:00.000Z';
  await noteAccepted(state, 'mx1', { events: [], until: at, asked: { at, passed: 0, except: [] } });
  await noteAccepted(state, 'mx1', { events: [], until: '2026-11-22T09:00:30.000Z' });
  assert.equal((await lostMail(state, 'mx1', []))?.asked, true);
  await noteAccepted(state, 'mx1', { events: [], until: '2026-11-22T09:10:00.000Z' });
  assert.equal((await lostMail(state, 'mx1', []))?.asked, false);
});

test('a ledger is kept by day, and compared with the Maildirs that there are', async () => {
  const root = scratch('ledger');
  const state = join(root, 'state');
  const cur = join(root, 'mail/alice@example.org/Maildir/cur');
  mkdirSync(cur, { recursive: true });
  writeFileSync(join(cur, '1.a:2,S'), 'Received: x\r\nMessage-ID:\r\n <here>\r\n\r\nMessage-ID: <gone>\r\n');
  const stores = [{ name: 'mail', path: join(root, 'mail/%u/Maildir') }];
  assert.equal(await lostMail(state, 'mx1', stores), undefined);
  const lines = [
    ...DELIVERED('4DDDDDDDDD1', 20, 'here', 'alice@example.org'),
    ...DELIVERED('4DDDDDDDDD2', 21, 'gone', 'alice@example.org'),
  ];
  await noteAccepted(state, 'mx1', { events: events(lines), until: '2026-11-22T09:01:00.000Z' });
  appendFileSync(join(state, 'standby/ledger/mx1', '2099-01-01.jsonl'), '{"event":"id","que');
  await noteAccepted(state, 'mx1', { events: [], until: '2026-11-22T09:02:00.000Z' });
  assert.equal(readLedger(state, 'mx1')?.until, '2026-11-22T09:02:00.000Z');
  const lost = await lostMail(state, 'mx1', stores);
  assert.deepEqual(
    lost?.messages.map(({ from, to }) => [from, to]),
    [['gone@sender.example', ['alice@example.org']]],
  );
});
