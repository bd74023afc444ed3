import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { generateIdentity } from '../../src/repository/age/keys.ts';
import { PackBuilder } from '../../src/repository/pack/builder.ts';
import { openPack, readEntries } from '../../src/repository/pack/reader.ts';
import { localTarget } from '../../src/repository/targets/local.ts';

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

function build(contents: Buffer[], recipients: ReturnType<typeof generateIdentity>['identity'][] | undefined) {
  const builder = new PackBuilder({ recipients: recipients?.map((identity) => identity.recipient), readBack: true });
  for (const content of contents) {
    if (PackBuilder.fitsFrame(content.length)) {
      content.copy(builder.reserve(content.length));
      builder.commit(sha256(content), content.length, 1_700_000_000);
    } else {
      let at = 0;
      builder.addLarge(sha256(content), content.length, 1_700_000_000, (room) => {
        at += content.copy(room, 0, at, at + room.length);
      });
    }
  }
  return builder.finish();
}

const contents = [
  Buffer.from('From: a@example.org\n\nhello\n'),
  Buffer.alloc(0),
  randomBytes(511),
  randomBytes(20_000_000),
  Buffer.alloc(512, 'x'),
];

for (const encrypted of [true, false]) {
  test(`entries of every size come back ${encrypted ? 'from an encrypted pack' : 'from a pack in clear'}`, async (t) => {
    const { identity, secret } = generateIdentity();
    const identities = encrypted ? [identity] : undefined;
    const pack = build(contents, identities);
    const opened = openPack(pack.bytes, identities, 'pack');
    const bySha = new Map(contents.map((content) => [sha256(content), content]));
    assert.deepEqual(opened.table.entries.map((entry) => entry.sha).sort(), [...bySha.keys()].sort());
    for (const entry of opened.table.entries) assert.ok(opened.content(entry).equals(bySha.get(entry.sha) as Buffer));
    assert.ok(pack.name.startsWith(sha256(pack.bytes)));

    const directory = mkdtempSync(join(tmpdir(), 'mailrecover-pack-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const target = localTarget(directory);
    await target.put('packs/aa/x', pack.bytes);
    const wanted = new Set([contents[2], contents[3]].map((content) => sha256(content as Buffer)));
    const read = await readEntries(target, 'packs/aa/x', identities, wanted);
    assert.deepEqual(new Set(read.keys()), wanted);

    await t.test('and stock tools read it', { skip: stockTools() }, () => {
      writeFileSync(join(directory, 'key'), secret);
      writeFileSync(join(directory, 'pack'), pack.bytes);
      const plain = encrypted
        ? execFileSync('age', ['-d', '-i', join(directory, 'key'), join(directory, 'pack')], { maxBuffer: 1e9 })
        : pack.bytes;
      const out = mkdtempSync(join(directory, 'out-'));
      execFileSync('tar', ['-x', '-C', out], { input: execFileSync('zstd', ['-dc'], { input: plain, maxBuffer: 1e9 }) });
      const names = readdirSync(out).filter((name) => name !== 'table.jsonl');
      assert.equal(names.length, contents.length);
      for (const name of names) assert.equal(sha256(readFileSync(join(out, name))), name);
    });
  });
}

test('a flipped bit costs the frames it is in and no others', () => {
  const { identity } = generateIdentity();
  const pack = build(contents, [identity]);
  const bytes = Buffer.from(pack.bytes);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  const opened = openPack(bytes, [identity], 'pack');
  const readable = opened.table.entries.filter((entry) => {
    try {
      opened.content(entry);
      return true;
    } catch {
      return false;
    }
  });
  assert.equal(readable.length, contents.length - 1);
});

test('another identity is told so', () => {
  const pack = build(contents, [generateIdentity().identity]);
  assert.throws(() => openPack(pack.bytes, [generateIdentity().identity], 'pack'), { code: 'key' });
});

function stockTools(): string | false {
  try {
    execFileSync('age', ['--version']);
    execFileSync('zstd', ['--version']);
    return false;
  } catch {
    return 'age and zstd are not installed';
  }
}
