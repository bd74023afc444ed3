/** The reader against what was made by hand from the same specification; the program's own repositories are tested with it elsewhere. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { decryptAge, parseIdentities } from './age.ts';
import { decodeName, encodeName, parseMtime, sha256 } from './encoding.ts';
import { bareDir, dir, file, makeRepository, message, putCatalog, putPack, putSnapshot, section, snapshotPath } from './make.ts';
import {
  entryReader,
  readHosts,
  readObject,
  readRepository,
  readSecrets,
  readSnapshot,
  readSnapshots,
  readState,
  readTags,
  tagOf,
} from './reader.ts';
import { readPack } from './wrapping.ts';

const age = spawnSync('age', ['--version']).status === 0 ? false : 'age is not installed';

function scratch(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'mailrecover-format-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('names are bytes, percent-encoded', () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  assert.deepEqual(decodeName(encodeName(all)), all);
  assert.equal(encodeName('1.M2,S=3:2,S +a@b~/-_'), '1.M2,S=3:2,S%20+a@b~/-_');
  for (const bad of ['a b', '%', '%4', '%zz', '%4a', 'é']) assert.throws(() => decodeName(bad));
  assert.equal(parseMtime('-1.500000'), -1500000n);
});

for (const encrypted of [false, true]) {
  test(`reads a repository that is ${encrypted ? '' : 'not '}encrypted`, { skip: encrypted && age }, (t) => {
    const base = scratch(t);
    let recipients: string[] = [];
    let identities: Buffer[] = [];
    if (encrypted) {
      execFileSync('age-keygen', ['-o', join(base, 'id')], { stdio: 'pipe' });
      const text = readFileSync(join(base, 'id'), 'utf8');
      recipients = [/public key: (\S+)/.exec(text)?.[1] ?? ''];
      identities = parseIdentities(text);
    }
    const repo = join(base, 'repo');
    const maker = makeRepository(repo, recipients);
    const bodies = [
      Buffer.from('one'),
      Buffer.alloc(9 << 20, 'large '),
      Buffer.alloc(0),
      ...Array.from({ length: 40 }, (_, i) => Buffer.alloc(150_000, `${i} `)),
    ];
    const packs = [putPack(maker, bodies), putPack(maker, [Buffer.from('two')])];
    const names = packs.map(({ pack }) => pack);
    const first = putSnapshot(
      maker,
      [
        putCatalog(
          maker,
          'base',
          names,
          [
            section('a@x', 'x/a'),
            dir(''),
            ...bodies.map((body, i) => message(`${i}.M:2,`, 'cur', body, 0, `${i}.000001`, i === 0)),
            dir('cur'),
            section('b@x', 'x/b'),
            dir(''),
            file(
              'f',
              [
                { bytes: Buffer.from('one'), pack: 0 },
                { bytes: Buffer.from('two'), pack: 1 },
              ],
              '5.000000',
            ),
          ],
          100,
        ),
      ],
      packs,
    );
    const delta = [
      section('a@x', 'x/a'),
      bareDir(''),
      '{"msg":"0.M","in":"new","flags":""}',
      '{"msg":"1.M","gone":true}',
      message('z', 'new', Buffer.from('two'), 1, '9.000000'),
      bareDir('cur', true),
      '{"mailbox":"b@x","store":"mail","area":"mail","root":"x/b","gone":true}',
    ];
    const base0 = readSnapshot(repo, first).catalogs[0]?.name ?? '';
    const second = putSnapshot(maker, [base0, putCatalog(maker, 'delta', names, delta)], packs);

    assert.equal(readRepository(repo).encrypted, encrypted);
    assert.deepEqual(
      readSnapshots(repo).map(({ id, verified }) => [id, verified]),
      [
        [first, true],
        [second, true],
      ],
    );
    assert.equal(readSnapshot(repo, second).parent, first);
    assert.deepEqual([...readHosts(repo).values()], [{ host: 'mx1', key: maker.key }]);

    const before = readSnapshot(repo, first);
    const state = readState(repo, before, identities);
    const read = entryReader(repo, before, identities);
    const [a, b] = [...state.values()];
    assert.equal(a?.dirs.get('')?.items.size, bodies.length);
    assert.deepEqual(
      [...(a?.dirs.get('')?.items.values() ?? [])].map((item) => Buffer.concat((item.parts ?? []).map(read))),
      bodies,
    );
    assert.equal(Buffer.concat((b?.dirs.get('')?.items.get('file f')?.parts ?? []).map(read)).toString(), 'onetwo');

    const later = readState(repo, readSnapshot(repo, second), identities);
    assert.equal(later.size, 1);
    const items = [...later.values()][0]?.dirs.get('')?.items;
    assert.deepEqual(
      { ...items?.get('msg 0.M'), parts: [] },
      { kind: 'msg', name: '0.M', in: 'new', flags: '', mode: '600', user: 'root', group: 'root', mtime: '0.000001', size: 3, parts: [] },
    );
    assert.equal(items?.has('msg 1.M'), false);
    assert.equal(items?.has('msg z'), true);

    const [fingerprint, secret] = [...readSecrets(repo, identities)][0] ?? [];
    assert.ok(secret);
    for (const { pack, tags } of packs) {
      const said = readTags(repo, tags);
      assert.deepEqual([said.pack, said.secret, said.verified], [pack, fingerprint, true]);
      assert.deepEqual(
        said.tags,
        [...readPack(readObject(repo, 'packs', pack, identities)).keys()].map((sha): string => tagOf(secret, sha)).sort(),
      );
    }
  });
}

test('anything changed in an age file is found', { skip: age }, (t) => {
  const base = scratch(t);
  execFileSync('age-keygen', ['-o', join(base, 'id')], { stdio: 'pipe' });
  const text = readFileSync(join(base, 'id'), 'utf8');
  const identities = parseIdentities(text);
  for (const size of [0, 1, 65535, 65536, 65537, 200000]) {
    const bytes = Buffer.alloc(size, 'x');
    const sealed = execFileSync('age', ['-r', /public key: (\S+)/.exec(text)?.[1] ?? ''], { input: bytes });
    assert.deepEqual(decryptAge(sealed, identities), bytes);
    for (const at of [25, 60, 140, sealed.indexOf('\n--- ') + 6, sealed.length - 20, sealed.length - 1]) {
      const broken = Buffer.from(sealed);
      broken.writeUInt8(broken.readUInt8(at) ^ 1, at);
      assert.throws(() => decryptAge(broken, identities));
    }
    assert.throws(() => decryptAge(sealed.subarray(0, -1), identities));
  }
});

test('damaged and forged objects are found', (t) => {
  const repo = scratch(t);
  const maker = makeRepository(repo);
  const pack = putPack(maker, [Buffer.from('one'), { name: 'f'.repeat(64), content: Buffer.from('other') }]);
  assert.throws(() => readPack(readObject(repo, 'packs', pack.pack)), /other bytes/);
  const id = putSnapshot(maker, [], [pack]);
  const path = join(repo, snapshotPath(id, 1, maker.key));
  const text = readFileSync(path, 'latin1').replace('"host":"mx1"', '"host":"mx2"');
  writeFileSync(path, text);
  assert.throws(() => readSnapshot(repo, id), /damaged/);
  writeFileSync(join(repo, snapshotPath(sha256(text), 1, maker.key)), text);
  assert.equal(readSnapshot(repo, sha256(text)).verified, false);
  writeFileSync(join(repo, snapshotPath(sha256(text), 2, maker.key)), text);
  rmSync(join(repo, snapshotPath(sha256(text), 1, maker.key)));
  assert.throws(() => readSnapshot(repo, sha256(text)), /another host or number/);
});
