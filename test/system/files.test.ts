import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDirectory, makePath } from '../../src/system/files.ts';

test('directories are made with their parents, and an impossible one is an error', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'mailrecover-files-'));
  t.after(() => rmSync(root, { recursive: true }));
  await makeDirectory(join(root, 'a/b/c'), 0o750);
  await makeDirectory(join(root, 'a/b/c'));
  assert.equal(statSync(join(root, 'a/b/c')).mode & 0o777, 0o750);
  writeFileSync(join(root, 'file'), '');
  await assert.rejects(makeDirectory(join(root, 'file/below')), { code: 'io' });
  await assert.rejects(makeDirectory('/proc/not-there/below'), { code: 'io' });
  makePath(join(root, 'd/e'));
  makePath(Buffer.from(join(root, 'd/e/f')));
  assert.ok(statSync(join(root, 'd/e/f')).isDirectory());
  assert.throws(() => makePath('/proc/not-there/below'), { code: 'ENOENT' });
});
