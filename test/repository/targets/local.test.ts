import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { localTarget } from '../../../src/repository/targets/local.ts';
import { scratch } from '../../support/tmp.ts';
import { contract, isCode } from './contract.ts';

const root = scratch('local');

contract('a directory', { skip: false, open: (name) => Promise.resolve(localTarget(join(root, 'deep', name))) });

test('a directory that was there is not made anew when it goes', async () => {
  const root = join(scratch('gone'), 'repository');
  const target = localTarget(root);
  await target.put('marker', Buffer.from('x'));
  rmSync(root, { recursive: true });
  await assert.rejects(target.put('packs/one', Buffer.from('y')), isCode('io'));
  assert.ok(!existsSync(root));
});

test('a folder that somebody took away is made again', async () => {
  const root = join(scratch('taken'), 'repository');
  const target = localTarget(root);
  await target.put('packs/aa/one', Buffer.from('x'));
  rmSync(join(root, 'packs'), { recursive: true });
  await target.put('packs/aa/two', Buffer.from('y'));
  assert.equal((await target.get('packs/aa/two')).toString(), 'y');
});
