/** `restore --live replace` into mailboxes that are no Maildir: Dovecot itself adds, flags and moves the messages. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { notBuilt } from '../support/binary.ts';
import { noDovecot } from '../support/dovecot.ts';
import { run } from '../support/host.ts';
import { Imap } from '../support/imap.ts';
import { ALICE, complaints, contents, liveWorld, type LiveWorld, text } from './live-world.ts';
import { Cache, truth } from './qresync.ts';
import { changed, DAY, parted, REPLACE, type Setting } from './replaced.ts';

const skip = noDovecot() || notBuilt();

function counts(document: { counts: Record<string, number> }, ...names: string[]): (number | undefined)[] {
  return names.map((name) => document.counts[name]);
}

for (const format of ['mbox', 'sdbox'] as const)
  test(`${format}: folders become what they were, and an undo gives everything back, or a release lets go of it`, { skip }, async () => {
    const { live, client, before, later } = await changed(format);
    const { server } = live;
    const watcher = await Imap.login(server, ALICE);
    await watcher.command('ENABLE QRESYNC');
    const cache = new Cache();
    await cache.synchronise(watcher, 'INBOX');
    const seen = new Map(cache.messages);
    const highest = Math.max(...seen.keys());

    if (format === 'mbox') {
      await live.restore([...REPLACE, '--dry-run']);
      assert.deepEqual(await contents(server), later);
    }
    const done = await live.restore(REPLACE);
    assert.deepEqual(counts(done, 'added', 'setAside', 'reflagged'), [5, 6, 3], JSON.stringify(done));
    const { mail, aside } = parted(await contents(server));
    assert.deepEqual(mail, before);
    assert.deepEqual(
      Object.entries(aside).map(([name, lines]) => [name.split('/').at(-1), lines.length]),
      [
        ['INBOX', 4],
        ['New', 1],
        ['Work', 1],
      ],
    );
    await cache.synchronise(watcher, 'INBOX');
    assert.deepEqual(cache.messages, await truth(watcher, 'INBOX'), 'the client knows the whole truth');
    for (const uid of cache.messages.keys()) assert.ok(seen.has(uid) || uid > highest, `UID ${uid} was given again`);

    if (format === 'sdbox') await released(live, client, before);
    else await undone(live, client, { before, later });
    await cache.synchronise(watcher, 'INBOX');
    assert.deepEqual(cache.messages, await truth(watcher, 'INBOX'));
    assert.deepEqual(complaints(server), []);
    for (const each of [client, watcher]) await each.close();
  });

async function undone({ undo, server }: LiveWorld, client: Imap, { before, later }: Pick<Setting, 'before' | 'later'>): Promise<void> {
  // Mail that comes now stays through the undo.
  const plus = text('after');
  await client.append('INBOX', plus, [], DAY);
  const arrived = (await contents(server))['INBOX']?.filter((line) => before['INBOX']?.includes(line) !== true) ?? [];
  const document = await undo();
  assert.deepEqual(counts(document, 'taken', 'back', 'flags'), [5, 6, 3], JSON.stringify(document));
  assert.deepEqual(await contents(server), { ...later, INBOX: [...(later['INBOX'] ?? []), ...arrived].sort() });
  assert.deepEqual((await client.list()).map(({ name }) => name).sort(), ['INBOX', 'New', 'Work']);
}

async function released({ restore, undo, server }: LiveWorld, client: Imap, before: Record<string, string[]>): Promise<void> {
  const again = await restore(REPLACE);
  assert.deepEqual(counts(again, 'added', 'setAside', 'reflagged'), [0, 0, 0], JSON.stringify(again));
  // The last run did nothing, and left nothing.
  const document = await undo(['--release']);
  assert.deepEqual(counts(document, 'released'), [6], JSON.stringify(document));
  assert.deepEqual(await contents(server), before);
  assert.deepEqual((await client.list()).map(({ name }) => name).sort(), ['Gone', 'INBOX', 'New', 'Work']);
  await undo([], { expect: 2 });
}

test('mdbox: UIDs and changes that clients have seen are not given again where time was turned back', { skip }, async () => {
  const live = await liveWorld({ format: 'mdbox' });
  const { server } = live;
  const mail = server.mailOf(ALICE);
  const client = await Imap.login(server, ALICE);
  for (let index = 1; index <= 4; index++) await client.append('INBOX', text(`m-${index}`), [], DAY);
  await live.world.backup([]);
  const old = join(live.root, 'old');
  await client.close();
  run('cp', ['-a', mail, old]);

  const watcher = await Imap.login(server, ALICE);
  await watcher.command('ENABLE QRESYNC');
  for (let index = 1; index <= 5; index++) await watcher.append('INBOX', text(`later-${index}`), [], DAY);
  await watcher.select('INBOX');
  await watcher.store('1', '+', ['\\Flagged']);
  await watcher.expunge('2');
  await live.world.backup([]);
  const cache = new Cache();
  await cache.synchronise(watcher, 'INBOX');
  await watcher.close();
  // Somebody puts the old files back, with all indexes.
  rmSync(mail, { recursive: true });
  run('cp', ['-a', old, mail]);
  const done = await live.restore(['latest~1', '--live', 'replace', '--mailbox', ALICE]);
  assert.deepEqual(
    done.findings.map(({ code }) => code),
    ['turned-back'],
    JSON.stringify(done),
  );
  // What the finding says to type.
  server.doveadm('mailbox', 'update', '-u', ALICE, '--uid-validity', String(Math.floor(Date.now() / 1000)), 'INBOX');
  const again = await Imap.login(server, ALICE);
  await again.command('ENABLE QRESYNC');
  await cache.synchronise(again, 'INBOX');
  assert.deepEqual(cache.messages, await truth(again, 'INBOX'), 'the client knows the whole truth');
  assert.ok((await again.append('INBOX', text('next'), [], DAY)) >= 10, 'no UID is given twice');
  await again.close();
});
