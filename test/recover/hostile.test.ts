/** Catalogs, packs and snapshots that no program of ours would write: refused, with nothing touched outside, and the rest restored. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { sha256 } from '../format/encoding.ts';
import { bareDir, dir, file, link, message, putCatalog, putPack, putSnapshot, section, tarEntry } from '../format/make.ts';
import type { RawEntry } from '../format/make.ts';
import { lacking, makeWorld, recover, restored } from './world.ts';
import type { World } from './world.ts';

const body = Buffer.from('a message\n');
const good = [section('good@example.org', 'good'), dir('', '1.000000'), message('1', 'cur', body, 0, '1.000000'), dir('cur', '1.000000')];
const kept = ['"./good" d', '"./good/cur" d', '"./good/cur/1" f'];

/** Restores a repository of these lines beside a good mailbox; gives what was said and what lies there beside the good mailbox. */
function attack(
  t: TestContext,
  lines: string[],
  entries: (Buffer | RawEntry)[] = [],
  status = 4,
): { world: World; stderr: string; there: string[] } {
  const world = makeWorld(t, false);
  mkdirSync(join(world.base, 'outside'));
  writeFileSync(join(world.base, 'outside', 'file'), 'untouched');
  const pack = putPack(world.maker, [body, ...entries]);
  putSnapshot(world.maker, [putCatalog(world.maker, 'base', [pack.pack], [...good, ...lines])], [pack]);
  const before = readdirSync(world.base).sort();
  const run = recover(world, ['--to', '../out/in', 'latest']);
  assert.equal(run.status, status, run.stderr);
  assert.deepEqual(readdirSync(world.base).sort(), [...before, 'out'].sort());
  assert.deepEqual(readdirSync(join(world.base, 'out')), ['in']);
  assert.deepEqual(readdirSync(join(world.base, 'outside')), ['file']);
  assert.equal(readFileSync(join(world.base, 'outside', 'file'), 'utf8'), 'untouched');
  const there = restored(world, 'out/in', []).map((line) => line.split(' ').slice(0, 2).join(' '));
  for (const line of kept) assert.ok(there.includes(line), run.stderr);
  return { world, stderr: run.stderr, there: there.filter((line) => !kept.includes(line) && line !== '"." d') };
}

const raw = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
const rootOf = (path: string): string => `{"mailbox":"x","store":"mail","area":"mail","root":"${raw(path)}"}`;
const fileOf = (name: string, more = ''): string =>
  `{"file":"${raw(name)}","mode":"600","user":"root","group":"root","mtime":"1.000000","size":${body.length},"parts":["${sha256(body)}:0"]${more}}`;

for (const path of [
  '../outside',
  '..',
  '/tmp/mailrecover-absolute',
  'a/../../outside',
  '%2E%2E/outside',
  '%2Ftmp%2Fx',
  'a//b',
  './a',
  'a/.',
  'a%00b',
  'a/',
  'a b',
  '.mailrecover-staging/x',
  '.mailrecover-staging',
]) {
  test(`a root or directory ${path} is refused`, { skip: lacking }, (t) => {
    const root = attack(t, [rootOf(path), dir('', '1.000000'), file('x', [{ bytes: body, pack: 0 }], '1.000000')]);
    assert.deepEqual(root.there, []);
    assert.match(root.stderr, /refused/);
    const nested = attack(t, [
      section('x', ''),
      `{"dir":"${path}","mode":"700","user":"root","group":"root","mtime":"1.000000"}`,
      fileOf('x'),
    ]);
    assert.deepEqual(nested.there, []);
    assert.ok(!existsSync('/tmp/mailrecover-absolute'));
  });
}

