/** Hashes out of real servers, by what Dovecot is told about them. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readLdap } from '../../../src/standby/prepare/logins/ldap.ts';
import { readSql } from '../../../src/standby/prepare/logins/sql.ts';
import { LDAP_BASE, noMariadb, noPostgres, noSlapd, startMariadb, startPostgres, startSlapd } from '../../support/databases.ts';
import { selfSigned } from '../../support/certificate.ts';
import { missing } from '../../support/host.ts';
import { scratch } from '../../support/tmp.ts';

const never = new AbortController().signal;
const SECRET = 'correct horse';
const HASH = '$6$salt$abc/def.';
const QUERY = "SELECT CONCAT(name, '@', domain) AS user, \\\n  hash AS password FROM users WHERE name = '%n' AND domain = '%Ld' AND active";
const ROWS = `('o''hara', 'example.test', '${HASH}', true), ('bob', 'example.test', '{SSHA}x', true), ('none', 'example.test', NULL, true), ('empty', 'example.test', '', true), ('gone', 'example.test', '${HASH}', false)`;
const ASKED = [
  "o'hara@Example.test",
  'bob@example.test',
  'none@example.test',
  'empty@example.test',
  'gone@example.test',
  'nobody@example.test',
  "x' OR '1'='1@example.test",
  'x\\@example.test',
];
const FOUND = [
  ["o'hara@Example.test", `{SHA512-CRYPT}${HASH}`],
  ['bob@example.test', '{SSHA}x'],
];

function settings(root: string, ...lines: string[]): string {
  const path = join(root, 'dovecot.conf.ext');
  writeFileSync(path, `# what Dovecot is told\n${lines.join('\n')}\n`);
  return path;
}

test('PostgreSQL', { skip: noPostgres() }, async () => {
  const { root, port, sql } = await startPostgres('administrator');
  sql('postgres', '-c', 'CREATE DATABASE mail');
  sql(
    'mail',
    '-c',
    `CREATE TABLE users (name text, domain text, hash text, active bool); INSERT INTO users VALUES ${ROWS}; CREATE TABLE hidden (password text); CREATE ROLE dovecot LOGIN PASSWORD '${SECRET}'; GRANT SELECT ON users TO dovecot`,
  );
  const config = (query: string, secret = SECRET): string =>
    settings(
      root,
      'driver = pgsql',
      `connect = host=${root} port=${port} dbname=mail user=dovecot password='${secret}'`,
      'default_pass_scheme = SHA512-CRYPT',
      `password_query = ${query}`,
    );
  assert.deepEqual([...(await readSql(config(QUERY), ASKED, never))], FOUND);
  // What is refused must not look like a database without hashes.
  await assert.rejects(readSql(config("SELECT password FROM hidden WHERE '%u' <> ''"), ASKED, never), /permission denied/);
  await assert.rejects(readSql(config(QUERY, 'wr0ng'), ASKED, never), (error: Error) => {
    assert.match(error.message, /password authentication failed/);
    return !error.message.includes('wr0ng');
  });
});

test('MariaDB', { skip: noMariadb() }, async () => {
  const { root, socket, sql } = await startMariadb();
  sql(
    `CREATE DATABASE mail; USE mail; CREATE TABLE users (name VARCHAR(40), domain VARCHAR(40), hash VARCHAR(200), active BOOL); INSERT INTO users VALUES ${ROWS}; CREATE TABLE hidden (password VARCHAR(9)); CREATE USER dovecot@localhost IDENTIFIED BY 'correct-horse'; GRANT SELECT ON mail.users TO dovecot@localhost`,
  );
  const config = (query: string, secret = 'correct-horse'): string =>
    settings(
      root,
      'driver = mysql',
      `connect = host=${socket} dbname=mail user=dovecot password=${secret}`,
      'default_pass_scheme = SHA512-CRYPT',
      `password_query = ${query}`,
    );
  assert.deepEqual([...(await readSql(config(QUERY), ASKED, never))], FOUND);
  await assert.rejects(readSql(config("SELECT password FROM hidden WHERE '%u' <> ''"), ASKED, never), /command denied/);
  await assert.rejects(readSql(config(QUERY, 'wr0ng'), ASKED, never), (error: Error) => {
    assert.match(error.message, /Access denied/);
    return !error.message.includes('wr0ng');
  });
});

test('LDAP', { skip: noSlapd() || missing('ldapsearch', 'openssl') }, async () => {
  const person = (uid: string, ...lines: string[]): string =>
    `dn: uid=${uid},${LDAP_BASE}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\nmail: ${uid}@example.org\n${lines.map((line) => `${line}\n`).join('')}\n`;
  const many = Array.from({ length: 600 }, (_, index) => `many${index}`);
  const tls = scratch('tls');
  selfSigned('IP:127.0.0.1', join(tls, 'key.pem'), join(tls, 'cert.pem'));
  const { root, port } = await startSlapd({
    // Nobody logs in without TLS.
    global: `TLSCertificateFile ${tls}/cert.pem\nTLSCertificateKeyFile ${tls}/key.pem\nsecurity simple_bind=128\n`,
    schemas: ['cosine', 'inetorgperson'],
    settings: `access to attrs=userPassword by dn.exact="uid=reader,${LDAP_BASE}" read by anonymous auth by * none\naccess to * by * read\n`,
    entries: [
      `dn: ${LDAP_BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n`,
      person('reader', `userPassword: ${SECRET}`),
      // As RFC 2849 wants it: in base64, and a long line is folded.
      person('alice', `userPassword:: ${Buffer.from(`{CRYPT}${HASH}`).toString('base64')}`),
      person('bob', `userPassword: {SSHA512}${'x'.repeat(60)}`, ` ${'y'.repeat(60)}`),
      person('nobody'),
      ...many.map((uid) => person(uid, `userPassword: {SSHA}${uid}`)),
    ].join(''),
  });
  const config = (...lines: string[]): string =>
    settings(
      root,
      `hosts = 127.0.0.1:${port}`,
      `base = ${LDAP_BASE}`,
      'pass_attrs = mail=user, userPassword=password',
      'pass_filter = (&(objectClass=inetOrgPerson)(mail=%u))',
      ...lines,
    );
  const login = (secret: string): string[] => [`dn = uid=reader,${LDAP_BASE}`, `dnpass = ${secret}`];
  const safe = ['tls = yes', `tls_ca_cert_file = ${tls}/cert.pem`];
  // The directory tells 500 at a time, and no more by pages.
  const asked = [...many, 'alice', 'bob', 'nobody', 'reader', 'x)(uid=*', '*'].map((uid) => `${uid}@example.org`);
  const found = await readLdap(config(...login(SECRET), ...safe), asked, never);
  assert.equal(found.get('alice@example.org'), `{CRYPT}${HASH}`);
  assert.equal(found.get('bob@example.org'), `{SSHA512}${'x'.repeat(60)}${'y'.repeat(60)}`);
  assert.deepEqual(
    many.filter((uid) => found.get(`${uid}@example.org`) !== `{SSHA}${uid}`),
    [],
  );
  assert.equal(found.size, many.length + 3);
  await assert.rejects(readLdap(config(...login(SECRET)), asked, never), /onfidentiality required/);
  // Who may not read hashes is told so, or gets none; as with Active Directory.
  assert.equal((await readLdap(config(), asked, never)).size, 0);
  await assert.rejects(readLdap(config(...login('wr0ng'), ...safe), asked, never), (error: Error) => {
    assert.match(error.message, /Invalid credentials/);
    return !error.message.includes('wr0ng');
  });
});
