import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

test('the reference pages and manuals are in step with the specifications', () => {
  const generator = fileURLToPath(new URL('../../tools/generate.ts', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [generator, '--check'], { encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, '']);
});
