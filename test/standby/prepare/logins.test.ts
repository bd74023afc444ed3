import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { readSql } from '../../../src/standby/prepare/logins/sql.ts';
import { makeSnapshot } from '../../../src/standby/prepare/logins/snapshot.ts';
import { usesSnapshot, withoutSnapshot, withSnapshot } from '../../../src/standby/prepare/logins/use.ts';
import type { Logins } from '../../../src/standby/prepare/model.ts';
import { scratch } from '../../support/tmp.ts';

const logins = (change: Partial<Logins>): Logins => ({ users: [], readable: [], inFiles: [], others: {}, findings: [], ...change });

test('hashes come out of a database by the query that Dovecot asks', async () => {
  const root = scratch('sql');
  const file = join(root, 'users.sqlite');
  const database = new DatabaseSync(file);
  database.exec(
    "CREATE TABLE users (name TEXT, domain TEXT, hash TEXT); INSERT INTO users VALUES ('o''hara', 'example.test', '$6$salt$x'), ('bob', 'example.test', NULL)",
  );
  database.close();
  const config = join(root, 'sql.conf');
  writeFileSync(
    config,
    `driver = sqlite\nconnect = ${file}\ndefault_pass_scheme = SHA512-CRYPT\npassword_query = SELECT name AS user, \\\n  hash AS password FROM users WHERE name = '%n' AND domain = '%Ld'\n`,
  );
  const found = await readSql(
    config,
    ["o'hara@Example.test", 'bob@example.test', "x' OR '1'='1@example.test"],
    new AbortController().signal,
  );
  assert.deepEqual([...found], [["o'hara@Example.test", '{SHA512-CRYPT}$6$salt$x']]);
});

test('issued passwords stay, those whose hash is read need none, and a silent directory takes nothing away', () => {
  const first = makeSnapshot(
    logins({
      users: ['a', 'b', 'c'],
      inFiles: ['a'],
      readable: [{ user: 'b', hash: '{X}1', rest: '5000:5000::/home/b::' }],
      others: { c: '5000:5000::/home/c::' },
    }),
    '',
    true,
  );
  assert.deepEqual([first.readable, first.emergency, first.uncovered], [1, ['c'], []]);
  assert.match(first.issued[0]?.password ?? '', /^(?:[a-z2-9]{4}-){3}[a-z2-9]{4}$/);
  assert.ok(!first.text.includes(first.issued[0]?.password ?? '!'));
  assert.match(first.text, /^c:\{SSHA512\}[A-Za-z0-9+/=]+:5000:5000::\/home\/c::$/m);
  const second = makeSnapshot(
    logins({
      users: ['a', 'c'],
      inFiles: ['a'],
      others: { c: '5000:5000::/home/c::' },
      findings: [{ severity: 'warning', code: 'directory-unread', message: 'x' }],
    }),
    first.text,
    true,
  );
  assert.equal(second.text, first.text);
  assert.deepEqual(second.issued, []);
  const third = makeSnapshot(
    logins({ users: ['a', 'c'], inFiles: ['a'], readable: [{ user: 'c', hash: '{X}2', rest: '::::' }] }),
    second.text,
    false,
  );
  assert.equal(third.text, '# mailrecover: hashes that were read\nc:{X}2:::::\n');
  assert.deepEqual(makeSnapshot(logins({ users: ['z'] }), '', false).uncovered, ['z']);
});

test('the snapshot is asked first, and taken out again without a trace', () => {
  const commented = `${'# a comment\n\n'.repeat(1000)}passdb {\n}\n`;
  for (const text of [
    'passdb {\n}\n',
    commented,
    '# head\ndovecot_config_version = 2.4.1\ndovecot_storage_version = 2.4.1\npassdb x {\n}\n',
  ]) {
    const changed = withSnapshot(text, '/etc/dovecot/dovecot.conf');
    assert.ok(usesSnapshot(changed) && changed.indexOf('!include /etc/dovecot/mailrecover/logins.conf') < changed.indexOf('passdb'));
    assert.ok(!changed.includes('dovecot_config_version') || changed.indexOf('dovecot_storage_version') < changed.indexOf('!include'));
    assert.equal(withSnapshot(changed, '/etc/dovecot/dovecot.conf'), changed);
    assert.equal(withoutSnapshot(changed), text);
  }
});
