import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { lifeOf, lookAtCertificates } from '../../src/health/certificates/look.ts';
import { namedCertificates } from '../../src/health/certificates/named.ts';
import { initArguments, makeSetting } from '../commands/setting.ts';
import { missing } from '../support/host.ts';

const setting = makeSetting(2);
const skip = missing('openssl');
const place = (name: string): string => join(setting.root, name);

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8', cwd: setting.root });
  assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
}

/** A certificate signed by an authority between, which an authority that nobody knows signed. */
function issue(name: string, days: number): void {
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.csr`,
    '-subj',
    `/CN=${name}`,
  );
  writeFileSync(place(`${name}.ext`), `subjectAltName=DNS:${name},DNS:*.${name}\n`);
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    'between.pem',
    '-CAkey',
    'between.key',
    '-CAcreateserial',
    '-days',
    String(days),
    '-extfile',
    `${name}.ext`,
    '-out',
    `${name}.pem`,
  );
}

before(async () => {
  await setting.json(...initArguments(setting));
  if (skip !== false) return;
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'root.key', '-out', 'root.pem', '-days', '3000', '-subj', '/CN=Test root');
  openssl('req', ...key, '-keyout', 'between.key', '-out', 'between.csr', '-subj', '/CN=Between');
  writeFileSync(place('ca.ext'), 'basicConstraints=critical,CA:TRUE\n');
  openssl(
    'x509',
    '-req',
    '-in',
    'between.csr',
    '-CA',
    'root.pem',
    '-CAkey',
    'root.key',
    '-CAcreateserial',
    '-days',
    '2000',
    '-extfile',
    'ca.ext',
    '-out',
    'between.pem',
  );
  issue('mail.example.org', 365);
  const text = (name: string): string => readFileSync(place(name), 'utf8');
  writeFileSync(place('full.pem'), text('mail.example.org.pem') + text('between.pem') + text('root.pem'));
  writeFileSync(place('torn.pem'), text('mail.example.org.pem') + text('root.pem'));
});

const told = async (files: string[], names: string[] = []): Promise<string[]> => {
  const { findings } = await lookAtCertificates({ files: files.map(place), names });
  return findings
    .filter(({ subject = '' }) => subject.startsWith(setting.root) || names.includes(subject))
    .map(({ severity, code }) => `${severity} ${code}`);
};

test('a whole chain with time left is told without a finding, one that is torn or lacks its middle with one', { skip }, async () => {
  assert.deepEqual(await told(['full.pem']), []);
  assert.deepEqual(await told(['torn.pem']), ['error certificate-chain']);
  assert.deepEqual(await told(['mail.example.org.pem']), ['warning certificate-chain']);
  const { certificates } = await lookAtCertificates({ files: [place('full.pem')], names: [] });
  const own = certificates.find(({ path }) => path === place('full.pem'));
  assert.deepEqual(own?.names, ['mail.example.org', '*.mail.example.org']);
  assert.ok(own.usedBy.includes('configuration'));
  assert.ok(own.daysLeft >= 363 && own.daysLeft <= 365, String(own.daysLeft));
});

test('names that no certificate has are named; files that hold none, and those that are not there, too', { skip }, async () => {
  assert.deepEqual(await told(['full.pem'], ['imap.mail.example.org', 'mail.example.org']), []);
  assert.deepEqual(await told(['full.pem'], ['smtp.example.net']), ['error certificate-name']);
  assert.deepEqual(await told(['root.key', 'nowhere.pem']), ['warning certificate-unread', 'warning certificate-unread']);
});

test('what is late is a share of the life of a certificate, and weeks for one that lives long', () => {
  const DAY = 86_400_000;
  const of = (life: number, left: number): string[] => {
    const end = Date.now() + left * DAY;
    const at = (ms: number): string => new Date(ms).toISOString();
    const dates = { notBefore: at(end - life * DAY), notAfter: at(end), daysLeft: Math.floor(left) };
    return lifeOf({ path: '/x', usedBy: [], names: ['x'], issuer: 'y', ...dates }).map(({ severity, code }) => `${severity} ${code}`);
  };
  assert.deepEqual(of(6, 5), []);
  assert.deepEqual(of(6, 1.4), ['warning certificate-ends']);
  assert.deepEqual(of(45, 20), []);
  assert.deepEqual(of(45, 10), ['warning certificate-ends']);
  assert.deepEqual(of(45, 4), ['error certificate-ends']);
  assert.deepEqual(of(365, 35), []);
  assert.deepEqual(of(365, 20), ['warning certificate-ends']);
  assert.deepEqual(of(365, 10), ['error certificate-ends']);
  assert.deepEqual(of(365, -1), ['error certificate-ended']);
  assert.deepEqual(of(10, 11), ['error certificate-ended']);
});

test('Postfix is asked which certificates it presents', { skip: skip || missing('postconf') }, async () => {
  const config = place('postfix');
  mkdirSync(config);
  writeFileSync(
    join(config, 'main.cf'),
    `compatibility_level = 3.6\nsmtpd_tls_chain_files = ${place('mail.example.org.key')}, ${place('full.pem')}\n`,
  );
  writeFileSync(join(config, 'master.cf'), `smtps inet n - y - - smtpd -o smtpd_tls_cert_file=${place('torn.pem')}\n`);
  const before = process.env['MAIL_CONFIG'];
  process.env['MAIL_CONFIG'] = config;
  try {
    const named = await namedCertificates(undefined);
    assert.deepEqual(named.get(place('full.pem')), ['postfix smtpd_tls_chain_files']);
    assert.deepEqual(named.get(place('torn.pem')), ['postfix smtps/inet/smtpd_tls_cert_file']);
  } finally {
    if (before === undefined) delete process.env['MAIL_CONFIG'];
    else process.env['MAIL_CONFIG'] = before;
  }
});

test('status and report tell of them where the configuration asks for it, in both languages', { skip }, async () => {
  await setting.json('backup');
  const without = await setting.json('status');
  assert.equal(without.json['certificates'], undefined);
  writeFileSync(setting.config, `${readFileSync(setting.config, 'utf8')}\nhealth: { certificates: { files: ['${place('torn.pem')}'] } }\n`);
  const status = await setting.json('status');
  assert.ok(
    status.json.findings.some(
      ({ code, subject }: { code: string; subject?: string }) => code === 'certificate-chain' && subject === place('torn.pem'),
    ),
  );
  const shown = await setting.run('status', '--lang', 'ja');
  assert.match(shown.out, /TLS 証明書 +.*mail\.example\.org/);
  const { json } = await setting.json('report');
  const made = json['report'] as { certificates: { path: string }[]; hosts: { findings: { code: string }[] }[] };
  assert.ok(made.certificates.some(({ path }) => path === place('torn.pem')));
  assert.ok(made.hosts[0]?.findings.some(({ code }) => code === 'certificate-chain'));
  const report = await setting.run('report');
  assert.match(report.out, /certificates +mail\.example\.org, \*\.mail\.example\.org: until/);
});