test('names that are no names of one thing are refused', { skip: lacking }, (t) => {
  const names = [
    '',
    '.',
    '..',
    'a/b',
    '../outside/file',
    '..%2Foutside',
    '%2Ftmp%2Fx',
    'a%00b',
    'a%2fb',
    '%',
    'é',
    '%2E%2E',
    '.mailrecover-staging',
  ];
  const msg = (name: string, where: string, flags: string): string =>
    `{"msg":"${name}","in":"${where}","flags":"${flags}","mode":"600","user":"root","group":"root","mtime":"1.000000","size":${body.length},"sha":"${sha256(body)}","pack":0}`;
  const { there, stderr } = attack(t, [
    section('x', 'x'),
    dir('', '1.000000'),
    ...names.map((name) => fileOf(name)),
    ...names.map((name) => link('ok', 'y', '1.000000').replace('"link":"ok"', `"link":"${name}"`)),
    ...names.map((name) => msg(name, 'cur', '')),
    msg('m', '..', ''),
    msg('m', '../../outside', ''),
    msg('m', '', ''),
    msg('m', 'tmp', ''),
    msg('m', 'cur', '/../../../outside/y'),
    msg('.', 'new', '.'),
    msg('', 'new', ''),
  ]);
  assert.deepEqual(
    there.filter((line) => !line.endsWith(' d')),
    [],
  );
  assert.equal(stderr.match(/refused/g)?.length, 3 * names.length + 7);
});

test('attributes that make no sense are refused', { skip: lacking }, (t) => {
  const change = (from: string, to: string): string => fileOf(sha256(to)).replace(from, to);
  const { there } = attack(t, [
    section('x', 'x'),
    dir('', '1.000000'),
    change('"mode":"600"', '"mode":"77777"'),
    change('"mode":"600"', '"mode":"$(x)"'),
    change('"user":"root"', '"user":"a%0Ab"'),
    change('"user":"root"', '"user":""'),
    change('"mtime":"1.000000"', '"mtime":"now"'),
    change('"mtime":"1.000000"', '"mtime":"1.0000005"'),
    change('"mtime":"1.000000"', '"mtime":"99999999999999999999.000000"'),
    change(`"size":${body.length}`, '"size":-1'),
    change(`"size":${body.length}`, '"size":1e3'),
    change(`"size":${body.length}`, '"size":99999999999999999999'),
    change(sha256(body), '../../../outside/file'),
    change(sha256(body), sha256(body).toUpperCase()),
  ]);
  assert.deepEqual(there, ['"./x" d']);
});

test('nothing is written through a link, nor over what is there', { skip: lacking }, (t) => {
  const away = '../../../outside';
  const { there, stderr } = attack(t, [
    section('x', 'x'),
    dir('', '1.000000'),
    link('cur', away, '1.000000'),
    link('.Sent', away, '1.000000'),
    link('file', `${away}/file`, '1.000000'),
    fileOf('file'),
    message('1', 'cur', body, 0, '1.000000'),
    message('1', 'cur', body, 0, '1.000000'),
    dir('.Sent', '1.000000', { mode: '777' }),
    fileOf('y'),
    dir('file/sub', '1.000000'),
    fileOf('z'),
  ]);
  assert.ok(there.includes('"./x/cur/1" f'));
  assert.ok(!there.some((line) => line.endsWith(' l')), there.join('\n'));
  assert.match(stderr, /refused, for it is there twice/);
});

test('a size that is not that of the bytes can not smuggle in a header', { skip: lacking }, (t) => {
  const inner = Buffer.concat([
    tarEntry({ name: '../../outside/evil', content: Buffer.from('evil') }),
    tarEntry({ name: 'evil', content: Buffer.from('evil') }),
  ]);
  const lines = [0, 1, 512, 1024, inner.length - 1, inner.length + 1, inner.length + 512].map((size) =>
    message(`s${size}`, 'new', inner, 0, '1.000000').replace(`"size":${inner.length}`, `"size":${size}`),
  );
  const { there, stderr } = attack(
    t,
    [section('x', 'x'), dir('', '1.000000'), ...lines, message('ok', 'new', inner, 0, '1.000000'), dir('new', '1.000000')],
    [inner],
  );
  assert.deepEqual(there, ['"./x" d', '"./x/new" d', '"./x/new/ok" f']);
  assert.match(stderr, /7 files could not be restored/);
});

test('rubbish in a catalog is said and passed over', { skip: lacking }, (t) => {
  const { there, stderr } = attack(t, [
    '',
    'x',
    '{',
    '\xff\x00\x01',
    '{"msg":"x"}',
    '{"unknown":1}',
    '{"dir":"x","gone":true}',
    `{"mailbox":"${'x'.repeat(5_000_000)}`,
    '"'.repeat(100_000),
    section('x', 'x'),
    '{"file":"f"}',
    '{"dir":""}',
    '{"file":"f"}',
    '{"msg":"x","in":"cur","flags":""}',
    '{"msg":"y","gone":true}',
    bareDir('q', true),
    'null',
  ]);
  assert.deepEqual(there, ['"./x" d']);
  assert.match(stderr, /makes no sense/);
});

