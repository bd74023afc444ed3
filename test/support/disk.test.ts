import assert from 'node:assert/strict';
import { existsSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, suite, test } from 'node:test';
import { noMount, smallDisk, tmpfs } from './disk.ts';
import { isRoot } from './host.ts';

suite('file systems of their own', { skip: noMount() }, () => {
  const gone: string[] = [];
  after(() => {
    for (const path of gone) assert.ok(!existsSync(dirname(path)));
    for (const path of gone) assert.ok(!readFileSync('/proc/mounts', 'utf8').includes(path));
  });

  test('a small disk fills up', () => {
    const path = smallDisk(4);
    gone.push(path);
    assert.ok(statfsSync(path).blocks * statfsSync(path).bsize < 5e6);
    const fill = (): void => {
      for (let index = 0; ; index++) writeFileSync(join(path, String(index)), Buffer.alloc(200_000));
    };
    assert.throws(fill, { code: 'ENOSPC' });
  });

  test('a small disk runs out of inodes', () => {
    const path = smallDisk(8, { inodes: 32 });
    gone.push(path);
    const fill = (): void => {
      for (let index = 0; index < 100; index++) writeFileSync(join(path, String(index)), '');
    };
    assert.throws(fill, { code: 'ENOSPC' });
  });

  test('a tmpfs is there and goes', { skip: !isRoot && 'needs root' }, () => {
    const path = tmpfs(1);
    gone.push(path);
    assert.throws(() => writeFileSync(join(path, 'f'), Buffer.alloc(2_000_000)), { code: 'ENOSPC' });
  });
});
