/** Restores into a running Dovecot: what is missing, whole folders, and undoing it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { BINARY, notBuilt } from '../support/binary.ts';
import { noDovecot } from '../support/dovecot.ts';
import { missing } from '../support/host.ts';
import { Imap } from '../support/imap.ts';
import { Lmtp } from '../support/lmtp.ts';
import { onTerminal } from '../support/terminal.ts';
import { scratch } from '../support/tmp.ts';
import { ALICE, asides, complaints, contents, folderLines, liveWorld, type LiveWorld, text } from './live-world.ts';

const skip = noDovecot() || notBuilt();
const DAY = Date.UTC(2020, 0, 1);

async function fill(live: LiveWorld): Promise<Imap> {
  const client = await Imap.login(live.server, ALICE);
  for (const folder of ['Work/Projects', 'Trash']) await client.create(folder);
  for (let index = 1; index <= 12; index++) {
    const flags = [...(index % 2 === 0 ? ['\\Seen'] : []), ...(index % 3 === 0 ? ['$Forwarded', 'Wichtig'] : [])];
    await client.append('INBOX', text(`inbox-${index}`), flags, DAY + index * 1000);
    if (index <= 4) await client.append('Work/Projects', text(`work-${index}`), ['\\Flagged', 'of-work'], DAY + index * 1000);
  }
  // Two instances of the same bytes.
  await client.append('INBOX', text('twice'), [], DAY);
  await client.append('INBOX', text('twice'), ['\\Seen'], DAY);
  return client;
}

async function uidsOf(client: Imap, folder: string, ...subjects: string[]): Promise<string> {
  await client.select(folder);
  return [...(await client.headers('Subject'))]
    .filter(([, subject]) => subjects.includes(subject))
    .map(([uid]) => uid)
    .join(',');
}

test('what is missing comes back, once, while clients look on', { skip }, async () => {
  const live = await liveWorld();
  const { server, world } = live;
  const client = await fill(live);
  await world.backup([]);
  const before = await contents(server);

  // One of two equal ones goes, some others too; a folder goes with all that is in it; one is moved, new mail comes.
  const twice = await uidsOf(client, 'INBOX', 'twice');
  await client.expunge(twice.split(',')[1] ?? '');
  await client.expunge(await uidsOf(client, 'INBOX', 'inbox-2', 'inbox-3', 'inbox-6'));
  await client.move(await uidsOf(client, 'INBOX', 'inbox-5'), 'Trash');
  await client.command('UNSELECT');
  await client.command('DELETE "Work/Projects"');
  const lmtp = await Lmtp.connect(server);
  await lmtp.deliver(text('new'), ALICE);
  await lmtp.close();
  const selected = await client.select('INBOX');
  const changed = await contents(server);

  const plan = await live.restore(['latest', '--live', 'missing', '--dry-run']);
  assert.deepEqual(await contents(server), changed, 'a dry run changes nothing');
  const done = await live.restore(['latest', '--live', 'missing']);
  assert.deepEqual(
    [done.counts['added'], done.counts['moved'], (plan['plan'] as { added: number }).added],
    [8, 1, 8],
    JSON.stringify([done, plan]),
  );
  assert.ok(Number(done['firstMailMs']) >= 0);
  const after = await contents(server);
  assert.deepEqual(after['Work/Projects'], before['Work/Projects']);
  const withMoved = [...(after['INBOX'] ?? []), ...(after['Trash'] ?? [])].sort();
  const news = (changed['INBOX'] ?? []).filter((line) => before['INBOX']?.includes(line) !== true);
  assert.deepEqual(withMoved, [...(before['INBOX'] ?? []), ...news].sort());

  // The client that has been there all the time is told, and the new ones have new UIDs.
  const { untagged } = await client.command('NOOP');
  assert.ok(
    untagged.some(({ text: said }) => said === `* ${selected.exists + 4} EXISTS`),
    JSON.stringify(untagged.map((each) => each.text)),
  );
  const uids = (await uidsOf(client, 'INBOX', 'inbox-2', 'inbox-3', 'inbox-6')).split(',').map(Number);
  assert.ok(uids.length === 3 && uids.every((uid) => uid >= selected.uidNext));
  const lines = await folderLines(server, 'INBOX');
  assert.deepEqual(
    lines.slice(-4).map((line) => line.split(' ')[0]),
    ['twice', 'inbox-2', 'inbox-3', 'inbox-6'],
    'oldest first',
  );
  assert.ok(lines.includes('inbox-6 ($Forwarded Wichtig \\Seen) 01-Jan-2020 00:00:06 +0000'), lines.join('\n'));

  const again = await live.restore(['latest', '--live', 'missing']);
  assert.deepEqual([again.counts['added'], again['run']], [0, undefined]);
  assert.deepEqual(await contents(server), after);
  assert.deepEqual([asides(live), complaints(server)], [[], []]);

  // Undone it is what it was, and what a client has read meanwhile is not taken away unasked.
  await client.store(String(uids[0]), '+', ['\\Flagged']);
  const refused = await live.undo([], { expect: 20 });
  assert.match(JSON.stringify(refused), /clients have changed 1 of/);
  assert.deepEqual((await contents(server))['Work/Projects'], before['Work/Projects']);
  await client.store(String(uids[0]), '-', ['\\Flagged']);
  const undone = await live.undo();
  assert.equal(undone.counts['taken'], 8);
  assert.deepEqual(await contents(server), changed);
  await live.undo([], { expect: 2 });
  await client.close();
});

test('into new folders; names that are taken get a number', { skip }, async () => {
  const live = await liveWorld({ separator: '.', prefix: 'INBOX.' });
  const { server, world } = live;
  const client = await Imap.login(server, ALICE);
  await client.create('INBOX.受信済み');
  await client.append('INBOX.受信済み', text('one'), ['\\Seen', 'label'], DAY);
  await client.append('INBOX', text('two'), ['\\Flagged'], DAY);
  await world.backup([]);
  const before = await contents(server);
  const done = await live.restore(['latest', '--live', 'folder']);
  assert.equal(done.counts['added'], 2);
  const folders = (done['plan'] as { mailboxes: { folders: { folder: string; from: string }[] }[] }).mailboxes[0]?.folders ?? [];
  const [inbox, other] = folders;
  assert.match(inbox?.folder ?? '', /^INBOX\.Restored\.\d{4}-\d\d-\d\d\.INBOX$/);
  const after = await contents(server);
  assert.deepEqual([after[inbox?.folder ?? ''], after[other?.folder ?? '']], [before['INBOX'], before['INBOX.受信済み']]);
  assert.deepEqual((await client.lsub()).map(({ name }) => name).sort(), folders.map(({ folder }) => folder).sort());
  const again = await live.restore(['latest', '--live', 'folder', '--folder', 'INBOX']);
  const [second] = (again['plan'] as { mailboxes: { folders: { folder: string }[] }[] }).mailboxes[0]?.folders ?? [];
  assert.match(second?.folder ?? '', /\d 2\.INBOX$/);
  for (let number = 0; number < 2; number++) await live.undo();
  assert.deepEqual(await contents(server), before);
  assert.deepEqual(await client.lsub(), []);
  await client.close();
});

test('what a filter deleted, from whichever snapshot has it last', { skip }, async () => {
  const live = await liveWorld();
  const { server, world } = live;
  const client = await fill(live);
  await world.backup([]);
  const before = await contents(server);
  await client.expunge(await uidsOf(client, 'INBOX', 'inbox-1'));
  await world.backup([]);
  await client.expunge(await uidsOf(client, 'INBOX', 'inbox-2', 'inbox-4'));
  await client.expunge(await uidsOf(client, 'Work/Projects', 'work-1'));
  await world.backup([]);
  const some = await live.restore(['--live', 'missing', '--deleted-since', 'yesterday', '--subject', 'inbox']);
  assert.equal(some.counts['added'], 3, JSON.stringify(some));
  assert.equal((some['snapshots'] as string[]).length, 2);
  const all = await live.restore(['--live', 'missing', '--deleted-since', 'today', '--from', 'sender@example.net']);
  assert.equal(all.counts['added'], 1, JSON.stringify(all));
  assert.deepEqual(await contents(server), before);
  assert.equal((await live.restore(['--live', 'missing', '--deleted-since', 'yesterday'])).counts['added'], 0);
  await client.close();
});

for (const [title, options] of Object.entries({
  'folders as directories, UTF-8 names': { layout: 'fs', utf8: true } as const,
  'control files and indexes elsewhere': { apart: true } as const,
}))
  test(`other layouts: ${title}`, { skip }, async () => {
    const elsewhere = scratch('apart');
    const apart = 'apart' in options ? { control: `${elsewhere}/control/%d/%n`, index: `${elsewhere}/index/%d/%n` } : options;
    const live = await liveWorld(apart);
    const { server, world } = live;
    const client = await Imap.login(server, ALICE);
    for (const folder of ['Wörk', 'Wörk/受信済み', 'Other']) await client.create(folder);
    for (const folder of ['INBOX', 'Wörk', 'Wörk/受信済み', 'Other'])
      for (let index = 1; index <= 4; index++)
        await client.append(folder, text(`${index}`), ['$Forwarded', `k${index}`], DAY + index * 1000);
    await world.backup([]);
    const before = await contents(server);
    await client.select('Wörk/受信済み');
    await client.expunge('2:3');
    await client.select('INBOX');
    await client.expunge('1');
    await client.command('UNSELECT');
    await client.command('DELETE "Other"');
    const changed = await contents(server);
    for (const way of 'apart' in options ? ['missing', 'folder'] : ['replace', 'folder']) {
      const done = await live.restore(['latest', '--live', way]);
      assert.equal(done.counts['added'], way === 'folder' ? 16 : 7, JSON.stringify(done));
      const after = await contents(server);
      if (way === 'folder') {
        const restored = Object.keys(after).filter((name) => name.startsWith('Restored/') && (after[name]?.length ?? 0) > 0);
        assert.deepEqual(restored.map((name) => name.replace(/^Restored\/[^/]*\//, '')).sort(), Object.keys(before).sort());
      } else assert.deepEqual(after, before);
      await live.undo();
      const undone = await contents(server);
      for (const [folder, lines] of Object.entries(changed)) assert.deepEqual(undone[folder], lines);
      assert.ok(Object.entries(undone).every(([folder, lines]) => folder in changed || lines.length === 0));
    }
    assert.deepEqual(complaints(server), []);
    await client.close();
  });

test('asked at a terminal; refused where nobody can answer', { skip: skip || missing('script') }, async () => {
  const live = await liveWorld();
  const client = await Imap.login(live.server, ALICE);
  await client.append('INBOX', text('one'), [], DAY);
  await live.world.backup([]);
  await client.select('INBOX');
  await client.expunge('1');
  const args = [
    '--config',
    `${live.world.directory}/etc/mailrecover.yaml`,
    'restore',
    'latest',
    '--live',
    'missing',
    '--identity',
    live.identity,
  ];
  const refused = await live.world.run(['restore', 'latest', '--live', 'missing', '--identity', live.identity], { expect: 20 });
  assert.match(JSON.stringify(refused), /nobody is there to confirm/);
  const no = await onTerminal(BINARY, args, [[/carry this out\? \[yes\/no\] /, 'no']]);
  assert.equal(no.code, 20, no.screen);
  assert.deepEqual(await folderLines(live.server, 'INBOX'), []);
  const yes = await onTerminal(BINARY, args, [[/carry this out\? \[yes\/no\] /, 'yes']]);
  assert.equal(yes.code, 0, yes.screen);
  assert.match(yes.screen, /INBOX: 1 to bring back/);
  assert.equal((await folderLines(live.server, 'INBOX')).length, 1);
  assert.match(readFileSync(`${live.world.directory}/state/audit.jsonl`, 'utf8'), /"live":"missing"/);
  await client.close();
});
