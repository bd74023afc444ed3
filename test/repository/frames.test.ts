import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PackNumbering } from '../../src/repository/catalog/decode.ts';
import { emptyDir, isFullMessage, type Section } from '../../src/repository/catalog/model.ts';
import { openCatalog } from '../../src/repository/catalog/reader.ts';
import { CatalogWriter } from '../../src/repository/catalog/writer.ts';
import { objectPath } from '../../src/repository/names.ts';
import { localTarget } from '../../src/repository/targets/local.ts';
import { scratch } from '../support/tmp.ts';
import { isCode } from './targets/contract.ts';

test('a frame may end behind any line: who owns what follows is said again', async () => {
  for (const odd of ['patch', 'gone'] as const) {
    const dir = emptyDir();
    // Nearly all lines are of the odd kind, so that frames end behind those.
    for (let index = 0; index < 40_000; index++) {
      const base = `1795214400.M${String(index).padStart(6, '0')}P1.mx1`;
      const full = {
        in: 'cur' as const,
        flags: ':2,S',
        mode: 0o600,
        user: 'vmail',
        group: 'vmail',
        mtime: 1e15,
        size: 1,
        sha: 'a'.repeat(64),
        pack: 0,
      };
      dir.messages.set(base, index % 20 === 0 ? full : odd === 'gone' ? null : { in: 'cur', flags: ':2,FS' });
    }
    const section: Section = { mailbox: 'a@example.org', store: 'mail', area: 'mail', root: 'a', dirs: new Map([['', dir]]) };
    const writer = new CatalogWriter({ kind: 'delta', recipients: undefined, packName: () => `${'b'.repeat(64)}.tar.zst` });
    writer.add(section);
    const built = writer.finish();
    const target = localTarget(scratch('frames'));
    await target.put(objectPath('catalog', built.name), built.bytes);
    const catalog = await openCatalog(target, built.name, undefined, new PackNumbering());
    let full = 0;
    let all = 0;
    for await (const { dirs } of catalog.sections())
      for (const message of dirs.get('')?.messages.values() ?? []) {
        all++;
        if (message !== null && isFullMessage(message)) {
          full++;
          assert.equal(message.user, 'vmail');
        }
      }
    assert.deepEqual([all, full], [40_000, 2000]);
  }
});

test('what a restore would not understand is not stored', () => {
  const dir = emptyDir();
  dir.messages.set('a/b', null);
  const writer = new CatalogWriter({ kind: 'delta', recipients: undefined, packName: String });
  writer.add({ mailbox: 'a@example.org', store: 'mail', area: 'mail', root: 'a', dirs: new Map([['', dir]]) });
  assert.throws(() => writer.finish(), isCode('bug'));
});
