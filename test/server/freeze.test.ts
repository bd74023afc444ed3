/** Snapshots of file systems around a backup. */
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { freezeSteps } from '../../src/backup/freeze/presets.ts';
import { initArguments, makeSetting, type Setting } from '../commands/setting.ts';
import { notBuilt, startMailrecover } from '../support/binary.ts';
import { missing, run } from '../support/host.ts';
import { keepTrack, undo } from '../support/leave.ts';
import { until } from '../support/ports.ts';
import { scratch } from '../support/tmp.ts';

interface Frozen extends Setting {
  /** What was taken and released, in order. */
  calls: () => string[];
  mount: string;
}

/** A host whose snapshots are copies behind a bind mount; `body` runs in place of taking or releasing where it is given. */
async function frozenSetting(body: { take?: string; release?: string } = {}): Promise<Frozen> {
  const setting = makeSetting(6);
  const done = await setting.run(...initArguments(setting));
  assert.equal(done.code, 0, done.err);
  const mount = join(setting.root, 'frozen');
  const log = join(setting.root, 'calls');
  const script = join(setting.root, 'snapshot.sh');
  writeFileSync(
    script,
    `#!/bin/sh -e
echo "$1 $MAILRECOVER_NAME" >> ${log}
case $1 in
  take)
    ${body.take ?? ':'}
    cp -a "$2" ${setting.root}/copy; mount --bind ${setting.root}/copy "$3" ;;
  release)
    ${body.release ?? ':'}
    umount "$2"; rm -rf ${setting.root}/copy ;;
esac
`,
  );
  chmodSync(script, 0o755);
  appendFileSync(
    setting.config,
    `\nfreeze:\n  - { name: mail, preset: command, source: ${setting.root}/mail, mount: ${mount}, take: [${script}, take, '{source}', '{mount}'], release: [${script}, release, '{mount}'] }\n`,
  );
  const leftover = keepTrack({
    path: mount,
    undo: () => unmount(mount),
    undoNow: () => unmount(mount),
  });
  after(() => undo(leftover));
  return { ...setting, mount, calls: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []) };
}

function unmount(path: string): void {
  try {
    run('umount', ['-l', path]);
  } catch {
    // It was released, as it should be.
  }
}

