/** Dumps of real databases, into snapshots and back. */
import assert from 'node:assert/strict';
import { chmodSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  LDAP_BASE,
  noMariadb,
  noPostgres,
  noRedis,
  noSlapd,
  slapdConfig,
  startMariadb,
  startPostgres,
  startRedis,
  startSlapd,
} from '../support/databases.ts';
import { isRoot, missing, run } from '../support/host.ts';
import { scratch } from '../support/tmp.ts';
import type { Setting } from '../commands/setting.ts';
import { serverSetting, systemPaths } from './setting.ts';

const NO_MAIL_SERVER = "  postfix: []\n  dovecot: ''\n";
const databases = (...lines: string[]): string => `${NO_MAIL_SERVER}  databases:\n${lines.map((line) => `    - ${line}\n`).join('')}`;

/** The dumps of the newest snapshot, by name, as a restore has them. */
async function dumpsOf(setting: Setting, snapshot = 'latest'): Promise<(name: string) => string> {
  const to = join(scratch('dump'), 'back');
  const { code, json } = await setting.json('restore', snapshot, '--system', '--to', to);
  assert.equal(code, 0, JSON.stringify(json.findings));
  return (name) => readFileSync(join(to, 'mailrecover/dumps', name), 'utf8');
}

test('PostgreSQL: dumped as its own user, with a password by reference, and brought back', { skip: noPostgres() }, async () => {
  const { root, port, sql, stop } = await startPostgres('ge heim');
  sql('postgres', '-c', 'CREATE DATABASE mailserver');
  sql(
    'mailserver',
    '-c',
    "CREATE TABLE users (name text, pass text); INSERT INTO users SELECT 'user' || n, md5(n::text) FROM generate_series(1, 200000) n",
  );

  const setting = await serverSetting(
    databases(
      `{ name: mail, preset: postgresql, database: mailserver, host: ${root}, port: ${port}, user: postgres, runAs: postgres, password: 'file:${root}/pw' }`,
      `{ name: all, preset: postgresql, host: ${root}, port: ${port}, user: postgres, password: 'file:${root}/pw' }`,
    ),
  );
  const first = await setting.json('backup');
  assert.equal(first.code, 0, JSON.stringify(first.json.findings));
  assert.equal(first.json.counts['dumps'], 2);
  const dump = await dumpsOf(setting);
  assert.match(dump('all.sql'), /CREATE ROLE|ALTER ROLE/);
  sql('postgres', '-c', 'DROP DATABASE mailserver');
  writeFileSync(join(root, 'mail.sql'), dump('mail.sql'));
  chmodSync(join(root, 'mail.sql'), 0o644);
  sql('postgres', '-f', join(root, 'mail.sql'));
  assert.equal(
    sql('mailserver', '-c', 'SELECT count(*), min(pass) FROM users').trim(),
    `200000|${sql('mailserver', '-c', 'SELECT min(md5(n::text)) FROM generate_series(1, 200000) n').trim()}`,
  );

  // Few rows changed: the dump costs what changed.
  sql('mailserver', '-c', "UPDATE users SET pass = 'x' WHERE name = 'user7'");
  const second = await setting.json('backup');
  assert.ok(
    (second.json.counts['bytesStored'] ?? 0) < (first.json.counts['bytesStored'] ?? 0) / 3,
    JSON.stringify([first.json.counts, second.json.counts]),
  );

  // The server goes away: loud, and the dump before stays.
  await stop();
  const failed = await setting.json('backup');
  assert.equal(failed.code, 3);
  const findings = failed.json.findings.filter(({ code }) => code === 'dump-failed');
  assert.deepEqual(
    findings.map(({ severity, subject }) => [severity, subject]),
    [
      ['error', 'mail'],
      ['error', 'all'],
    ],
  );
  assert.match(
    findings[0]?.message ?? '',
    /was not dumped: 'pg_dump' failed with exit code 1: .*accepting connections.*; the snapshot holds the dump of 2/,
  );
  assert.doesNotMatch(JSON.stringify(failed.json), /ge heim/);
  const kept = (await setting.json('snapshots')).json['snapshots'] as { id: string }[];
  const newest = kept.map(({ id }) => id).find((id) => id === failed.json['snapshot']) ?? '';
  assert.match((await dumpsOf(setting, newest))('mail.sql'), /user7\tx/);
});

