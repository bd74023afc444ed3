import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mailrecoverJson, notBuilt } from '../../support/binary.ts';
import { missing } from '../../support/host.ts';
import { deliver, folderOf, makeWatched, messages, packs } from './setting.ts';
import { startWatching } from '../../support/watching.ts';

const skip = notBuilt();

test(
  'new mail is in the repository before the snapshot that names it, and a killed run loses nothing',
  { skip: skip || missing('zstd', 'tar') },
  async () => {
    const host = await makeWatched('interval: 1h');
    const running = startWatching(host.args);
    await running.told('snapshot');
    const before = packs(host.repository);
    deliver(folderOf(host, 'alice'), 'before the storm');
    await running.told('stored');
    await running.stop('SIGKILL');

    // The server is lost: the bytes are there, for those who can read a tar archive.
    const fresh = packs(host.repository).filter((name) => !before.includes(name));
    assert.equal(fresh.length, 1);
    const content = execFileSync('sh', ['-c', 'zstd -dc "$1" | tar -xO', 'sh', fresh[0] ?? '']).toString();
    assert.match(content, /^Subject: before the storm$/m);

    // It is not lost: the next backup names it, and stores it no second time.
    const { counts, findings } = await mailrecoverJson([...host.args, 'backup']);
    assert.deepEqual([counts['newMessages'], findings], [1, []]);
    assert.deepEqual(
      packs(host.repository).filter((name) => !before.includes(name)),
      fresh,
    );
    assert.equal((await mailrecoverJson([...host.args, 'check', '--read-data'])).outcome, 'ok');
    const { runs } = (await mailrecoverJson([...host.args, 'history'])) as unknown as { runs: { command: string; state: string }[] };
    assert.deepEqual(
      runs.filter(({ command }) => command === 'watch').map(({ state }) => state),
      ['incomplete'],
    );
  },
);

test(
  'one snapshot an interval, with folders and mailboxes that come, change and go; a clean stop takes the rest along',
  { skip },
  async () => {
    const host = await makeWatched('interval: 3s');
    const running = startWatching(host.args);
    await running.told('snapshot');
    for (let number = 0; number < 30; number++) deliver(folderOf(host, 'alice'), `many ${number}`);
    await running.told('stored');
    const alice = folderOf(host, 'alice');
    // A folder and a mailbox that are made while it watches, and what is delivered there at once.
    deliver(join(alice, '.Made.Later'), 'in a new folder');
    deliver(folderOf(host, 'carol'), 'for a new user');
    const [seen = ''] = readdirSync(join(alice, 'new'));
    renameSync(join(alice, 'new', seen), join(alice, 'cur', `${seen}:2,S`));
    const second = await running.told('snapshot', 2);
    const third = await running.told('snapshot', 3);
    assert.equal((third['counts'] as Record<string, number>)['mailboxes'], 3);
    rmSync(folderOf(host, 'bob'), { recursive: true });
    await running.told('snapshot', 4);
    deliver(join(alice, '.Made.Later'), 'right before the end');
    await running.told('stored', running.events().filter(({ event }) => event === 'stored').length + 1);
    const ended = await running.stop();
    assert.equal(ended.code, 0, ended.stderr);

    const snapshots = running.events().filter(({ event }) => event === 'snapshot');
    assert.ok(snapshots.length >= 4 && snapshots.length < 25, `${snapshots.length} snapshots for 34 messages`);
    assert.ok(second['snapshot'] !== third['snapshot']);
    const subjects = await messages(host);
    for (const subject of ['many 0', 'many 29', 'in a new folder', 'for a new user', 'right before the end'])
      assert.ok(subjects.includes(subject), `${subject} in ${subjects.join()}`);
    const diff = await mailrecoverJson([...host.args, 'backup']);
    assert.deepEqual(
      [diff.counts['newMessages'], diff.counts['removedMessages'], diff.counts['flagChanges']],
      [0, 0, 0],
      'nothing was left to do',
    );
    assert.equal((await mailrecoverJson([...host.args, 'verify', '--level', 'mail'])).outcome, 'ok');
  },
);

test('where watches run out, mail is scanned, and the limit to raise is named', { skip: skip || missing('root', 'unshare') }, async (t) => {
  const host = await makeWatched('interval: 1h\n  scanEvery: 1s');
  // A user namespace has a limit of its own (user_namespaces(7)), so nothing else on this host runs out.
  const wrapper = join(host.root, 'few-watches');
  const limit = 'echo 4 > /proc/sys/user/max_inotify_watches';
  writeFileSync(wrapper, `#!/bin/sh\nexec unshare --user --map-root-user sh -c '${limit} && exec "$@"' sh "$@"\n`, { mode: 0o755 });
  try {
    execFileSync(wrapper, ['true'], { stdio: 'ignore' });
  } catch {
    t.skip('limits of user namespaces can not be set here');
    return;
  }
  const running = startWatching(host.args, { through: wrapper });
  const finding = await running.told('finding');
  assert.match(String(finding['message']), /no more watches \(ENOSPC\)/);
  assert.match(String(finding['hint']), /fs\.inotify\.max_user_watches/);
  await running.told('snapshot');
  deliver(folderOf(host, 'alice'), 'found by looking');
  await running.told('stored');
  const ended = await running.stop();
  assert.equal(ended.code, 0, ended.stderr);
  assert.ok((await messages(host)).includes('found by looking'));
});

test('scanning finds what watching finds: messages, folders, mailboxes', { skip }, async () => {
  const host = await makeWatched('interval: 1h\n  scanEvery: 1s');
  const running = startWatching(host.args, { more: ['--scan'] });
  await running.told('snapshot');
  deliver(folderOf(host, 'bob'), 'one');
  await running.told('stored');
  deliver(join(folderOf(host, 'bob'), '.Late'), 'two');
  await running.told('stored', 2);
  assert.equal((await running.stop()).code, 0);
  const subjects = await messages(host);
  assert.ok(subjects.includes('one') && subjects.includes('two'), subjects.join());
});

test('a repository that is away for a while is waited for, one that was never there is not', { skip }, async () => {
  const host = await makeWatched('interval: 2s');
  const running = startWatching(host.args);
  await running.told('snapshot');
  renameSync(host.repository, `${host.repository}.away`);
  const finding = await running.told('finding');
  assert.equal(finding['code'], 'no-snapshot');
  renameSync(`${host.repository}.away`, host.repository);
  assert.equal((await running.stop()).code, 0);
  // Without a repository at the beginning, it says so and ends.
  rmSync(host.repository, { recursive: true });
  const refused = await startWatching(host.args).done;
  assert.equal(refused.code, 10, refused.stderr);
});

test('a new message waits no longer for those that keep coming', { skip }, async () => {
  const host = await makeWatched('interval: 1h\n  delay: 1s');
  const running = startWatching(host.args);
  await running.told('snapshot');
  let number = 0;
  const timer = setInterval(() => deliver(folderOf(host, 'alice'), `steady ${number++}`), 100);
  try {
    await running.told('stored', 3);
  } finally {
    clearInterval(timer);
  }
  assert.equal((await running.stop()).code, 0);
  const subjects = await messages(host);
  assert.equal(subjects.filter((subject) => subject.startsWith('steady')).length, number);
});
