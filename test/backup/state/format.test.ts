import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { areasIn, areasOut } from '../../../src/backup/state/format.ts';
import type { LiveArea, LiveDir, LiveMessage, LiveStat } from '../../../src/store/live.ts';

/** As the program makes its objects. */
const PLAIN = { noNullPrototype: true } as const;

const time = fc.integer({ min: -1e15, max: 4e15 });
const stat: fc.Arbitrary<LiveStat> = fc.record(
  {
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    gid: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    size: fc.integer({ min: 0, max: 2 ** 45 }),
    mtime: time,
    ctime: time,
    birth: time,
    ino: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  },
  PLAIN,
);
const sha = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));
/** All that a name on disk may hold: no slash and no null. */
const name = fc
  .array(
    fc.integer({ min: 1, max: 255 }).filter((code) => code !== 47),
    { minLength: 1, maxLength: 12 },
  )
  .map((codes) => String.fromCharCode(...codes));
const place = fc.integer({ min: 0, max: 2 ** 24 });
const message: fc.Arbitrary<LiveMessage> = fc.record(
  {
    in: fc.constantFrom('cur' as const, 'new' as const),
    flags: fc.oneof(fc.constantFrom('', ':2,', ':2,S', ':2,FS'), name),
    stat,
    sha,
    place,
  },
  PLAIN,
);
const dir: fc.Arbitrary<LiveDir> = fc.record(
  {
    stat,
    settled: fc.boolean(),
    files: fc
      .dictionary(
        name,
        fc.record({ stat, parts: fc.array(fc.record({ sha, place }, PLAIN), { maxLength: 3 }), settled: fc.boolean() }, PLAIN),
      )
      .map(toMap),
    links: fc.dictionary(name, fc.record({ to: name, stat }, PLAIN)).map(toMap),
    messages: fc.uniqueArray(fc.tuple(name, message), { selector: ([base]) => base, maxLength: 20 }).map((entries) => new Map(entries)),
  },
  PLAIN,
);
const area: fc.Arbitrary<LiveArea> = fc
  .uniqueArray(fc.tuple(fc.oneof(fc.constant(''), name), dir), { selector: ([path]) => path, maxLength: 4 })
  .map((entries) => ({ dirs: new Map(entries) }));

function toMap<T>(object: Record<string, T>): Map<string, T> {
  return new Map(Object.entries(object));
}

/** Areas with plain objects in place of rows. */
function plain(areas: readonly LiveArea[]): LiveArea[] {
  return areas.map(({ dirs }) => ({
    dirs: new Map(
      Array.from(dirs, ([path, each]) => [
        path,
        {
          ...each,
          messages: new Map(
            Array.from(each.messages, ([base, m]): [string, LiveMessage] => [
              base,
              { in: m.in, flags: m.flags, stat: m.stat, sha: m.sha, place: m.place },
            ]),
          ),
        },
      ]),
    ),
  }));
}

test('what is kept of a mailbox comes back as it was, also where rows are kept again', () => {
  fc.assert(
    fc.property(fc.array(area, { maxLength: 3 }), (areas) => {
      const once = areasIn(areasOut(areas));
      assert.deepEqual(plain(once), plain(areas));
      assert.deepEqual(plain(areasIn(areasOut(once))), plain(areas));
    }),
  );
});

test('it is read wherever in memory it lies', () => {
  const areas = fc.sample(fc.array(area, { minLength: 1, maxLength: 2 }), { numRuns: 20, seed: 7 });
  for (const each of areas) {
    const bytes = areasOut(each);
    const shifted = Buffer.alloc(bytes.length + 3);
    bytes.copy(shifted, 3);
    assert.deepEqual(plain(areasIn(shifted.subarray(3))), plain(each));
  }
});

test('a message with other flags keeps what its row says', () => {
  const [areas = []] = fc.sample(fc.array(area, { minLength: 1, maxLength: 2 }), { numRuns: 1, seed: 11 });
  const changed = areasIn(areasOut(areas)).map(({ dirs }) => ({
    dirs: new Map(
      Array.from(dirs, ([path, each]): [string, LiveDir] => [
        path,
        {
          ...each,
          messages: new Map(
            Array.from(each.messages, ([base, m]) => [base, { in: m.in, flags: ':2,FRS', stat: m.stat, sha: m.sha, place: m.place }]),
          ),
        },
      ]),
    ),
  }));
  assert.deepEqual(plain(areasIn(areasOut(changed))), plain(changed));
});
