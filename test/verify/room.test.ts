import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeRoom } from '../../src/verify/room.ts';
import { scratch } from '../support/tmp.ts';

test('a scratch copy goes away with directories that may not be written, and what its links point to stays', async () => {
  const root = scratch('room');
  const room = join(root, 'room');
  const outside = join(root, 'outside');
  mkdirSync(join(room, 'mail/cur'), { recursive: true });
  mkdirSync(outside);
  writeFileSync(join(outside, 'kept'), '');
  writeFileSync(join(room, 'mail/cur/1'), '');
  symlinkSync(outside, join(room, 'mail/link'));
  chmodSync(outside, 0o500);
  chmodSync(join(room, 'mail/cur'), 0o500);
  assert.equal(await removeRoom(room), undefined);
  assert.equal(existsSync(room), false);
  assert.equal(existsSync(join(outside, 'kept')), true);
  chmodSync(outside, 0o700);
});