test('SQLite: dumped while it is written, and a damaged one is an error', { skip: missing('sqlite3') }, async () => {
  const root = scratch('sqlite');
  const file = join(root, 'users.db');
  run('sqlite3', [
    file,
    "PRAGMA journal_mode=WAL; CREATE TABLE users(name, pass); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO users SELECT 'user' || i, hex(i) FROM n;",
  ]);
  const setting = await serverSetting(databases(`{ name: users, preset: sqlite, database: ${file} }`));
  const first = await setting.json('backup');
  assert.equal(first.code, 0, JSON.stringify(first.json.findings));
  const text = (await dumpsOf(setting))('users.sql');
  assert.equal(run('sqlite3', [join(root, 'new.db')], text), '');
  assert.equal(run('sqlite3', [join(root, 'new.db'), 'SELECT count(*) FROM users']).trim(), '5000');
  const again = await setting.json('diff', 'latest', 'latest');
  assert.deepEqual(again.json['system'], []);

  const bytes = readFileSync(file);
  bytes.fill(0xff, 8192, 40_960);
  writeFileSync(file, bytes);
  for (const ending of ['-wal', '-shm']) rmSync(file + ending, { force: true });
  const damaged = await setting.json('backup');
  assert.equal(damaged.code, 3, JSON.stringify(damaged.json));
  assert.equal(damaged.json.findings.find(({ code }) => code === 'dump-failed')?.subject, 'users');
  assert.equal((await dumpsOf(setting, damaged.json['snapshot'] as string))('users.sql'), text, 'the dump before is kept');
});

test(
  'any command: empty, cut short, failing, hanging, and a secret in its environment',
  { skip: isRoot ? false : 'needs root' },
  async () => {
    const root = scratch('cmd');
    const script = join(root, 'dump.sh');
    const says = (body: string): void => {
      writeFileSync(script, `#!/bin/sh\n${body}\n`);
      chmodSync(script, 0o755);
    };
    writeFileSync(join(root, 'token'), 'geheim\n');
    const setting = await serverSetting(
      databases(
        `{ name: users, preset: command, command: [${script}, 'a b'], ends: END, timeout: 5, environment: [{ name: TOKEN, from: 'file:${root}/token' }] }`,
      ),
    );
    says('[ "$TOKEN" = geheim ] && printf "%s of %s\\n" "$1" "${#TOKEN}"; head -c 40000000 /dev/zero | tr "\\0" x; echo; echo END');
    const good = await setting.json('backup');
    assert.equal(good.code, 0, JSON.stringify(good.json.findings));
    const dump = (await dumpsOf(setting))('users.dump');
    assert.equal(dump.length, 9 + 40_000_000 + 5);
    assert.match(dump.slice(0, 9) + dump.slice(-6), /^a b of 6\nx\nEND\n$/);
    for (const [body, message] of [
      ['exit 0', /printed nothing/],
      ['echo beginning', /no whole dump/],
      ['echo END; echo "no entry for geheim" >&2; exit 9', /exit code 9: no entry for \*\*\*/],
      ['echo END; kill -9 $$', /killed by SIGKILL/],
      ['echo END; exec sleep 60', /took longer than 5 s/],
    ] as const) {
      says(body);
      const { code, json } = await setting.json('backup');
      assert.equal(code, 3, body);
      const finding = json.findings.find((each) => each.code === 'dump-failed');
      assert.match(finding?.message ?? '', message);
      assert.doesNotMatch(JSON.stringify(json), /geheim/);
    }
    rmSync(script);
    const gone = await setting.json('backup');
    assert.match(gone.json.findings.find(({ code }) => code === 'dump-failed')?.message ?? '', /not installed/);
    assert.ok((await systemPaths(setting, gone.json['snapshot'] as string)).includes('mailrecover/dumps/users.dump'));
    assert.deepEqual(globSync(join(setting.state, 'system/dump-*')), [], 'no piece of a dump stays on the disk');
  },
);

