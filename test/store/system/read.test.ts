import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LiveArea, ReadOutcome } from '../../../src/store/live.ts';
import { liveStat, lstatIfThere } from '../../../src/store/stat.ts';
import { readFiles } from '../../../src/store/system/read.ts';
import { beforeVariables, isKept, pathsIn } from '../../../src/store/system/sources/paths.ts';
import { opendkimKeys, rspamdDatabases, rspamdKeys } from '../../../src/store/system/sources/places.ts';
import { withoutSecrets } from '../../../src/store/system/sources/postfix.ts';
import { walkHost } from '../../../src/store/system/tree.ts';
import type { Named } from '../../../src/store/system/types.ts';
import { scratch } from '../../support/tmp.ts';

const named = (path: string): Named => ({ path, role: 'extra', by: 'test' });

function emptyArea(path: string): LiveArea {
  const stats = lstatIfThere(path);
  assert.ok(stats);
  return { dirs: new Map([['', { stat: liveStat(stats), settled: false, files: new Map(), links: new Map(), messages: new Map() }]]) };
}

test('paths in settings, and those that nobody needs', () => {
  const found = (value: string): string[] => pathsIn(value);
  assert.deepEqual(found('hash:/etc/a, proxy:ldap:/etc/b.cf </etc/key "quoted:/etc/c" home=/var/d/ {lmdb:/etc/e}'), [
    '/etc/a',
    '/etc/b.cf',
    '/etc/key',
    '/etc/c',
    '/var/d',
    '/etc/e',
  ]);
  assert.deepEqual(found('https://example.org/x ldap://host/y a/b'), []);
  assert.deepEqual(['/usr/lib/x', '/usr/local/x', '/etc/ssl/certs', '/etc/ssl/certs.d/x', '/run/x', '/library'].map(isKept), [
    false,
    true,
    false,
    true,
    false,
    true,
  ]);
  assert.equal(beforeVariables('/etc/dovecot/users/%d/passwd'), '/etc/dovecot/users');
  assert.equal(beforeVariables('/var/%d'), undefined);
  assert.equal(beforeVariables('/etc/users'), undefined);
});

test('settings lose their secrets and keep their paths', () => {
  assert.equal(
    withoutSecrets(
      'doveadm_password = x y\nssl_key = </etc/key\nsmtp_sasl_password_maps = texthash:/etc/p\nplugin/secret=abc\nmail_home = /x\n',
    ),
    'doveadm_password = ***\nssl_key = </etc/key\nsmtp_sasl_password_maps = texthash:/etc/p\nplugin/secret= ***\nmail_home = /x\n',
  );
});

test('DKIM keys are found where OpenDKIM and Rspamd say that they are', () => {
  const root = scratch('dkim');
  mkdirSync(join(root, 'rspamd/local.d'), { recursive: true });
  mkdirSync(join(root, 'keys/r'), { recursive: true });
  for (const key of ['keys/one.private', 'keys/two.private']) writeFileSync(join(root, key), 'KEY');
  writeFileSync(join(root, 'keytable'), `s1._domainkey.example.org example.org:s1:${root}/keys/one.private\n# ${root}/keys/not\n`);
  writeFileSync(
    join(root, 'opendkim.conf'),
    `# KeyFile /nowhere\nKeyTable  refile:${root}/keytable\nKeyFile ${root}/keys/two.private\nSocket local:/run/x\n`,
  );
  assert.deepEqual(
    opendkimKeys(join(root, 'opendkim.conf')).map(({ path, secret }) => [path.slice(root.length), secret]),
    [
      ['/keytable', undefined],
      ['/keys/one.private', true],
      ['/keys/two.private', true],
    ],
  );
  writeFileSync(join(root, 'rspamd/local.d/dkim_signing.conf'), `path = "${root}/keys/r/$domain.$selector.key";\n`);
  assert.deepEqual(
    rspamdKeys(join(root, 'rspamd')).map(({ path }) => path),
    [`${root}/keys/r`],
  );
  writeFileSync(join(root, 'rspamd/local.d/redis.conf'), '# servers = "127.0.0.1";\n');
  assert.deepEqual(rspamdDatabases(join(root, 'rspamd')), []);
  writeFileSync(join(root, 'rspamd/local.d/redis.conf'), 'servers = "127.0.0.1";\n');
  assert.deepEqual(rspamdDatabases(join(root, 'rspamd')), [{ kind: 'redis', by: `${root}/rspamd/local.d/redis.conf` }]);
});

test('a walk keeps links, follows them, and ends where they lead in circles', () => {
  const root = scratch('walk');
  mkdirSync(join(root, 'real/sub'), { recursive: true });
  writeFileSync(join(root, 'real/sub/file'), 'x');
  symlinkSync('real', join(root, 'alias'));
  symlinkSync('..', join(root, 'real/up'));
  symlinkSync('loop', join(root, 'real/loop'));
  symlinkSync('/nowhere/at/all', join(root, 'real/broken'));
  symlinkSync('/usr/lib/os-release', join(root, 'real/package'));
  const tree = walkHost([named(join(root, 'alias'))], (path) => path.endsWith('/left-out'));
  assert.deepEqual([...tree.files.keys()], [join(root, 'real/sub/file').slice(1)]);
  assert.deepEqual(tree.findings, []);
  const at = root.slice(1);
  assert.deepEqual(
    [...(tree.dirs.get(at)?.links ?? [])].map(([name, { to }]) => [name, to]),
    [['alias', 'real']],
  );
  assert.deepEqual([...(tree.dirs.get(`${at}/real`)?.links.keys() ?? [])].sort(), ['broken', 'loop', 'package', 'up']);
  assert.ok(tree.dirs.has(''), 'all directories above are kept, with their modes');
});

test('names that a restore needs for itself are refused', () => {
  const tree = walkHost([named('/mailrecover/x')], () => false);
  assert.deepEqual(
    tree.findings.map(({ code }) => code),
    ['name-reserved'],
  );
});

test('a file that can not be read stays as it was before, unless its bytes are lost', async () => {
  const root = scratch('read');
  writeFileSync(join(root, 'a'), 'old');
  const area = emptyArea(root);
  const answer = (outcome: ReadOutcome) => ({
    read: async () => [outcome],
    now: () => Date.now() * 1000,
    settle: 0,
    deep: true,
    lost: () => false,
    gone: (place: number) => place === 7,
  });
  const stats = lstatIfThere(join(root, 'a'));
  assert.ok(stats);
  const stat = liveStat(stats);
  const place = (number: number): ReadOutcome => ({ stat, parts: [{ sha: 'f'.repeat(64), place: number }] });
  const at = (path: string): string => join(root, path);
  await readFiles(area, ['a'], at, undefined, answer(place(1)));
  const again = emptyArea(root);
  const { findings } = await readFiles(again, ['a'], at, area, answer({ error: 'EIO' }));
  assert.deepEqual(
    findings.map(({ severity, code, subject }) => [severity, code, subject]),
    [['error', 'unreadable', join(root, 'a')]],
  );
  assert.deepEqual(again.dirs.get('')?.files.get('a')?.parts, area.dirs.get('')?.files.get('a')?.parts);
  const lost = emptyArea(root);
  await readFiles(lost, ['a'], at, undefined, answer(place(7)));
  const after = emptyArea(root);
  await readFiles(after, ['a'], at, lost, answer({ error: 'EIO' }));
  assert.equal(after.dirs.get('')?.files.size, 0);
});