test('only plain files named by a hash come out of a pack', { skip: lacking }, (t) => {
  const contents = Array.from({ length: 9 }, (_, i) => Buffer.from(`entry ${i}`));
  const empty = Buffer.alloc(0);
  const sha = (i: number): string => sha256(contents[i] ?? empty);
  const outside = sha256('untouched');
  const entries: RawEntry[] = [
    { name: '../../../../outside/file', content: contents[0] ?? empty },
    { name: '/tmp/mailrecover-absolute', content: contents[0] ?? empty },
    { name: `x/${sha(0)}`, content: contents[0] ?? empty },
    { name: `../${sha(0)}`, content: contents[0] ?? empty },
    { name: sha(1), type: '2', linkname: '../../../../outside/file', content: empty },
    { name: outside, type: '2', linkname: '../../../../outside/file', content: empty },
    { name: sha(2), type: '1', linkname: '/etc/passwd', content: empty },
    { name: sha(3), type: '6', content: empty },
    { name: sha(4), type: '5', content: empty },
    { name: `${sha(4)}/x`, content: contents[4] ?? empty },
    { name: sha(5), content: Buffer.from('other bytes') },
    { name: sha(6), type: '2', linkname: '../../../../outside', content: empty },
    { name: `${sha(6)}/evil`, content: contents[6] ?? empty },
    { name: '././@LongLink', type: 'L', content: Buffer.from('../../../../outside/long') },
    { name: 'short', content: contents[7] ?? empty },
    { name: sha(8), content: contents[8] ?? empty },
  ];
  const lines = contents.map((bytes, i) => message(`${i}`, 'cur', bytes, 0, '1.000000'));
  const linked = message('linked', 'cur', Buffer.from('untouched'), 0, '1.000000');
  const { there } = attack(t, [section('x', 'x'), dir('', '1.000000'), ...lines, linked, dir('cur', '1.000000')], entries);
  assert.deepEqual(there, ['"./x" d', '"./x/cur" d', '"./x/cur/8" f']);
  assert.ok(!existsSync('/tmp/mailrecover-absolute'));
});

test('names of objects that lead elsewhere are refused', { skip: lacking }, (t) => {
  const world = makeWorld(t, false);
  const pack = putPack(world.maker, [body]);
  const catalog = putCatalog(world.maker, 'base', [pack.pack], good);
  const evil = ['../../../etc/passwd', 'x', `${'a'.repeat(64)}.tar.zst;id`, 'a'.repeat(64), '-rf', `${'A'.repeat(64)}.tar.zst`];
  putSnapshot(world.maker, [catalog, ...evil], [pack, ...evil.map((name) => ({ pack: name, tags: name }))], {
    host: 'a b\u0007"',
    time: '$(id)',
  });
  const run = recover(world, ['--to', '../out', 'latest']);
  assert.equal(run.status, 4, run.stderr);
  assert.match(run.stderr, /no objects/);
  assert.equal(readFileSync(join(world.base, 'out/good/cur/1'), 'utf8'), body.toString());
  assert.equal(recover(world, ['--list']).status, 0);
});

test('names that hold every byte there is', { skip: lacking }, (t) => {
  const all = Buffer.from(Array.from({ length: 255 }, (_, i) => i + 1).filter((byte) => byte !== 47 && byte !== 58));
  const world = makeWorld(t, false);
  const pack = putPack(world.maker, [body]);
  const halves = [all.subarray(0, 200), all.subarray(100)];
  const lines = [section('x', 'x'), dir('', '1.000000'), ...halves.map((name) => file(name, [{ bytes: body, pack: 0 }], '1.000000'))];
  putSnapshot(world.maker, [putCatalog(world.maker, 'base', [pack.pack], lines)], [pack]);
  const run = recover(world, ['--to', '../out', 'latest']);
  if (run.status === 1 && /can not write NUL/.test(run.stderr)) return t.skip('the awk here can not write NUL');
  assert.equal(run.status, 0, run.stderr);
  assert.deepEqual(readdirSync(join(world.base, 'out/x'), 'latin1').sort(), halves.map((name) => name.toString('latin1')).sort());
});
