/** What a real server never does: it says one thing and serves another, hangs, or floods its client. */
import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fsPath } from '../../../src/store/bytes.ts';
import { silentProgress } from '../../../src/system/progress.ts';
import { compareFolder } from '../../../src/verify/server/folder.ts';
import { ImapLost, ImapSession } from '../../../src/verify/server/imap.ts';
import { MailboxSession } from '../../../src/verify/server/session.ts';
import { Tally } from '../../../src/verify/server/tally.ts';
import { scratch } from '../../support/tmp.ts';
import { mail, UID_VALIDITY, writeMailbox } from './fixture.ts';

type Answer = (command: string, tag: string, socket: Socket) => string;

/** Listens on a Unix socket and answers each line. */
async function listen(answer: Answer, greeting = '* OK ready\r\n'): Promise<string> {
  const path = join(scratch('lie'), 's');
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write(greeting, 'latin1');
    socket.on('data', (chunk) => {
      for (const line of chunk.toString('latin1').split('\r\n').slice(0, -1)) {
        const space = line.indexOf(' ');
        socket.write(answer(line.slice(space + 1), line.slice(0, space), socket), 'latin1');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return path;
}

const MAIL = mail('one');
const WIRE = MAIL.replaceAll('\n', '\r\n');
const META = '* 1 FETCH (UID 10 FLAGS (\\Seen) INTERNALDATE "14-Nov-2023 22:13:20 +0000" X-GUID 1700000000.M0P1.mx1)\r\n';
const body = (text: string, size = text.length): string => `* 1 FETCH (UID 10 RFC822.SIZE ${size} BODY[] {${text.length}}\r\n${text})\r\n`;

/** Compares a folder of one message with what a server of these words says. */
async function hear(meta: string, text: (socket: Socket) => string): Promise<{ told: string[]; tally: Tally }> {
  const path = await listen((command, tag, socket) => {
    if (command.startsWith('EXAMINE'))
      return `* 1 EXISTS\r\n* OK [UIDVALIDITY ${UID_VALIDITY}] x\r\n* OK [UIDNEXT 110] x\r\n${tag} OK x\r\n`;
    if (command.includes('BODY.PEEK')) return `${text(socket)}${tag} OK x\r\n`;
    if (command.includes('FETCH')) return `${meta}${tag} OK x\r\n`;
    return `${tag} OK x\r\n`;
  });
  const mailbox = writeMailbox(scratch('lie'), { folders: [{ name: 'INBOX', dir: '', messages: [{ bytes: MAIL, letters: 'S' }] }] });
  const [folder] = mailbox.folders;
  assert.ok(folder !== undefined);
  const tally = new Tally();
  const session = new MailboxSession({ login: async () => await ImapSession.open(path, { timeoutMs: 10_000 }) }, 'm0', undefined);
  const mailFolder = String(fsPath(mailbox.mailPath));
  await compareFolder({
    mailbox,
    folder,
    wire: 'INBOX',
    mailFolder,
    controlFolder: mailFolder,
    session,
    tally,
    progress: silentProgress,
    lastError: () => undefined,
  });
  await session.close();
  return { told: tally.findings().map(({ code }) => code), tally };
}

test('the truth is believed', async () => {
  const { told, tally } = await hear(META, () => body(WIRE));
  assert.deepEqual(told, []);
  assert.deepEqual(tally.counts, { mailboxes: 0, messages: 0, compared: 1, mismatched: 0, missing: 0, unexpected: 0 });
});

const LIES: [name: string, meta: string, text: (socket: Socket) => string, told: string[]][] = [
  ['other bytes than lie on the disk', META, () => body(WIRE.replace('Subject', 'Zubject')), ['body-mismatch']],
  ['less than lies on the disk', META, () => body(WIRE.slice(0, -1), WIRE.length), ['body-mismatch']],
  ['more than lies on the disk', META, () => body(`${WIRE}x`, WIRE.length), ['body-mismatch']],
  ['lines that end in LF', META, () => body(MAIL, WIRE.length), ['body-mismatch']],
  ['another size', META, () => body(WIRE, WIRE.length + 1), ['size-mismatch']],
  ['no size', META, () => `* 1 FETCH (UID 10 BODY[] {${WIRE.length}}\r\n${WIRE})\r\n`, ['size-mismatch']],
  ['no body', META, () => '', ['body-mismatch']],
  ['NIL for a body', META, () => '* 1 FETCH (UID 10 RFC822.SIZE 5 BODY[] NIL)\r\n', ['body-mismatch']],
  ['a body of a terabyte', META, () => '* 1 FETCH (UID 10 RFC822.SIZE 5 BODY[] {1000000000000}\r\nx', ['body-mismatch']],
  ['the body of another message', META, () => body(WIRE).replace('UID 10', 'UID 11'), ['body-mismatch']],
  ['two bodies in one response', META, () => body(WIRE).replace(')\r\n', ` BODY[] {1}\r\nx)\r\n`), ['body-mismatch']],
  ['its end in the midst of a body', META, (socket) => (socket.end(body(WIRE).slice(0, 40)), ''), ['body-mismatch']],
  ['the same message with two UIDs', META + META.replace('UID 10', 'UID 11'), () => body(WIRE), ['unexpected-message']],
  ['nothing of the message', '', () => '', ['missing-message']],
  ['another message', META.replace('M0P1', 'M1P1'), () => body(WIRE), ['unexpected-message', 'missing-message']],
  ['another UID', META.replace('UID 10', 'UID 12'), () => body(WIRE).replace('UID 10', 'UID 12'), ['uid-mismatch']],
  ['another flag', META.replace('\\Seen', '\\seen \\Draft'), () => body(WIRE), ['flags-mismatch']],
  ['another date', META.replace(':20 +0000', ':21 +0000'), () => body(WIRE), ['date-mismatch']],
  ['no date', META.replace(/INTERNALDATE "[^"]*" /, ''), () => body(WIRE), ['date-mismatch']],
];
for (const [name, meta, text, codes] of LIES) {
  test(`a server that serves ${name}`, async () => {
    assert.deepEqual((await hear(meta, text)).told, codes);
  });
}

test('a message without a name is known by its UID', async () => {
  assert.deepEqual((await hear(META.replace('X-GUID 1700000000.M0P1.mx1', 'X-GUID ""'), () => body(WIRE))).told, []);
});

for (const [name, answer] of [
  ['no IMAP', () => 'HTTP/1.1 400 Bad Request\r\n\r\nm1 WHAT\r\n'],
  ['BYE', () => '* BYE go away\r\n'],
  ['a line without an end', () => `* OK ${'x'.repeat(3 << 20)}`],
  ['a response that is torn', (_: string, __: string, socket: Socket) => (socket.end('* OK to'), '')],
] satisfies [string, Answer][]) {
  test(`a session ends with an error, and stays so, when it hears ${name}`, async () => {
    const session = await ImapSession.open(await listen(answer), { timeoutMs: 10_000 });
    await assert.rejects(
      session.command('NOOP', {
        untagged(response) {
          if (response.text.startsWith('* BYE')) session.close().catch(() => undefined);
        },
      }),
      ImapLost,
    );
    await assert.rejects(session.command('NOOP'), ImapLost);
    assert.equal(session.alive, false);
  });
}

test('a silent server is left, an absent one is an error, and so is one that greets with BYE', async () => {
  await assert.rejects(ImapSession.open(await listen(() => '', ''), { timeoutMs: 50 }), ImapLost);
  await assert.rejects(ImapSession.open(join(scratch(), 'none'), { timeoutMs: 1000 }), { code: 'ENOENT' });
  await assert.rejects(ImapSession.open(await listen(() => '', '* BYE no\r\n'), { timeoutMs: 10_000 }), ImapLost);
});

test('an aborted session rejects with the reason', async () => {
  const stop = new AbortController();
  const session = await ImapSession.open(await listen(() => ''), { timeoutMs: 10_000, signal: stop.signal });
  const waiting = session.command('NOOP');
  stop.abort(new Error('enough'));
  await assert.rejects(waiting, { message: 'enough' });
});

test('a command is one line', async () => {
  const session = await ImapSession.open(await listen((_, tag) => `${tag} OK\r\n`), { timeoutMs: 10_000 });
  await assert.rejects(session.command('NOOP\r\nm9 DELETE INBOX'), /more than one line/);
  await session.close();
});
