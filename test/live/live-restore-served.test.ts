/** `restore --live` into mailboxes that are no Maildir: Dovecot adds the messages itself, while clients are connected. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notBuilt, startMailrecover } from '../support/binary.ts';
import { noDovecot } from '../support/dovecot.ts';
import { Imap } from '../support/imap.ts';
import { ALICE, complaints, contents, folderLines, liveWorld, type LiveWorld, text } from './live-world.ts';

const skip = noDovecot() || notBuilt();
const DAY = Date.UTC(2020, 0, 1);

async function filled(format: 'mbox' | 'sdbox' | 'mdbox'): Promise<{ live: LiveWorld; client: Imap }> {
  const live = await liveWorld({ format });
  const client = await Imap.login(live.server, ALICE);
  for (const folder of ['Work', 'Wörk', 'Trash']) await client.create(folder);
  for (let index = 1; index <= 30; index++) {
    const flags = index % 3 === 0 ? ['\\Seen', '$label1', 'wichtig'] : index % 3 === 1 ? ['\\Answered', '\\Flagged'] : [];
    await client.append('INBOX', text(`inbox-${index}`), flags, DAY + index * 1000);
  }
  for (let index = 1; index <= 3; index++) await client.append('Wörk', text(`work-${index}`), ['\\Draft'], DAY + index * 1000);
  for (let copy = 0; copy < 2; copy++) await client.append('Work', text('same'), ['\\Seen'], DAY);
  await client.append('Work', Buffer.from('Subject: no id\r\n\r\nx\r\n'), [], DAY);
  await live.world.backup([]);
  return { live, client };
}

function codes(document: { findings: { code: string }[] }): string[] {
  return document.findings.map(({ code }) => code);
}

for (const format of ['mbox', 'sdbox', 'mdbox'] as const)
  test(`${format}: what is missing comes back once, and an undo takes exactly that out`, { skip }, async () => {
    const { live, client } = await filled(format);
    const before = await contents(live.server);
    const watcher = await Imap.login(live.server, ALICE);
    const { uidNext, uidValidity } = await watcher.select('INBOX');
    await client.select('INBOX');
    await client.expunge('2,4,6');
    // One of two equal ones, one that has hardly a header, one that is only moved, and a whole folder.
    await client.select('Work');
    await client.expunge('2,3');
    await client.select('INBOX');
    await client.command('UID MOVE 9 Trash');
    await client.command('DELETE "W&APY-rk"');
    await client.append('INBOX', text('later'), ['\\Seen'], DAY);
    const after = await contents(live.server);

    const args = ['latest', '--live', 'missing'];
    const plan = await live.restore([...args, '--dry-run']);
    assert.deepEqual(
      (plan['plan'] as { mailboxes: { folders: { folder: string; add: number; create: boolean; moved: object }[] }[] }).mailboxes
        .flatMap(({ folders }) => folders)
        .map(({ folder, add, create, moved }) => [folder, add, create, moved]),
      [
        ['INBOX', 3, false, { Trash: 1 }],
        ['Trash', 0, false, {}],

        ['Wörk', 3, true, {}],
        ['Work', 2, false, {}],
      ],
    );
    assert.deepEqual(await contents(live.server), after);

    const done = await live.restore(args);
    assert.deepEqual([done.outcome, done.counts['added'], done.counts['moved']], ['ok', 8, 1], JSON.stringify(done));
    assert.ok(Number(done['firstMailMs']) >= 0);
    const now = await contents(live.server);
    const plus = (lines: readonly string[], line: string | undefined): string[] => [...lines, ...(line === undefined ? [] : [line])].sort();
    const moved = after['Trash']?.[0];
    const later = after['INBOX']?.find((line) => !(before['INBOX'] ?? []).includes(line));
    assert.deepEqual(now, {
      ...before,
      INBOX: plus(
        (before['INBOX'] ?? []).filter((line) => line !== moved),
        later,
      ),
      Trash: [moved],
    });
    // A client that was there all the time is told of it, and no UID comes back.
    await watcher.command('NOOP');
    const seen = await watcher.select('INBOX');
    assert.equal(seen.uidValidity, uidValidity);
    assert.ok(seen.uidNext >= uidNext + 4);
    assert.deepEqual(
      (await folderLines(live.server, 'INBOX')).slice(-3).map((line) => line.split(' ')[0]),
      ['inbox-2', 'inbox-4', 'inbox-6'],
    );

    assert.equal((await live.restore(args)).counts['added'], 0);
    assert.deepEqual(await contents(live.server), now);

    // A client reads one of them, and deletes another.
    await client.select('INBOX');
    await client.store(String(seen.uidNext - 1), '+', ['\\Deleted']);
    await client.command('EXPUNGE');
    await client.store(String(seen.uidNext - 2), '+', ['\\Draft']);
    const changed = await live.undo([], { expect: 20 });
    assert.match(JSON.stringify(changed), /clients have changed 1 of the messages/);
    const undone = await live.undo(['--changed', 'leave']);
    assert.deepEqual(
      ['taken', 'left', 'gone'].map((name) => undone.counts[name]),
      [6, 1, 1],
      JSON.stringify(undone),
    );
    const end = await contents(live.server);
    assert.deepEqual({ ...end, INBOX: end['INBOX']?.length }, { ...after, INBOX: (after['INBOX']?.length ?? 0) + 1 });
    assert.deepEqual(complaints(live.server), []);
    for (const each of [client, watcher]) await each.close();
  });

test('mdbox: into new folders; killed anywhere, and run again; single messages and filters', { skip }, async () => {
  const { live, client } = await filled('mdbox');
  const before = await contents(live.server);
  const config = `${live.world.directory}/etc/mailrecover.yaml`;

  // Killed as soon as the first messages are there.
  const args = ['latest', '--live', 'folder', '--folder', 'INBOX'];
  const { child, done: killed } = startMailrecover(['--config', config, 'restore', ...args, '--yes', '--identity', live.identity]);
  const counts = async (): Promise<number> => {
    const tree = (await client.list()).find(({ name }) => /^Restored\/.*\/INBOX$/.test(name))?.name;
    return tree === undefined ? 0 : (await client.select(tree)).exists;
  };
  while (child.exitCode === null && child.signalCode === null && (await counts()) === 0);
  child.kill('SIGKILL');
  await killed;
  const again = await live.restore(args);
  assert.equal(again.outcome, 'ok', JSON.stringify(again));
  const trees = (await client.list()).map(({ name }) => name).filter((name) => name.startsWith('Restored/') && name.endsWith('/INBOX'));
  const [tree = ''] = trees;
  assert.equal(trees.length, 1);
  assert.deepEqual((await contents(live.server))[tree], before['INBOX']);
  const undone = await live.undo();
  assert.equal(undone.counts['taken'], 30, JSON.stringify(undone));
  assert.deepEqual(await contents(live.server), before);
  assert.deepEqual(
    (await client.list()).map(({ name }) => name).filter((name) => name.endsWith('INBOX')),
    ['INBOX'],
  );

  await client.select('INBOX');
  await client.expunge('5,7');
  await live.world.backup([]);
  const one = await live.restore(['latest~1', '--live', 'missing', '--message', '<inbox-5@example.net>']);
  assert.equal(one.counts['added'], 1, JSON.stringify(one));
  const filter = ['--live', 'missing', '--deleted-since', '2020-01-01', '--mailbox', ALICE];
  const found = await live.restore(filter);
  assert.equal(found.counts['added'], 1, JSON.stringify(found));
  assert.deepEqual(await contents(live.server), before);
  assert.equal((await live.restore(filter)).counts['added'], 0);
  const missing = await live.restore(['latest', '--live', 'missing', '--folder', 'Wrok'], { expect: 2 });
  assert.match(JSON.stringify(missing), /did you mean/);
  await client.close();

  // Nobody answers: nothing is done, and it is said.
  await live.server.stop();
  const away = await live.restore(['latest', '--live', 'missing'], { expect: 2 });
  assert.match(JSON.stringify(away), /dovecot does not answer for 'alice@example.org'/);
  assert.ok(!codes(away).includes('bug'));
});
