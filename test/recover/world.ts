/** What the tests of recover.sh share: repositories made by hand, and runs of the script in a shell that has only the tools it names. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseIdentities } from '../format/age.ts';
import * as make from '../format/make.ts';
import type { Maker } from '../format/make.ts';
import { entryReader, readSnapshot, readState } from '../format/reader.ts';
import { listTree, restoreState } from '../format/restore.ts';

export const SCRIPT = fileURLToPath(new URL('../../src/repository/recover/recover.sh', import.meta.url));

/** The tools that RECOVER.md names, beside the shell. `df`, `getconf`, `getent` and `openssl` are used where they are there, and are not here. */
const TOOLS = ['age', 'awk', 'cat', 'id', 'ls', 'mkdir', 'mv', 'rm', 'sed', 'sha256sum', 'sh', 'sort', 'tar', 'tr', 'xargs', 'zstd'];

/** Where a program is, by PATH. */
export function which(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(':')
    .map((dir) => join(dir, name))
    .find((path) => existsSync(path));
}

/** Why these tests can not run here, or false. */
export const lacking = ((): string | false => {
  const absent = TOOLS.filter((tool) => !which(tool));
  return absent.length > 0 && `not installed: ${absent.join(' ')}`;
})();

/** A directory for one test, with a PATH of its own, and an identity where it is to be encrypted. */
export type World = { base: string; repo: string; path: string; maker: Maker; identities: Buffer[]; options: string[] };

/** Begins a repository in a directory that goes away after the test. */
export function makeWorld(t: TestContext, encrypted: boolean, replace: Record<string, string> = {}): World {
  const base = mkdtempSync(join(tmpdir(), 'mailrecover-recover-'));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const path = join(base, 'bin');
  mkdirSync(path);
  for (const tool of new Set([...TOOLS, ...Object.keys(replace)])) symlinkSync(replace[tool] ?? which(tool) ?? '', join(path, tool));
  const repo = join(base, 'repo');
  if (!encrypted) return { base, repo, path, maker: make.makeRepository(repo), identities: [], options: [] };
  execFileSync('age-keygen', ['-o', join(base, 'id')], { stdio: 'pipe' });
  const text = readFileSync(join(base, 'id'), 'utf8');
  const maker = make.makeRepository(repo, [/public key: (\S+)/.exec(text)?.[1] ?? '']);
  return { base, repo, path, maker, identities: parseIdentities(text), options: ['--identity', '../id'] };
}

/** Runs recover.sh in the repository. */
export function recover(
  world: World,
  args: string[],
  env: Record<string, string> = {},
): { status: number | null; stdout: string; stderr: string } {
  const run = spawnSync(join(world.path, 'sh'), [SCRIPT, ...world.options, ...args], {
    cwd: world.repo,
    env: { ...env, PATH: world.path },
    encoding: 'latin1',
  });
  return { status: run.status, stdout: run.stdout, stderr: run.stderr };
}

/** What the reader restores of a snapshot, as `listTree` says it. */
export function expected(world: World, id: string, untimed: string[] = UNTIMED): string[] {
  const to = mkdtempSync(join(world.base, 'expected-'));
  const snapshot = readSnapshot(world.repo, id);
  restoreState(readState(world.repo, snapshot, world.identities), join(to, 'x'), entryReader(world.repo, snapshot, world.identities));
  return listTree(join(to, 'x'), untimed);
}

/** What lies in a directory, in the same words. */
export function restored(world: World, name: string, untimed: string[] = UNTIMED): string[] {
  return listTree(join(world.base, name), untimed);
}

/** Directories above the mailboxes, whose times no catalog says. */
export const UNTIMED = ['.', './example.org', './example.org/alice', './example.org/bob', './example.org/carol'];

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const large = Buffer.alloc(9 << 20, 'a large message, in frames of its own ');
const odd = Buffer.from(Array.from({ length: 254 }, (_, i) => i + 1).filter((byte) => byte !== 47));
const odder = (text: string): Buffer => Buffer.concat([Buffer.from(text), odd.subarray(0, 180)]);

/**
 * Three snapshots: a base; a delta with new, changed, moved and removed things; a delta with packs merged, a directory
 * and a mailbox gone. Gives their ids, the oldest first.
 */
