import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockHolder, takeLock } from '../../src/system/lock.ts';
import { scratch } from '../support/tmp.ts';

test('the second is told who holds the lock; one whose process is gone, and rubbish, are taken over', () => {
  const directory = scratch('lock');
  const path = join(directory, 'lock');
  const release = takeLock(path, 'mailrecover backup');
  assert.throws(() => takeLock(path, 'mailrecover prune'), {
    code: 'locked',
    message: new RegExp(`^'mailrecover backup' has been running since 20\\S+Z as process ${process.pid}$`),
  });
  assert.equal(lockHolder(path)?.what, 'mailrecover backup');
  release();
  assert.equal(lockHolder(path), undefined);
  for (const left of [`{"pid":${process.pid},"start":"1","since":"x","what":"y"}`, '', 'rubbish']) {
    writeFileSync(path, left);
    takeLock(path, 'mailrecover backup')();
  }
  assert.deepEqual(readdirSync(directory), []);
});

test('of many that take over the same dead lock at once, one holds it at a time', async () => {
  const directory = scratch('lock');
  const path = join(directory, 'lock');
  writeFileSync(path, '{"pid":1,"start":"-","since":"x","what":"y"}');
  // Each tells when it holds the lock by making a file that must not be there yet.
  const code = `
    const { takeLock } = await import(${JSON.stringify(new URL('../../src/system/lock.ts', import.meta.url).href)});
    const { writeFileSync, rmSync } = await import('node:fs');
    let held = 0;
    for (const end = Date.now() + 1500; Date.now() < end; ) {
      let release;
      try { release = takeLock(${JSON.stringify(path)}, 'x'); } catch { continue; }
      writeFileSync(${JSON.stringify(join(directory, 'inside'))}, '', { flag: 'wx' });
      held++;
      rmSync(${JSON.stringify(join(directory, 'inside'))});
      release();
    }
    process.exit(held > 0 ? 0 : 3);
  `;
  const ends = await Promise.all(
    Array.from({ length: 4 }, () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'ignore', 'pipe'] });
      let said = '';
      child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
      return new Promise<string>((resolve) => child.on('close', (exit) => resolve(exit === 0 || exit === 3 ? '' : said)));
    }),
  );
  assert.deepEqual(ends, ['', '', '', '']);
  assert.deepEqual(readdirSync(directory), []);
});

test('what this very process no longer holds is in nobody’s way; the lock of another host stays', () => {
  const directory = scratch('lock');
  const path = join(directory, 'lock');
  const release = takeLock(path, 'mailrecover watch');
  const file = readFileSync(path);
  release();
  // Put back, as by somebody who copies files about.
  writeFileSync(path, file);
  assert.equal(lockHolder(path), undefined);
  takeLock(path, 'mailrecover watch')();
  assert.deepEqual(readdirSync(directory), []);

  const far = { ...(JSON.parse(file.toString()) as object), boot: 'another', machine: 'mx2' };
  writeFileSync(path, JSON.stringify(far));
  assert.throws(() => takeLock(path, 'x'), { code: 'locked', message: / on mx2$/ });
  // This host, before it was started anew.
  writeFileSync(path, JSON.stringify({ ...far, machine: hostname() }));
  takeLock(path, 'x')();
  assert.deepEqual(readdirSync(directory), []);
});
