import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { notBuilt, ROOT } from '../support/binary.ts';

/** The program as it is installed, in a place of its own. */
function installed(): { root: string; run: (...args: string[]) => string; [Symbol.dispose]: () => void } {
  const root = mkdtempSync(join(tmpdir(), 'mailrecover-compiled-'));
  for (const name of ['bin', 'dist', 'package.json']) cpSync(join(ROOT, name), join(root, name), { recursive: true });
  // Nothing is kept where others may write.
  chmodSync(join(root, 'dist'), 0o755);
  rmSync(join(root, 'dist', '.cache'), { recursive: true, force: true });
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  return {
    root,
    run: (...args) => {
      const { status, stdout, stderr } = spawnSync(join(root, 'bin', 'mailrecover'), args, { encoding: 'utf8', timeout: 120_000 });
      assert.equal(status, 0, stderr);
      return stdout;
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

test('compiled code is kept, and never run where it is damaged or of another build', { skip: notBuilt() }, () => {
  using program = installed();
  const code = join(program.root, 'dist', '.cache', 'program-status.code');
  const help = program.run('status', '--help');
  const kept = readFileSync(code);
  assert.equal(statSync(code).mode & 0o777, 0o600);
  const { ino } = statSync(code);
  assert.equal(program.run('status', '--help'), help);
  assert.equal(statSync(code).ino, ino, 'good code is used, not written again');

  const damaged = Buffer.from(kept);
  damaged.writeUInt32LE((damaged.readUInt32LE(kept.length >> 1) ^ 0xff) >>> 0, kept.length >> 1);
  writeFileSync(code, damaged);
  assert.equal(program.run('status', '--help'), help);
  assert.notDeepEqual(readFileSync(code), damaged);

  truncateSync(code, 1000);
  assert.equal(program.run('status', '--help'), help);
  assert.ok(statSync(code).size > 1000);

  // Text of the same length, in another build.
  const script = join(program.root, 'dist', 'program.js');
  const text = readFileSync(script, 'latin1');
  const other = text.replace(/^\/\/ .{64}/, `// ${'0'.repeat(64)}`).replaceAll('print nothing unless', 'PRINT nothing unless');
  writeFileSync(script, other, 'latin1');
  const stale = statSync(code).ino;
  assert.match(program.run('status', '--help'), /PRINT nothing unless/);
  assert.notEqual(statSync(code).ino, stale);
});

test('every command is in the program', { skip: notBuilt() }, () => {
  using program = installed();
  const help = program.run('--help');
  for (const name of ['backup', 'restore', 'verify', 'config']) assert.match(help, new RegExp(`^ +${name}\\b`, 'm'));
});