describe('other servers', () => {
  test('MariaDB', { skip: noMariadb() }, async () => {
    const { root, socket, sql } = await startMariadb();
    sql(
      "CREATE DATABASE mail; CREATE TABLE mail.users (name VARCHAR(40), pass VARBINARY(20)); INSERT INTO mail.users VALUES ('ä', x'00ff'); CREATE USER backup@localhost IDENTIFIED BY 'ge heim'; GRANT ALL ON *.* TO backup@localhost",
    );
    const options = join(root, 'client.cnf');
    writeFileSync(options, `[client]\nsocket=${socket}\n`);
    writeFileSync(join(root, 'pw'), 'ge heim\n');
    const setting = await serverSetting(
      databases(`{ name: mail, preset: mariadb, database: mail, user: backup, options: ${options}, password: 'file:${root}/pw' }`),
    );
    const { code, json } = await setting.json('backup');
    assert.equal(code, 0, JSON.stringify(json.findings));
    const dump = (await dumpsOf(setting))('mail.sql');
    sql('DROP DATABASE mail');
    run('mariadb', ['--no-defaults', `--socket=${socket}`], dump);
    assert.equal(sql('SELECT name, hex(pass) FROM mail.users').trim(), 'ä\t00FF');
    writeFileSync(join(root, 'pw'), 'wrong\n');
    const wrong = await setting.json('backup');
    assert.equal(wrong.code, 3);
    assert.match(wrong.json.findings.find((each) => each.code === 'dump-failed')?.message ?? '', /Access denied/);
  });

  test('Redis', { skip: noRedis() }, async () => {
    const redis = await startRedis('ge heim');
    redis.say('SET', 'BAYES', 'ham and spam');
    writeFileSync(join(redis.root, 'pw'), 'ge heim\n', { mode: 0o600 });
    const setting = await serverSetting(
      databases(`{ name: rspamd, preset: redis, host: ${redis.socket}, password: 'file:${redis.root}/pw' }`),
    );
    const { code, json } = await setting.json('backup');
    assert.equal(code, 0, JSON.stringify(json.findings));
    const to = join(scratch('dump'), 'back');
    assert.equal((await setting.json('restore', 'latest', '--system', '--to', to)).code, 0);
    const again = await startRedis('x', readFileSync(join(to, 'mailrecover/dumps/rspamd.rdb'), 'latin1'));
    assert.equal(again.say('GET', 'BAYES'), 'ham and spam');
    writeFileSync(join(redis.root, 'pw'), 'wrong\n');
    const wrong = await setting.json('backup');
    assert.equal(wrong.code, 3);
    assert.match(wrong.json.findings.find((each) => each.code === 'dump-failed')?.message ?? '', /NOAUTH|WRONGPASS/);
  });

  test('slapd', { skip: noSlapd() }, async () => {
    const entries = `dn: ${LDAP_BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n`;
    const { root, config } = await startSlapd({ entries });
    const setting = await serverSetting(databases(`{ name: directory, preset: slapcat, database: '${LDAP_BASE}', options: ${config} }`));
    const { code, json } = await setting.json('backup');
    assert.equal(code, 0, JSON.stringify(json.findings));
    const dump = (await dumpsOf(setting))('directory.ldif');
    assert.match(dump, /^dn: dc=example,dc=org\n/);
    const second = slapdConfig(root, 'db2');
    run('slapadd', ['-f', second, '-q'], dump);
    assert.equal(run('slapcat', ['-f', second]), dump);
  });
});
