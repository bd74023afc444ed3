import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dovecotConfig, kindLine } from '../../../src/verify/server/config.ts';
import { dialectOf } from '../../../src/verify/server/version.ts';
import { findProgram } from '../../support/host.ts';
import { scratch } from '../../support/tmp.ts';
import { noServer } from './fixture.ts';

const users = { internal: 'dovecot', login: 'dovenull', group: 'dovecot' };

test('the dialect goes by the version', () => {
  for (const [version, dialect] of [
    ['2.3.19.1 (9b53102964)', '2.3'],
    ['2.3.21', '2.3'],
    ['2.4.1-4 (7d8c0e5759)', '2.4'],
    ['2.4.0', '2.4'],
  ]) {
    assert.equal(dialectOf(version ?? ''), dialect);
  }
  for (const version of ['2.2.36', '2.5.0', '12.3.1', '2.30.1', '', '2.3x']) assert.throws(() => dialectOf(version), { code: 'usage' });
});

test('neither dialect has a port, a plugin or a section on one line', () => {
  for (const dialect of ['2.3', '2.4'] as const) {
    const text = dovecotConfig({ dialect, root: '/w', run: '/w/run', users, privileged: true });
    assert.doesNotMatch(text, /plugin|sieve|quota|notify|!include/);
    assert.doesNotMatch(text, /(?<!%)\{.*\}/);
    assert.deepEqual(
      [...text.matchAll(/port = (\d+)/g)].map(([, port]) => port),
      ['0', '0'],
    );
    assert.equal(text.split('{').length, text.split('}').length);
  }
});

test('2.4 begins with its version, and has none of the words that it removed', () => {
  const text = dovecotConfig({ dialect: '2.4', root: '/w', run: '/w/run', users, privileged: true });
  assert.match(text, /^dovecot_config_version = 2\.4\.0\ndovecot_storage_version = 2\.4\.0\n/);
  assert.doesNotMatch(text, /mail_location|disable_plaintext_auth|args =|driver = passwd-file|%n|%d/);
  const kind = {
    uid: 5,
    gid: 6,
    layout: 'fs' as const,
    utf8: true,
    control: true,
    format: 'maildir' as const,
    alt: false,
    index: false,
    inbox: false,
  };
  assert.equal(
    kindLine('2.4', '/w', 'k0', '{X}y', kind),
    'k0:{X}y:5:6::/w/h::userdb_mail_driver=maildir userdb_mail_path=/w/m/%{user|username} userdb_mail_index_path=/w/i/%{user|username}' +
      ' userdb_mail_control_path=/w/c/%{user|username} userdb_mailbox_list_layout=fs userdb_mailbox_list_utf8=yes\n',
  );
  assert.equal(
    kindLine('2.3', '/w', 'k0', '{X}y', kind),
    'k0:{X}y:5:6::/w/h::userdb_mail=maildir:/w/m/%n:LAYOUT=fs:INDEX=/w/i/%n:CONTROL=/w/c/%n:UTF-8\n',
  );
  const mdbox = { ...kind, utf8: false, control: false, format: 'mdbox' as const, alt: true };
  assert.equal(kindLine('2.3', '/w', 'k0', '{X}y', mdbox), 'k0:{X}y:5:6::/w/h::userdb_mail=mdbox:/w/m/%n:LAYOUT=fs:ALT=/w/a/%n\n');
});

test('the Dovecot that is installed takes its dialect', { skip: noServer }, () => {
  const dialect = dialectOf(spawnSync(findProgram('dovecot') ?? '', ['--version'], { encoding: 'utf8' }).stdout);
  for (const privileged of [true, false]) {
    const file = join(scratch(), 'dovecot.conf');
    writeFileSync(file, dovecotConfig({ dialect, root: '/w', run: '/w/run', users, privileged }));
    const answer = spawnSync(findProgram('doveconf') ?? '', ['-n', '-c', file], { encoding: 'utf8' });
    assert.equal(answer.status, 0, answer.stderr);
    assert.equal(answer.stderr.replace(/^.*Warning: NOTE.*$/gm, '').trim(), '');
  }
});
