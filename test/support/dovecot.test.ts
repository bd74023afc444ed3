import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { dovecot, idOf, noDovecot, startDovecot } from './dovecot.ts';
import { processGroup } from './host.ts';
import { Imap } from './imap.ts';
import { imapSnapshot } from './imap-snapshot.ts';
import { Lmtp } from './lmtp.ts';
import { makeMail } from './mail.ts';
import { writeTree } from './maildir.ts';
import { scratch } from './tmp.ts';

const skip = noDovecot();
const USER = 'alice@example.org';

function crlf(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replace(/\n/g, '\r\n'), 'latin1');
}

for (const options of [
  {},
  { layout: 'fs' as const },
  { prefix: 'INBOX.', separator: '.' },
  { utf8: true },
  { control: 'control/%d/%n', index: 'index/%d/%n' },
]) {
  test(`mail goes in by LMTP and APPEND and comes out by IMAP, with ${JSON.stringify(options)}`, { skip }, async () => {
    const root = scratch('mail');
    const places = 'control' in options ? { control: `${root}/${options.control}`, index: `${root}/${options.index}` } : {};
    const server = await dovecot({ users: [USER], mail: `${root}/%d/%n/Maildir`, ...options, ...places });
    const first = makeMail('dovecot', 1, { headers: ['.dot: at the beginning'] });
    const lmtp = await Lmtp.connect(server);
    await lmtp.deliver(first.bytes, USER);
    await lmtp.close();
    const client = await Imap.login(server, USER);
    const folder = `${server.prefix}受信${server.separator}A & B`;
    await client.create(folder);
    await client.subscribe(folder);
    const second = crlf(makeMail('dovecot', 2, { kind: 'utf8' }).bytes);
    assert.equal(await client.append(folder, second, ['\\Seen', 'Work'], first.date), 1);
    const { uidValidity } = await client.select('INBOX');
    assert.deepEqual(await client.copy('1', folder), [2]);
    await client.store('1', '+', ['\\Flagged', '$Forwarded']);
    const headers = await client.headers('Message-ID');
    assert.equal(headers.get(1), first.messageId);
    await client.close();
    const state = await imapSnapshot(server, USER);
    assert.deepEqual(state.subscriptions, [folder]);
    const inbox = state.folders['INBOX'];
    assert.equal(inbox?.uidValidity, uidValidity);
    assert.equal(inbox?.uidNext, 2);
    assert.deepEqual(inbox?.messages[1]?.flags, ['$Forwarded', '\\Flagged']);
    const other = state.folders[folder]?.messages;
    assert.deepEqual(Object.keys(other ?? {}), ['1', '2']);
    assert.equal(other?.[1]?.size, second.length);
    assert.deepEqual(other?.[1]?.flags, ['Work', '\\Seen']);
    assert.equal(other?.[2]?.sha256, inbox?.messages[1]?.sha256);
    assert.equal(Date.parse(other?.[1]?.internalDate.replace(/-/g, ' ') ?? ''), first.date);
    assert.deepEqual(await imapSnapshot(server, USER), state);
    await server.stop();
    assert.ok(existsSync(server.mailOf(USER)));
    const moved = await dovecot({ users: [USER], mail: `${root}/%d/%n/Maildir`, ...options, ...places });
    assert.deepEqual(await imapSnapshot(moved, USER), state);
  });
}

test('a made tree is served as it was meant', { skip }, async () => {
  for (const layout of ['maildir++', 'fs'] as const) {
    const root = scratch('made');
    const owner = idOf();
    const placed: { folder: string; uid: number; size: number; date: number; seen: boolean }[] = [];
    writeTree({
      root,
      users: [USER],
      messages: 120,
      layout,
      owner,
      onMessage: ({ folder, uid, flags, mail, base }) =>
        placed.push({ folder, uid, size: Number(/W=(\d+)/.exec(base)?.[1]), date: mail.date, seen: flags.includes('S') }),
    });
    const server = await dovecot({ users: [USER], mail: `${root}/%d/%n/Maildir`, layout });
    const state = await imapSnapshot(server, USER);
    assert.equal(
      Object.values(state.folders).reduce((sum, { messages }) => sum + Object.keys(messages).length, 0),
      120,
    );
    for (const { folder, uid, size, date, seen } of placed) {
      const message = state.folders[folder]?.messages[uid];
      assert.equal(message?.size, size);
      assert.equal(Date.parse(message?.internalDate.replace(/-/g, ' ') ?? ''), date);
      assert.equal(message?.flags.includes('\\Seen'), seen);
    }
    assert.ok(state.subscriptions.includes('受信済み'));
    await server.stop();
    assert.ok(!/error|warning|panic/i.test(server.log()), server.log());
  }
});

test('nothing of a server stays', { skip }, async () => {
  const server = await startDovecot({ users: [USER] });
  const directory = server.config.replace(/\/[^/]*$/, '');
  assert.match(server.doveadm('user', '*'), /alice/);
  const client = await Imap.login(server, USER);
  const before = processGroup(server.pid);
  assert.ok(before.length > 2, before.join(' '));
  await server.stop();
  assert.ok(!existsSync(directory));
  assert.deepEqual(processGroup(server.pid), []);
  await client.close();
});
