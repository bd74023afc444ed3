/** What a faulty processor or faulty memory makes of an object is not stored: each step is undone again and compared. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { test, type TestContext } from 'node:test';
import zlib from 'node:zlib';
import { generateIdentity, type Recipient } from '../../src/repository/age/keys.ts';
import { emptyDir } from '../../src/repository/catalog/model.ts';
import { CatalogWriter } from '../../src/repository/catalog/writer.ts';
import { PackBuilder } from '../../src/repository/pack/builder.ts';
import { isCode } from './targets/contract.ts';
import { Random } from '../support/random.ts';

function buildPack(recipients: readonly Recipient[] | undefined, readBack: boolean): Buffer {
  const builder = new PackBuilder({ recipients, readBack });
  const random = new Random('proof');
  for (let number = 0; number < 20; number++) {
    const content = random.bytes(20_000);
    content.copy(builder.reserve(content.length));
    builder.commit(crypto.hash('sha256', content, 'hex'), content.length, 1);
  }
  return builder.finish().bytes;
}

function buildCatalog(recipients: readonly Recipient[] | undefined): Buffer {
  const writer = new CatalogWriter({ kind: 'base', recipients, packName: String });
  const dir = emptyDir();
  for (let number = 0; number < 5000; number++) dir.messages.set(`${number}.M1P1.mx`, null);
  writer.add({ mailbox: 'a@example.org', store: 'mail', area: 'mail', root: 'a', dirs: new Map([['', dir]]) });
  return writer.finish().bytes;
}

const recipients = [generateIdentity().identity.recipient];

/** Turns a bit in what a step gives, from its `after`th time on. */
function turned(made: Buffer, times: { count: number }, after: number): Buffer {
  if (times.count++ >= after && made.length > 0) made[made.length - 1] = (made.at(-1) ?? 0) ^ 1;
  return made;
}

const FAULTS: Record<string, (t: TestContext, after: number) => void> = {
  encryption(t, after) {
    const { createCipheriv } = crypto;
    const times = { count: 0 };
    t.mock.method(crypto, 'createCipheriv', (...args: Parameters<typeof createCipheriv>) => {
      const cipher = createCipheriv(...args);
      const update = cipher.update.bind(cipher) as (data: Buffer) => Buffer;
      cipher.update = ((data: Buffer) => turned(update(data), times, after)) as typeof cipher.update;
      return cipher;
    });
  },
  decryption(t, after) {
    const { createDecipheriv } = crypto;
    const times = { count: 0 };
    t.mock.method(crypto, 'createDecipheriv', (...args: Parameters<typeof createDecipheriv>) => {
      const decipher = createDecipheriv(...args);
      const update = decipher.update.bind(decipher) as (data: Buffer) => Buffer;
      decipher.update = ((data: Buffer) => turned(update(data), times, after)) as typeof decipher.update;
      return decipher;
    });
  },
  compression(t, after) {
    const { zstdDecompressSync } = zlib;
    const times = { count: 0 };
    t.mock.method(zlib, 'zstdDecompressSync', (...args: Parameters<typeof zstdDecompressSync>) =>
      turned(zstdDecompressSync(...args), times, after),
    );
  },
};

for (const [name, install] of Object.entries(FAULTS)) {
  for (const after of [0, 1]) {
    test(`a fault in ${name}, from time ${after + 1} on`, (t) => {
      install(t, after);
      syncBuiltinESMExports();
      try {
        assert.throws(() => buildPack(recipients, true), isCode('failed'), 'pack');
        if (name === 'compression') assert.throws(() => buildPack(undefined, true), isCode('failed'), 'pack in clear');
        assert.throws(() => buildCatalog(recipients), isCode('failed'), 'catalog');
      } finally {
        t.mock.restoreAll();
        syncBuiltinESMExports();
      }
    });
  }
}

test('without a fault both are built', () => {
  assert.ok(buildPack(recipients, true).length > 400_000);
  assert.ok(buildPack(undefined, false).length > 400_000);
  assert.ok(buildCatalog(recipients).length > 0);
});