function isMounted(path: string): boolean {
  return readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${path} `);
}

describe('snapshots of file systems', { skip: missing('root', 'mount', 'umount') || notBuilt() }, () => {
  test('mail is read in the snapshot, comes back as from its own place, and the snapshot is released', async () => {
    const setting = await frozenSetting();
    const first = await setting.json('backup');
    assert.equal(first.code, 0, JSON.stringify(first.json.findings));
    assert.deepEqual(setting.calls(), ['take mail', 'release mail']);
    assert.ok(!isMounted(setting.mount));
    assert.equal(readFileSync(join(setting.state, 'freeze.json'), 'utf8'), '[]\n');
    const to = join(setting.root, 'back');
    assert.equal((await setting.run('restore', 'latest', '--to', to)).code, 0);
    assert.equal(run('diff', ['-r', join(setting.root, 'mail'), to]), '');

    // Without the snapshot the same mail is no other mail.
    const config = readFileSync(setting.config, 'utf8');
    writeFileSync(setting.config, config.slice(0, config.indexOf('\nfreeze:')));
    const plain = await setting.json('backup');
    assert.deepEqual([plain.json.counts['newMessages'], plain.json.counts['removedMessages']], [0, 0]);
    const dry = await setting.json('backup', '--dry-run');
    assert.equal(dry.code, 0);
  });

  test('it is released where it can not be taken, where the backup fails, and by TERM and INT', async () => {
    const refused = await frozenSetting({ take: 'echo "no space in the volume group" >&2; exit 5' });
    const { code, json } = await refused.json('backup');
    assert.equal(code, 1);
    assert.match(JSON.stringify(json), /no snapshot of '.*mail' could be taken: .*exit code 5: no space in the volume group/);
    assert.equal(readFileSync(join(refused.state, 'freeze.json'), 'utf8'), '[]\n');

    const failing = await frozenSetting();
    for (const name of readdirSync(failing.repository))
      if (name !== 'mailrecover.json') rmSync(join(failing.repository, name), { recursive: true });
    writeFileSync(join(failing.repository, 'packs'), 'a file where a directory should be');
    assert.notEqual((await failing.json('backup')).code, 0);
    assert.deepEqual(failing.calls(), ['take mail', 'release mail']);
    assert.ok(!isMounted(failing.mount));

    for (const [signal, expected] of [
      ['SIGTERM', 143],
      ['SIGINT', 130],
    ] as const) {
      const setting = await frozenSetting({ take: 'sleep 2' });
      const { child, done } = startMailrecover(['--config', setting.config, 'backup']);
      assert.ok(await until(() => setting.calls().length === 1, 60_000));
      child.kill(signal);
      assert.equal((await done).code, expected);
      assert.deepEqual(setting.calls(), ['take mail', 'release mail']);
      assert.ok(!isMounted(setting.mount), signal);
    }
  });

  test('what a killed run left is released by the next one', async () => {
    const setting = await frozenSetting();
    const started = startMailrecover(['--config', setting.config, 'backup']);
    assert.ok(await until(() => isMounted(setting.mount), 60_000));
    started.child.kill('SIGKILL');
    await started.done;
    // It may have come to its end before the signal: then there is nothing to see here.
    const left = isMounted(setting.mount);
    const next = await setting.json('backup');
    assert.equal(next.code, 0, JSON.stringify(next.json));
    assert.ok(!isMounted(setting.mount));
    assert.equal(setting.calls().filter((call) => call.startsWith('release')).length, 2, left ? 'one for each' : 'each its own');
  });

  test('one that can not be released is an error, and the next run refuses until it is gone', async () => {
    const setting = await frozenSetting({ release: '[ -e $(dirname "$2")/may-go ] || { echo busy >&2; exit 1; }' });
    const first = await setting.json('backup');
    assert.equal(first.code, 3);
    const finding = first.json.findings.find(({ code }) => code === 'snapshot-not-released');
    assert.match(finding?.message ?? '', /was not released: .*busy$/);
    assert.match(finding?.hint ?? '', /release it by hand: .*snapshot\.sh release /);
    assert.equal((await setting.json('backup')).code, 20);
    writeFileSync(join(setting.root, 'may-go'), '');
    assert.equal((await setting.json('backup')).code, 0);
    assert.ok(!isMounted(setting.mount));
  });

  test('btrfs', { skip: missing('btrfs', 'mkfs.btrfs') }, async () => {
    const root = scratch('btrfs');
    const image = join(root, 'image');
    const disk = join(root, 'disk');
    mkdirSync(disk);
    run('truncate', ['-s', '200M', image]);
    run('mkfs.btrfs', ['-q', image]);
    run('mount', ['-o', 'loop', image, disk]);
    const leftover = keepTrack({ path: disk, undo: () => unmount(disk), undoNow: () => unmount(disk) });
    after(() => undo(leftover));
    run('btrfs', ['subvolume', 'create', join(disk, 'vmail')]);
    const setting = makeSetting(6);
    run('cp', ['-a', `${setting.root}/mail/.`, join(disk, 'vmail')]);
    const moved = { ...setting, mail: join(disk, 'vmail/%d/%n/Maildir') };
    assert.equal((await setting.run(...initArguments(moved))).code, 0);
    appendFileSync(setting.config, `\nfreeze:\n  - { name: vmail, preset: btrfs, source: ${disk}/vmail }\n`);
    for (const news of [true, false]) {
      const { code, json } = await setting.json('backup');
      assert.equal(code, 0, JSON.stringify(json));
      assert.equal((json.counts['newMessages'] ?? 0) > 0, news);
      assert.deepEqual(readdirSync(join(disk, 'vmail')), readdirSync(join(setting.root, 'mail')));
    }
    const to = join(setting.root, 'back');
    assert.equal((await setting.run('restore', 'latest', '--to', to)).code, 0);
    assert.equal(run('diff', ['-r', join(setting.root, 'mail'), to]), '');
  });
});

test('LVM and ZFS: the commands, in the order in which they are run', () => {
  const lvm = freezeSteps({ name: 'vmail', preset: 'lvm', source: '/var/vmail', volume: 'vg0/vmail', size: '4G', timeout: 1 });
  assert.deepEqual(
    lvm.steps.map(({ take, release }) => [take.join(' '), release.join(' ')]),
    [
      ['lvcreate --snapshot --size 4G --name mailrecover-vmail vg0/vmail', 'lvremove --yes vg0/mailrecover-vmail'],
      ['mount -o ro /dev/vg0/mailrecover-vmail /run/mailrecover/vmail', 'umount /run/mailrecover/vmail'],
    ],
  );
  const zfs = freezeSteps({ name: 'vmail', preset: 'zfs', source: '/var/vmail', volume: 'tank/vmail', timeout: 1 });
  assert.equal(zfs.mount, '/var/vmail/.zfs/snapshot/mailrecover-vmail');
  assert.deepEqual(zfs.steps[0]?.release, ['zfs', 'destroy', 'tank/vmail@mailrecover-vmail']);
});
