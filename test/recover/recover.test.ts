/** recover.sh restores what the independent reader restores, whatever shell and awk there are. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { dir, makeRepository, message, putCatalog, putPack, putSnapshot, section } from '../format/make.ts';
import { expected, lacking, makeHistory, makeWorld, recover, restored, which } from './world.ts';

for (const encrypted of [false, true]) {
  test(`restores the latest and older snapshots of a repository that is ${encrypted ? '' : 'not '}encrypted`, { skip: lacking }, (t) => {
    const world = makeWorld(t, encrypted);
    const ids = makeHistory(world);
    for (const [i, id] of ids.entries()) {
      const run = recover(world, ['--to', `../${i}`, id.slice(0, 12)]);
      assert.equal(run.status, 0, run.stderr);
      assert.deepEqual(restored(world, String(i)), expected(world, id));
    }
    const run = recover(world, ['--to', '../latest', 'latest']);
    assert.equal(run.status, 0, run.stderr);
    assert.deepEqual(restored(world, 'latest'), restored(world, '2'));
    assert.match(run.stderr, new RegExp(world.maker.key));

    const list = recover(world, ['--list']);
    assert.equal(list.status, 0);
    assert.deepEqual(
      list.stdout.split('\n').map((line) => line.slice(0, 64)),
      [...ids, ''],
    );
  });
}

const shells: [string, Record<string, string>][] = [];
const busybox = which('busybox');
for (const shell of ['dash', 'bash', 'ksh']) if (which(shell)) shells.push([shell, { sh: which(shell) ?? '' }]);
for (const awk of ['mawk', 'gawk', 'original-awk']) if (which(awk)) shells.push([awk, { awk: which(awk) ?? '' }]);
// What awk means may be slow: then another one does the work.
const [gawk, mawk] = [which('gawk'), which('mawk')];
if (gawk !== undefined && mawk !== undefined) shells.push(['mawk beside gawk', { awk: gawk, mawk }]);
if (busybox)
  for (const applet of ['sh', 'awk', 'xargs', 'sha256sum', 'ls', 'sort', 'tr']) shells.push([`busybox ${applet}`, { [applet]: busybox }]);
for (const [name, replace] of shells) {
  test(`restores with ${name}`, { skip: lacking }, (t) => {
    const world = makeWorld(t, true, replace);
    const id = makeHistory(world)[2] ?? '';
    const run = recover(world, ['--to', '../out', id]);
    assert.equal(run.status, 0, run.stderr);
    assert.deepEqual(restored(world, 'out'), expected(world, id));
  });
}

test(
  'uses openssl where it is there, and finds forged signatures with it',
  { skip: lacking || (!which('openssl') && 'openssl is not installed') },
  (t) => {
    const world = makeWorld(t, false);
    symlinkSync(which('openssl') ?? '', join(world.path, 'openssl'));
    const id = makeHistory(world)[1] ?? '';
    const run = recover(world, ['--to', '../out', id]);
    assert.equal(run.status, 0, run.stderr);
    assert.match(run.stderr, /signature: good/);
    assert.deepEqual(restored(world, 'out'), expected(world, id));
    world.maker.key = makeRepository(join(world.base, 'other')).key;
    const forged = putSnapshot(world.maker, [], []);
    const bad = recover(world, ['--to', '../bad', forged]);
    assert.equal(bad.status, 4);
    assert.match(bad.stderr, /signature: wrong/);
  },
);

test('restores chosen mailboxes only', { skip: lacking }, (t) => {
  const world = makeWorld(t, true);
  const [first = ''] = makeHistory(world);
  const all = expected(world, first);
  for (const [pattern, part] of [
    ['alice@example.org', 'alice'],
    ['b?b@*', 'bob'],
  ] as const) {
    const run = recover(world, ['--to', `../${part}`, '--mailbox', pattern, first]);
    assert.equal(run.status, 0, run.stderr);
    assert.deepEqual(
      restored(world, part).slice(2),
      all.filter((line) => line.startsWith(`"./example.org/${part}`)),
    );
  }
  const none = recover(world, ['--to', '../none', '--mailbox', 'alice', first]);
  assert.equal(none.status, 2);
  assert.match(none.stderr, /no mailbox/);
});

test('says who asks for what can not be', { skip: lacking }, (t) => {
  const world = makeWorld(t, true);
  const [first = '', , third = ''] = makeHistory(world);
  const fails = (code: number, pattern: RegExp, ...args: string[]): void => {
    const run = recover(world, args);
    assert.equal(run.status, code, run.stderr);
    assert.match(run.stderr, pattern);
  };
  assert.match(recover(world, ['--help']).stdout, /usage: sh recover.sh/);
  fails(2, /which snapshot/, '--to', '../x');
  fails(2, /which directory/, 'latest');
  fails(2, /unknown option/, '--frobnicate');
  fails(2, /no snapshot/, '--to', '../x', 'ffffffffffff');
  fails(2, /not a snapshot id/, '--to', '../x', '../../etc');
  mkdirSync(join(world.base, 'full'));
  writeFileSync(join(world.base, 'full', 'mail'), '');
  fails(20, /not empty/, '--to', '../full', 'latest');
  fails(20, /not a directory/, '--to', '../full/mail', 'latest');
  world.options = [];
  fails(12, /is encrypted/, '--to', '../x', 'latest');
  // An environment that changes what the tools print or do.
  const strange = {
    TAR_OPTIONS: '--totals -v',
    POSIXLY_CORRECT: '1',
    QUOTING_STYLE: 'c',
    TIME_STYLE: 'full-iso',
    CDPATH: '/',
    LC_ALL: 'C.UTF-8',
    MAILRECOVER_IDENTITY: '../id',
  };
  assert.equal(recover(world, ['--to', '../strange', first], strange).status, 0);
  assert.deepEqual(restored(world, 'strange'), expected(world, first));
  const other = makeWorld(t, true);
  world.options = ['--identity', join(other.base, 'id')];
  fails(12, /no identity opens/, '--to', '../x', 'latest');
  world.options = ['--identity', join(other.base, 'id'), '--identity', join(world.base, 'id')];
  assert.equal(recover(world, ['--to', '../x', 'latest']).status, 0);
  assert.deepEqual(restored(world, 'x'), expected(world, third));

  const partial = putSnapshot(world.maker, [], [], { outcome: 'partial' });
  const latest = recover(world, ['--to', '../y', 'latest']);
  assert.match(latest.stderr, new RegExp(`${partial} is later, but partial`));
  assert.deepEqual(restored(world, 'y'), expected(world, third));
  putSnapshot({ ...world.maker, host: 'mx2', key: '0'.repeat(64) }, [], []);
  fails(2, /several hosts.*mx1.*mx2|several hosts.*mx2.*mx1/, '--to', '../z', 'latest');
  assert.equal(recover(world, ['--to', '../z', '--host', 'mx1', 'latest']).status, 0);
  putSnapshot(world.maker, [], [], { sequence: 3 });
  fails(2, /two snapshots/, '--to', '../w', '--host', 'mx1', 'latest');
  assert.equal(recover(world, ['--to', '../v', first]).status, 0);

  const head = join(world.repo, 'mailrecover.json');
  writeFileSync(head, readFileSync(head, 'utf8').replace('"format":1', '"format":2'));
  fails(10, /format 1/, '--to', '../u', 'latest');
  unlinkSync(head);
  assert.equal(recover(world, ['--to', '../t', first]).status, 4);
  world.repo = world.base;
  fails(10, /no repository/, '--to', '../s', 'latest');
});

test(
  'owners are set by name, and those that are not known are said',
  { skip: lacking || (process.getuid?.() !== 0 && 'not root') },
  (t) => {
    const world = makeWorld(t, false);
    const body = Buffer.from('x');
    const pack = putPack(world.maker, [body]);
    const own = (user: string, group: string): object => ({ user, group });
    const lines = [
      section('a@example.org', 'a'),
      dir('', '1.000000', own('nobody', 'nogroup')),
      message('1', 'cur', body, 0, '1.000000', true, own('nobody', 'nogroup')),
      message('2', 'cur', body, 0, '1.000000', true, own('no-such-user', 'no%20such%20group')),
      message('3', 'cur', body, 0, '1.000000', true, own('4711', '4712')),
      message('4', 'cur', body, 0, '1.000000', true, own('nobody', `a-group-with-a-name-that-no-ustar-header-would-hold`)),
    ];
    putSnapshot(world.maker, [putCatalog(world.maker, 'base', [pack.pack], lines)], [pack]);
    const run = recover(world, ['--to', '../out', 'latest']);
    assert.equal(run.status, 0, run.stderr);
    const ids = (file: string, name: string): string =>
      readFileSync(file, 'utf8')
        .split('\n')
        .find((line) => line.startsWith(`${name}:`))
        ?.split(':')[2] ?? '0';
    const nobody = ids('/etc/passwd', 'nobody');
    const owners = restored(world, 'out').map((line) => line.split(' ')[3]);
    assert.deepEqual(owners, [
      '0:0',
      `${nobody}:${ids('/etc/group', 'nogroup')}`,
      '0:0',
      `${nobody}:${ids('/etc/group', 'nogroup')}`,
      '0:0',
      '4711:4712',
      `${nobody}:0`,
    ]);
    assert.match(run.stderr, /no-such-user/);
    assert.match(run.stderr, /no such group/);
    assert.doesNotMatch(run.stderr, /4711|nobody/);
  },
);
