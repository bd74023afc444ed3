import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { MailrecoverError } from '../../../src/errors/error.ts';
import { recoverySheet } from '../../../src/repository/sheet.ts';
import { canonicalLocation, fetchCommands, parseLocation } from '../../../src/repository/targets/location.ts';

const sftp = (host: string, path: string, user?: string, port?: number): unknown => ({ kind: 'sftp', user, host, port, path });
const s3 = (endpoint: string, bucket: string, prefix = ''): unknown => ({ kind: 's3', endpoint, bucket, prefix });

test('places are named as users of restic name theirs', () => {
  const cases: [string, unknown][] = [
    ['/srv/backup', { kind: 'local', path: '/srv/backup' }],
    ['backup', { kind: 'local', path: resolve('backup') }],
    ['./sftp:x', { kind: 'local', path: resolve('sftp:x') }],
    ['sftp:backup@vault.example.org:/srv/mail', sftp('vault.example.org', '/srv/mail', 'backup')],
    ['sftp:vault:mail/repo', sftp('vault', 'mail/repo')],
    ['sftp:vault:~/repo', sftp('vault', 'repo')],
    ['sftp:me@[2001:db8::1]:/srv/mail', sftp('2001:db8::1', '/srv/mail', 'me')],
    ['sftp://backup@vault:2222/srv/mail/', sftp('vault', '/srv/mail', 'backup', 2222)],
    ['sftp://backup@vault//srv/mail', sftp('vault', '/srv/mail', 'backup')],
    ['sftp://vault/~/mail', sftp('vault', 'mail')],
    ['sftp://[::1]:22/a%20b', sftp('::1', '/a b', undefined, 22)],
    ['s3:https://s3.example.org/bucket/some/prefix/', s3('https://s3.example.org', 'bucket', 'some/prefix')],
    ['s3:http://127.0.0.1:9000/bucket', s3('http://127.0.0.1:9000', 'bucket')],
    ['s3:s3.amazonaws.com/bucket', s3('https://s3.amazonaws.com', 'bucket')],
    ['s3://host:443/bucket/p', s3('https://host:443', 'bucket', 'p')],
  ];
  for (const [text, wanted] of cases) {
    assert.deepEqual(parseLocation(text), wanted, text);
    // The usual spelling means the same place, and stays as it is.
    const usual = canonicalLocation(text);
    assert.deepEqual(parseLocation(usual), wanted, usual);
    assert.equal(canonicalLocation(usual), usual);
  }
});

test('what names no place is refused with the forms that do, and a password is not repeated', () => {
  const refused = (text: string): MailrecoverError => {
    try {
      parseLocation(text);
    } catch (error) {
      if (error instanceof MailrecoverError) return error;
    }
    throw new Error(`'${text}' was taken`);
  };
  for (const text of [
    '',
    'sftp:',
    'sftp:host',
    'sftp:@host:/x',
    'sftp:u@host:',
    'sftp://host:0/x',
    'sftp://host:99999/x',
    'sftp://u@/x',
    'sftp:-oProxyCommand=x:/y',
    'sftp:-u@h:/y',
    's3:',
    's3:host',
    's3:https://host/',
    's3:https://host/b/../c',
    's3:ftp://h/b/c',
    'rest:http://h/',
    'b2:bucket',
    'sftp://h/%zz',
  ]) {
    const { code, hint } = refused(text);
    assert.equal(code, 'usage', text);
    assert.match(hint ?? '', /sftp:user@host:\/path/, text);
  }
  for (const text of ['sftp:me:secret@host:/x', 'sftp://me:secret@host/x', 's3:https://key:secret@host/bucket']) {
    const error = refused(text);
    assert.doesNotMatch(`${error.message} ${error.hint} ${error.subject}`, /secret@|:secret/, text);
  }
});

test('the sheet says how a repository on a server is fetched', () => {
  assert.deepEqual(fetchCommands('/srv/backup', '/srv/copy'), []);
  assert.deepEqual(fetchCommands("sftp://me@h:22/it's", '/srv/copy'), [`sftp -r -P 22 'me@h:/it'\\''s' /srv/copy`]);
  assert.deepEqual(fetchCommands('s3:https://h/bucket/p', '/srv/copy'), ['aws s3 sync --endpoint-url https://h s3://bucket/p /srv/copy']);
  const facts = { made: '2026-01-01T00:00:00.000Z', host: 'mx1', hostKey: 'ab', recoverScript: 'cd', encrypted: true, recipients: [] };
  const local = recoverySheet({ ...facts, repository: { location: '/srv/backup', id: 'x' } });
  assert.match(local, /1\. is the script the right one\? {3}in the directory of the repository/);
  const remote = recoverySheet({ ...facts, repository: { location: 'sftp:me@h:/srv', id: 'x' } });
  assert.match(remote, /1\. fetch a copy[^\n]*\n +sftp -r me@h:\/srv \/srv\/copy\n +cd \/srv\/copy\n {2}2\. is the script/);
  assert.match(remote, /snapshots --repository \.\n/);
});
