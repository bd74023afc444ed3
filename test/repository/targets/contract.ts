/** What every kind of target promises (src/repository/target.ts), as one suite that each is put through. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { MailrecoverError } from '../../../src/errors/error.ts';
import type { Target } from '../../../src/repository/target.ts';

export interface Subject {
  /** Opens the target at an empty place of this name, or again at the same. It is closed by whoever gets it. */
  open: (name: string) => Promise<Target>;
  skip: string | false;
  /** How many objects are many, where each takes a while. */
  many?: number;
}

export async function pathsOf(target: Target, folder = '', options: { all?: boolean } = {}): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of target.list(folder, options)) paths.push(path);
  return paths.sort();
}

export function isCode(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof MailrecoverError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  };
}

const SIZES = [0, 1, 4095, 32_768, 32_769, 262_145, 5_500_000];

export function contract(kind: string, { open, skip, many = 250 }: Subject): void {
  const promise = (says: string, check: (target: Target, name: string) => Promise<void>): void => {
    test(`${kind}: ${says}`, { skip, timeout: 120_000 }, async () => {
      const name = `c${randomBytes(6).toString('hex')}`;
      const target = await open(name);
      try {
        await check(target, name);
      } finally {
        await target.close?.();
      }
    });
  };

  promise('an empty place holds nothing, and says so', async (target) => {
    assert.deepEqual(await pathsOf(target), []);
    assert.deepEqual(await pathsOf(target, 'packs'), []);
    assert.equal(await target.size('packs/x'), undefined);
    await assert.rejects(target.get('packs/ab/x'), isCode('not-found'));
    await assert.rejects(target.getRange('packs/ab/x', 0, 10), isCode('not-found'));
    await target.remove('packs/ab/x');
  });

  promise('what was put comes back, whole and in parts, also for whoever opens the place later', async (target, name) => {
    const stored = new Map(SIZES.map((size) => [`packs/${size % 7}/size-${size}.tar.zst`, randomBytes(size)]));
    await Promise.all([...stored].map(async ([path, data]) => assert.equal(await target.put(path, data), true)));
    const later = await open(name);
    try {
      for (const [path, data] of stored) {
        assert.ok((await later.get(path)).equals(data), path);
        assert.equal(await later.size(path), data.length);
        const { buffer } = await later.get(path);
        assert.ok(structuredClone(buffer, { transfer: [buffer as ArrayBuffer] }).byteLength >= data.length);
        const [start, end] = [Math.floor(data.length / 3), Math.floor(data.length / 3) + 40_000];
        assert.ok((await later.getRange(path, start, end)).equals(data.subarray(start, end)), `${path} from ${start}`);
        assert.equal((await later.getRange(path, data.length, data.length + 10)).length, 0);
        assert.equal((await later.getRange(path, 0, 0)).length, 0);
      }
    } finally {
      await later.close?.();
    }
  });

  promise('data in the middle of a larger buffer is stored as it is', async (target) => {
    const whole = randomBytes(100_000);
    await target.put('x', whole.subarray(17, 70_017));
    await target.put('y', new Uint8Array(whole.buffer, whole.byteOffset + 3, 5));
    assert.ok((await target.get('x')).equals(whole.subarray(17, 70_017)));
    assert.ok((await target.get('y')).equals(whole.subarray(3, 8)));
  });

  promise('an object is replaced, but not by an exclusive put', async (target) => {
    assert.equal(await target.put('a/one', Buffer.from('first')), true);
    assert.equal(await target.put('a/one', Buffer.from('the second')), true);
    assert.equal((await target.get('a/one')).toString(), 'the second');
    assert.equal(await target.put('a/one', Buffer.from('third'), { exclusive: true }), false);
    assert.equal((await target.get('a/one')).toString(), 'the second');
    assert.equal(await target.put('a/two', Buffer.from('new'), { exclusive: true }), true);
    assert.equal((await target.get('a/two')).toString(), 'new');
  });

  promise('of many exclusive puts at the same moment one wins, and its bytes are those that are there', async (target) => {
    const bodies = Array.from({ length: 8 }, (_, number) => Buffer.from(`writer ${number}`));
    const won = await Promise.all(bodies.map((body) => target.put('locks/one', body, { exclusive: true })));
    assert.equal(won.filter(Boolean).length, 1, won.join());
    assert.equal((await target.get('locks/one')).toString(), bodies[won.indexOf(true)]?.toString());
    assert.deepEqual(await pathsOf(target, '', { all: true }), ['locks/one']);
  });

  promise('lists tell paths and sizes below a folder, and of no other that begins the same', async (target) => {
    const paths = ['mailrecover.json', 'packs/ab/x.tar.zst', 'packs/ab/y.tar.zst.age', 'packs/cd/z', 'packs2/ab/x', 'snapshots/0_-.9/1'];
    await Promise.all(paths.map((path, number) => target.put(path, Buffer.alloc(number * 10))));
    assert.deepEqual(await pathsOf(target), paths);
    assert.deepEqual(await pathsOf(target, '', { all: true }), paths);
    assert.deepEqual(await pathsOf(target, 'packs'), paths.slice(1, 4));
    assert.deepEqual(await pathsOf(target, 'packs/ab'), paths.slice(1, 3));
    const sizes: Record<string, number> = {};
    for await (const { path, size } of target.list('')) sizes[path] = size;
    assert.deepEqual(sizes, Object.fromEntries(paths.map((path, number) => [path, number * 10])));
  });

  promise('what is removed is gone, and what lies beside it stays', async (target) => {
    await target.put('packs/ab/x', Buffer.from('x'));
    await target.put('packs/ab/y', Buffer.from('y'));
    await target.remove('packs/ab/x');
    await target.remove('packs/ab/x');
    assert.deepEqual(await pathsOf(target), ['packs/ab/y']);
    assert.equal(await target.size('packs/ab/x'), undefined);
    await assert.rejects(target.get('packs/ab/x'), isCode('not-found'));
  });

  promise('hundreds of objects come and go, many at once', async (target) => {
    const names = Array.from({ length: many }, (_, number) => `tags/${(number % 40).toString(16).padStart(2, '0')}/${number}`);
    await Promise.all(names.map((path) => target.put(path, Buffer.from(path))));
    assert.deepEqual(await pathsOf(target, 'tags'), names.toSorted());
    const read = await Promise.all(names.map((path) => target.get(path)));
    assert.ok(read.every((bytes, number) => bytes.toString() === names[number]));
    await Promise.all(names.slice(1).map((path) => target.remove(path)));
    assert.deepEqual(await pathsOf(target), names.slice(0, 1));
  });
}

/** Does something with a target, and gives up its connections whatever happened. */
export async function use<T>(target: Target, work: (target: Target) => Promise<T>): Promise<T> {
  try {
    return await work(target);
  } finally {
    await target.close?.();
  }
}

/** Makes each call there is, in an empty place. @param large more than 200,000 bytes */
export async function everyCall(target: Target, large: Buffer): Promise<void> {
  assert.equal(await target.put('packs/ab/large', large), true);
  assert.equal(await target.put('locks/x', Buffer.from('small'), { exclusive: true }), true);
  assert.ok((await target.get('packs/ab/large')).equals(large));
  assert.ok((await target.getRange('packs/ab/large', 1000, 200_000)).equals(large.subarray(1000, 200_000)));
  assert.deepEqual(await pathsOf(target), ['locks/x', 'packs/ab/large']);
  assert.equal(await target.size('locks/x'), 5);
  await target.remove('locks/x');
}
