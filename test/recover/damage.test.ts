/** Each object damaged in each way: named, the rest restored, and never a file with wrong bytes. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { snapshotPath } from '../format/make.ts';
import { readSnapshot } from '../format/reader.ts';
import { expected, lacking, makeHistory, makeWorld, objectPath, recover, restored } from './world.ts';
import type { World } from './world.ts';

const ways: Record<string, (path: string, other: string) => void> = {
  'a flipped bit': (path) => {
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 4, bytes.length >> 1);
    writeFileSync(path, bytes);
  },
  'a missing end': (path) => truncateSync(path, readFileSync(path).length - 20),
  'nothing in it': (path) => truncateSync(path, 0),
  'no file': (path) => rmSync(path),
  'another in its place': (path, other) => copyFileSync(other, path),
};

function history(
  t: TestContext,
  encrypted: boolean,
): { world: World; ids: string[]; name: (kind: 'packs' | 'catalogs', at: number) => string } {
  const world = makeWorld(t, encrypted);
  const ids = makeHistory(world);
  const snapshot = readSnapshot(world.repo, ids[0] ?? '');
  const later = readSnapshot(world.repo, ids[2] ?? '');
  const sized = [...snapshot.packs].sort((a, b) => a.size - b.size);
  return { world, ids, name: (kind, at) => (kind === 'packs' ? sized[at]?.name : later.catalogs[at]?.name) ?? '' };
}

/** Lines of a listing without those of directories. */
const files = (lines: string[]): string[] => lines.filter((line) => !/" d /.test(line));

for (const [way, harm] of Object.entries(ways)) {
  // Where a file is missing or short it is all one whether it would have been encrypted.
  for (const encrypted of /bit|another/.test(way) ? [false, true] : [true]) {
    test(`a pack with ${way}, ${encrypted ? '' : 'not '}encrypted`, { skip: lacking }, (t) => {
      const { world, ids, name } = history(t, encrypted);
      const all = expected(world, ids[0] ?? '');
      harm(objectPath(world, 'packs', name('packs', 0)), objectPath(world, 'packs', name('packs', 1)));
      const run = recover(world, ['--to', '../out', ids[0] ?? '']);
      assert.equal(run.status, 4, run.stderr);
      assert.match(run.stderr, new RegExp(`(damaged|missing): packs/${name('packs', 0).slice(0, 2)}/${name('packs', 0)}`));
      const there = restored(world, 'out');
      for (const line of files(there)) assert.ok(all.includes(line), line);
      // What needs only the other pack is all there, and what is not there is said to be lost.
      for (const part of ['.Sent/cur/6.M:2,S"', 'alice/Maildir/empty"', 'alice/Maildir/near"'])
        assert.ok(
          there.some((line) => line.includes(part)),
          part,
        );
      assert.equal(run.stderr.match(/^recover.sh: lost: /gm)?.length ?? 0, files(all).length - files(there).length);
    });
  }
}

test('what a damaged pack lost is found in another one', { skip: lacking }, (t) => {
  const { world, ids } = history(t, true);
  const last = readSnapshot(world.repo, ids[2] ?? '');
  const third = readSnapshot(world.repo, ids[1] ?? '').packs.find(({ name }) => !last.packs.some((pack) => pack.name === name))?.name ?? '';
  rmSync(objectPath(world, 'packs', third));
  const run = recover(world, ['--to', '../out', ids[2] ?? '']);
  assert.equal(run.status, 0, run.stderr);
  assert.equal(recover(world, ['--to', '../older', ids[1] ?? '']).status, 4);
});

for (const way of ['a flipped bit', 'no file']) {
  test(`a catalog with ${way}`, { skip: lacking }, (t) => {
    const { world, ids, name } = history(t, true);
    const [first = [], , third = []] = ids.map((id) => files(expected(world, id)));
    ways[way]?.(objectPath(world, 'catalogs', name('catalogs', 1)), '');
    const delta = recover(world, ['--to', '../delta', ids[2] ?? '']);
    assert.equal(delta.status, 4, delta.stderr);
    assert.ok(delta.stderr.includes(`damaged: catalogs/${name('catalogs', 1).slice(0, 2)}/${name('catalogs', 1)}`));
    // Without the second catalog things are as the first or the third has them.
    const there = files(restored(world, 'delta'));
    assert.ok(there.length > 8);
    for (const line of there.filter((text) => !/1\.M/.test(text))) assert.ok(first.includes(line) || third.includes(line), line);
    assert.equal(recover(world, ['--to', '../first', ids[0] ?? '']).status, 0);

    ways[way]?.(objectPath(world, 'catalogs', name('catalogs', 0)), '');
    const base = recover(world, ['--to', '../base', ids[2] ?? '']);
    assert.equal(base.status, 4, base.stderr);
    assert.ok(files(restored(world, 'base')).every((line) => third.includes(line)));
  });
}

test('latest passes over a damaged snapshot, and says so', { skip: lacking }, (t) => {
  const { world, ids } = history(t, false);
  const [, second = '', third = ''] = ids;
  const path = snapshotPath(third, 3, world.maker.key);
  ways['a flipped bit']?.(`${world.repo}/${path}`, '');
  const run = recover(world, ['--to', '../out', 'latest']);
  assert.equal(run.status, 4);
  assert.match(run.stderr, new RegExp(`snapshot ${third} is damaged`));
  assert.deepEqual(restored(world, 'out'), expected(world, second));
  assert.equal(recover(world, ['--to', '../out2', third]).status, 4);
  const list = recover(world, ['--list']);
  assert.equal(list.status, 4);
  assert.match(list.stderr, new RegExp(`damaged: ${path}`));
});

test('a snapshot under a number or a host that it does not state is said', { skip: lacking }, (t) => {
  const { world, ids } = history(t, false);
  const [first = ''] = ids;
  const path = snapshotPath(first, 1, world.maker.key);
  renameSync(`${world.repo}/${path}`, `${world.repo}/${snapshotPath(first, 12, world.maker.key)}`);
  const run = recover(world, ['--to', '../out', first]);
  assert.equal(run.status, 4);
  assert.match(run.stderr, /does not bear the number/);
  mkdirSync(`${world.repo}/snapshots/0123456789abcdef`);
  renameSync(
    `${world.repo}/${snapshotPath(first, 12, world.maker.key)}`,
    `${world.repo}/snapshots/0123456789abcdef/00000001-${first}.jsonl`,
  );
  const moved = recover(world, ['--to', '../moved', first]);
  assert.equal(moved.status, 4);
  assert.match(moved.stderr, /does not lie under the fingerprint/);
});
