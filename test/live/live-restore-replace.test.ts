/** `restore --live replace`: a folder becomes what it was, and clients that had seen the later state are told all of it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { notBuilt } from '../support/binary.ts';
import { noDovecot } from '../support/dovecot.ts';
import { Imap } from '../support/imap.ts';
import { Lmtp } from '../support/lmtp.ts';
import { ALICE, asides, complaints, contents, folderLines, liveWorld, text } from './live-world.ts';
import { Cache, truth } from './qresync.ts';

const skip = noDovecot() || notBuilt();
const DAY = Date.UTC(2020, 0, 1);

test('a folder becomes what it was; a QRESYNC client that had seen the later state misses nothing', { skip }, async () => {
  const live = await liveWorld();
  const { server, world } = live;
  const client = await Imap.login(server, ALICE);
  const watcher = await Imap.login(server, ALICE);
  await watcher.command('ENABLE QRESYNC');
  for (let index = 1; index <= 20; index++)
    await client.append('INBOX', text(`m-${index}`), index % 2 === 0 ? ['\\Seen', 'old'] : [], DAY + index * 1000);
  await world.backup([]);
  const before = await contents(server);
  const lines = await folderLines(server, 'INBOX');

  await client.select('INBOX');
  await client.expunge('3,7:9');
  await client.store('1,2', '+', ['\\Flagged', 'later']);
  await client.store('4', '-', ['\\Seen', 'old']);
  const lmtp = await Lmtp.connect(server);
  for (let index = 1; index <= 5; index++) await lmtp.deliver(text(`later-${index}`), ALICE);
  const cache = new Cache();
  await cache.synchronise(watcher, 'INBOX');
  const later = await contents(server);
  const seen = new Map(cache.messages);
  const next = Math.max(...seen.keys()) + 1;

  // A message that was damaged in place, as a broken disk or ransomware does it.
  const cur = join(server.mailOf(ALICE), 'cur');
  const victim = readdirSync(cur).sort()[9] ?? '';
  await watcher.command('UNSELECT');
  const path = join(cur, victim);
  writeFileSync(path, readFileSync(path, 'latin1').replace(/[A-Za-z]/g, 'x'));

  const done = await live.restore(['latest', '--live', 'replace', '--folder', 'INBOX']);
  assert.deepEqual([done.counts['added'], done.counts['setAside'], done.counts['reflagged']], [5, 6, 3], JSON.stringify(done));
  assert.deepEqual(await contents(server), before);
  assert.deepEqual((await folderLines(server, 'INBOX')).sort(), lines.sort());

  await cache.synchronise(watcher, 'INBOX');
  assert.deepEqual(cache.messages, await truth(watcher, 'INBOX'), 'the client knows the whole truth');
  const back = [...cache.messages.keys()].filter((uid) => !seen.has(uid));
  assert.ok(back.length === 5 && back.every((uid) => uid >= next), `no UID twice: ${back.join(' ')}, from ${next}`);
  const { uidNext } = await client.select('INBOX');
  assert.ok(uidNext > Math.max(...seen.keys(), ...back));

  const again = await live.restore(['latest', '--live', 'replace', '--folder', 'INBOX']);
  assert.deepEqual([again.counts['added'], again.counts['setAside'], again.counts['reflagged']], [0, 0, 0]);
  assert.equal(asides(live).length, 1, 'what was set aside is kept');

  // Mail that comes now stays through the undo.
  await lmtp.deliver(text('after'), ALICE);
  await lmtp.close();
  const undone = await live.undo();
  assert.deepEqual([undone.counts['taken'], undone.counts['back'], undone.counts['flags']], [5, 6, 3], JSON.stringify(undone));
  const end = await folderLines(server, 'INBOX');
  const damaged = end.filter((line) => line.startsWith(' ('));
  assert.equal(damaged.length, 1, 'also the damaged one is there again');
  const flat = (all: Record<string, string[]>): number => (all['INBOX'] ?? []).length;
  assert.equal(end.length, flat(later) + 1);
  assert.ok(end.some((line) => line.startsWith('after ')));
  await cache.synchronise(watcher, 'INBOX');
  assert.deepEqual(cache.messages, await truth(watcher, 'INBOX'));
  assert.deepEqual(asides(live), []);
  for (const each of [client, watcher]) await each.close();
});

test('UIDs that a snapshot has seen are not given again', { skip }, async () => {
  const live = await liveWorld();
  const client = await Imap.login(live.server, ALICE);
  for (let index = 1; index <= 3; index++) await client.append('INBOX', text(`m-${index}`), [], DAY);
  await live.world.backup([]);
  const list = join(live.server.mailOf(ALICE), 'dovecot-uidlist');
  await client.select('INBOX');
  await client.expunge('3');
  await client.command('UNSELECT');
  const old = readFileSync(list);
  for (let index = 1; index <= 4; index++) await client.append('INBOX', text(`later-${index}`), [], DAY);
  await live.world.backup([]);
  await client.close();
  // Somebody puts an old copy of everything back, indexes and all: UIDNEXT is 4 again.
  const mail = live.server.mailOf(ALICE);
  for (const name of readdirSync(mail).filter((each) => each.startsWith('dovecot.'))) rmSync(join(mail, name));
  for (const where of ['cur', 'new'])
    for (const name of readdirSync(join(mail, where)))
      if (/later/.test(readFileSync(join(mail, where, name), 'latin1'))) rmSync(join(mail, where, name));
  writeFileSync(list, old);
  const again = await Imap.login(live.server, ALICE);
  assert.equal((await again.select('INBOX')).uidNext, 4);
  const done = await live.restore(['latest~1', '--live', 'replace', '--mailbox', ALICE]);
  assert.deepEqual([done.counts['added'], done.counts['setAside']], [1, 0], JSON.stringify(done));
  assert.ok(done.findings.some(({ code }) => code === 'turned-back'));
  const uids: number[] = [];
  await again.select('INBOX');
  await again.fetch('1:*', ({ uid }) => void uids.push(uid));
  assert.deepEqual(uids, [1, 2, 8], 'what comes back gets none of them either');
  assert.ok((await again.append('INBOX', text('new'), [], DAY)) >= 8, 'no UID is given twice');
  await again.close();
});

test('what was set aside is removed by a release alone', { skip }, async () => {
  const live = await liveWorld();
  const { server, world } = live;
  const client = await Imap.login(server, ALICE);
  await client.append('INBOX', text('kept'), [], DAY);
  await world.backup([]);
  await client.append('INBOX', text('later'), [], DAY);
  await live.restore(['latest', '--live', 'replace', '--mailbox', ALICE]);
  assert.deepEqual((await folderLines(server, 'INBOX')).length, 1);
  assert.equal((await live.undo(['--release', '--dry-run'])).outcome, 'ok');
  assert.equal(asides(live).length, 1);
  assert.equal((await live.undo(['--release'])).counts['released'], 1);
  assert.deepEqual(asides(live), []);
  const list = await live.world.run(['undo', '--list']);
  assert.deepEqual(
    (list['runs'] as { state: string }[]).map(({ state }) => state),
    ['released'],
  );
  await live.undo([], { expect: 2 });
  assert.deepEqual(complaints(server), []);
  await client.close();
});