export function makeHistory(world: World): string[] {
  const { maker } = world;
  const { section, dir, bareDir, file, link, message } = make;
  const a = bytes('From: a\r\n\r\na\r\n');
  const b = bytes('binary \0\0 and no line feed at the end');
  const c = Buffer.alloc(512, 'exactly one block');
  const parts = [bytes('3 V1 N2\n'), bytes('1 :1.M\n'), bytes('2 :2.M\n')];
  const one = make.putPack(maker, [a, b, c, parts[0] ?? a]);
  const two = make.putPack(maker, [large, Buffer.alloc(0), ...parts.slice(1)]);
  const extra = { user: 'nobody', group: 'no-such-group' };
  const deep = 'd'.repeat(200);
  const base = make.putCatalog(
    maker,
    'base',
    [one.pack, two.pack],
    [
      section('alice@example.org', 'example.org/alice/Maildir'),
      dir('', '1795214400.123456'),
      file(
        'dovecot-uidlist',
        parts.map((part, i) => ({ bytes: part, pack: i === 0 ? 0 : 1 })),
        '1795214400.000001',
      ),
      file('empty', [], '1795214400.999999', { mode: '640' }),
      file(bytes('-rf *; $(x) `y` "z" \\ \xff'), [{ bytes: a, pack: 0 }], '0.000000', { mode: '4755' }),
      link('away', '../../../..', '1795214400.000002'),
      link('gone', '/nowhere/at all\n', '1795214400.000003'),
      link('near', 'dovecot-uidlist', '-1795214400.500000'),
      message('1.M:2,S', 'cur', a, 0, '1795214400.000001'),
      message('2.M', 'new', b, 0, '1795214401.999999', false),
      message('3.M:2,', 'cur', c, 0, '-1.500000', false),
      message('4.M:2,', 'cur', c, 0, '-5.000000', false, { mode: '400', ...extra }),
      message('5.M:2,', 'cur', a, 0, '99999999999.000000', false),
      dir('.Sent', '1795214402.000000'),
      message('1.M:2,RS', 'cur', a, 0, '1795214499.000001'),
      message('6.M:2,S', 'cur', large, 1, '1795214400.000001', false),
      dir('.Sent/cur', '1795214403.000001', { mode: '500' }),
      dir('.Sent/new'),
      dir('cur', '1795214404.000000', { mode: '555' }),
      dir(bytes(`${deep}\n`)),
      dir(bytes(`${deep}\n/${deep}`)),
      file(deep, [{ bytes: b, pack: 0 }], '1795214400.000001'),
      dir('new'),
      section('bob@example.org', 'example.org/bob/Maildir'),
      dir(''),
      message(odder('a'), 'cur', a, 0, '1.000000'),
      message(odder('b'), 'new', Buffer.alloc(0), 1, '2.000000', false),
      dir('.&-'),
      message('7.M', 'cur', a, 0, '3.000000'),
      dir('.&-/cur'),
      dir('cur'),
      dir('new'),
      section('bob@example.org', 'example.org/bob', { area: 'home' }),
      dir('', '7.000000'),
      file('.dovecot.sieve', [{ bytes: a, pack: 0 }], '8.000000'),
      section('carol@example.org', 'example.org/carol/Maildir'),
      dir(''),
      message('8.M', 'new', a, 0, '4.000000'),
      dir('new'),
    ],
    2000,
  );
  const first = make.putSnapshot(maker, [base], [one, two]);

  const d = bytes('new mail');
  const three = make.putPack(maker, [d]);
  const delta = make.putCatalog(
    maker,
    'delta',
    [three.pack, two.pack],
    [
      section('alice@example.org', 'example.org/alice/Maildir'),
      bareDir(''),
      file(
        'dovecot-uidlist',
        [
          { bytes: d, pack: 0 },
          { bytes: parts[1] ?? d, pack: 1 },
        ],
        '1795300000.000001',
      ),
      '{"file":"empty","gone":true}',
      '{"link":"gone","gone":true}',
      '{"msg":"1.M","in":"cur","flags":":2,FS"}',
      '{"msg":"2.M","in":"cur","flags":":2,"}',
      '{"msg":"3.M","gone":true}',
      message('9.M', 'new', d, 0, '1795300000.000002'),
      bareDir('.Sent'),
      '{"msg":"1.M","in":"cur","flags":":2,S","mode":"640","mtime":"1795214500.000000"}',
      dir('cur', '1795300001.000000'),
      section('bob@example.org', 'example.org/bob/Maildir'),
      bareDir('.&-', true),
      bareDir('.&-/cur', true),
      dir('.New'),
      message('7.M', 'new', d, 0, '3.000000'),
      dir('.New/new'),
    ],
  );
  const second = make.putSnapshot(maker, [base, delta], [one, two, three]);

  const four = make.putPack(maker, [a, d]);
  const third = make.putCatalog(
    maker,
    'delta',
    [four.pack],
    [
      section('alice@example.org', 'example.org/alice/Maildir'),
      bareDir(''),
      '{"msg":"1.M","in":"cur","flags":":2,"}',
      '{"msg":"9.M","pack":0}',
      message('3.M', 'new', a, 0, '1795400000.000002'),
      section('bob@example.org', 'example.org/bob/Maildir'),
      dir('.&-', '9.000000'),
      message('10.M', 'new', d, 0, '3.000000'),
      dir('.&-/new'),
      section('carol@example.org', 'example.org/carol/Maildir', { gone: true }),
    ],
  );
  // The third pack is no longer named: what the second catalog says to lie there is looked for, and found in the fourth.
  return [first, second, make.putSnapshot(maker, [base, delta, third], [one, two, four])];
}

/** The path of an object in the repository, given its kind and name. */
export function objectPath(world: World, kind: string, name: string): string {
  return join(world.repo, kind, name.slice(0, 2), name);
}
