import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { loadIdentities } from '../../src/repository/age/identity-file.ts';
import { generateIdentity } from '../../src/repository/age/keys.ts';
import { mailrecover } from '../cli/program.ts';
import { findProgram, missing } from '../support/host.ts';
import { onTerminal } from '../support/terminal.ts';
import { BINARY } from '../support/binary.ts';
import { initArguments, keyOnSheet, makeSetting } from './setting.ts';

test('init without a recipient makes a key, a repository, a sheet and a configuration with which all works at once', async () => {
  const setting = makeSetting();
  const { code, json } = await setting.json(...initArguments(setting));
  assert.equal(code, 0);
  // The sheet is told by its place; nothing secret stands in the document.
  assert.doesNotMatch(JSON.stringify(json), /AGE-SECRET-KEY/);
  assert.equal(json['sheet'], setting.sheet);
  assert.equal(json['identity'], setting.identity);
  assert.equal(statSync(setting.identity).mode & 0o777, 0o600);
  assert.equal(statSync(setting.sheet).mode & 0o777, 0o600);
  const [identity] = await loadIdentities([setting.identity]);
  assert.deepEqual(json['recipients'], [identity?.recipient.text]);
  const sheet = readFileSync(setting.sheet, 'utf8');
  const script = createHash('sha256')
    .update(readFileSync(join(setting.repository, 'recover.sh')))
    .digest('hex');
  assert.deepEqual(json['recoverScript'], { sha256: script });
  const bare = sheet.replaceAll(' ', '');
  for (const wanted of [keyOnSheet(setting) ?? '?', script, String(json['hostKey']), setting.repository])
    assert.ok(bare.includes(wanted), wanted);
  assert.equal([...sheet.matchAll(/^ {8}(sha256sum|mailrecover|sh recover)/gm)].length, 4);
  assert.deepEqual((await loadConfig(setting.config)).identities, [`file:${setting.identity}`]);
  assert.equal((await setting.json('config', 'check')).code, 0);

  const backup = await setting.json('backup');
  assert.deepEqual([backup.code, backup.json.counts['messages']], [0, 30]);
  assert.equal((await setting.json('check', '--read-data')).json.outcome, 'ok');
  const restored = await setting.json('restore', 'latest', '--to', join(setting.root, 'back'));
  assert.deepEqual([restored.code, restored.json.counts['messages']], [0, 30]);
});

test('people get the sheet printed, and what was found', async () => {
  const setting = makeSetting();
  const { code, out } = await setting.run(...initArguments(setting));
  assert.equal(code, 0);
  assert.ok(out.includes(keyOnSheet(setting) ?? '?'));
  assert.match(out, /finds 2 mailboxes/);
  assert.match(out, /mailrecover key confirm/);
  // A run from a script has a warning to tell (the disk), and its output may end in a log.
  const quiet = makeSetting();
  const said = await quiet.run(...initArguments(quiet, '--quiet'));
  assert.match(said.err, /same file system/);
  assert.doesNotMatch(said.out + said.err, /AGE-SECRET-KEY/);
});

test('init for a recipient makes no key', async () => {
  const setting = makeSetting();
  const recipient = generateIdentity().identity.recipient.text;
  const { code, json } = await setting.json(...initArguments(setting, '--recipient', recipient));
  assert.equal(code, 0);
  assert.deepEqual(json['recipients'], [recipient]);
  assert.ok(!existsSync(setting.identity));
  assert.equal(keyOnSheet(setting), undefined);
  assert.deepEqual(readdirSync(join(setting.repository, 'keys')).length, 1);
  const wrong = makeSetting();
  const mistyped = recipient.slice(0, -1) + (recipient.endsWith('q') ? 'z' : 'q');
  assert.equal((await wrong.json(...initArguments(wrong, '--recipient', mistyped))).code, 12);
  assert.ok(!existsSync(wrong.config) && !existsSync(wrong.repository));
});

test('no encryption only where it is asked for, and with a warning', async () => {
  const setting = makeSetting();
  const { code, json } = await setting.json(...initArguments(setting, '--no-encryption'));
  assert.equal(code, 0);
  assert.ok(json.findings.some(({ code: name }) => name === 'not-encrypted'));
  assert.match(readFileSync(join(setting.repository, 'mailrecover.json'), 'utf8'), /"encrypted":false/);
  assert.equal((await setting.json('backup')).code, 0);
  assert.equal((await setting.json('check', '--read-data')).json.outcome, 'ok');
  const both = makeSetting();
  assert.equal((await both.json(...initArguments(both, '--no-encryption', '--recipient', 'age1x'))).code, 2);
});

test('nothing that is there is overwritten', async () => {
  const setting = makeSetting();
  assert.equal((await setting.json(...initArguments(setting))).code, 0);
  const before = readFileSync(setting.config, 'utf8');
  assert.equal((await setting.json(...initArguments(setting))).code, 20);
  assert.equal(readFileSync(setting.config, 'utf8'), before);
  // The same repository from another configuration.
  const other = { ...makeSetting(), repository: setting.repository };
  const refused = await other.json(...initArguments(other));
  assert.equal(refused.code, 20);
  assert.ok(!existsSync(other.identity) && !existsSync(other.config));
  // A directory that holds something else.
  const full = makeSetting();
  mkdirSync(full.repository);
  writeFileSync(join(full.repository, 'thesis.txt'), 'x');
  assert.equal((await full.json(...initArguments(full))).code, 20);
  assert.deepEqual(readdirSync(full.repository), ['thesis.txt']);
  // A private key that somebody else may need.
  const key = makeSetting();
  mkdirSync(join(key.root, 'etc'));
  writeFileSync(key.identity, 'AGE-SECRET-KEY-1');
  assert.equal((await key.json(...initArguments(key))).code, 20);
});

test('a dry run writes nothing', async () => {
  const setting = makeSetting();
  const { code, json } = await setting.json(...initArguments(setting, '--dry-run'));
  assert.equal(code, 0);
  assert.match(String(json['configText']), /^stores:/m);
  assert.deepEqual(readdirSync(setting.root), ['mail']);
});

test('what is missing is asked for on a terminal, and an error without one', async (t) => {
  const setting = makeSetting();
  const { code, json } = await setting.json('init', '--mail', setting.mail);
  assert.equal(code, 2);
  assert.match(String((json['error'] as { hint?: string }).hint), /--repository/);
  assert.equal((await setting.json(...initArguments(setting, '--passphrase'))).code, 2);
  assert.equal((await setting.json('init', '--mail', '/no/variable', '--repository', setting.repository)).code, 2);

  const reason = missing('script', 'age-keygen');
  if (reason !== false) return t.skip(reason);
  const answered = await onTerminal(
    BINARY,
    ['--config', setting.config, 'init', '--mail', setting.mail, '--state', setting.state],
    [
      [/where should the repository lie [^\n]*\? /, setting.repository],
      [/passphrase for the private key [^\n]*: /, 'correct horse'],
      [/the same again: /, 'correct horse'],
    ],
  );
  assert.equal(answered.code, 0, answered.screen);
  assert.match(answered.screen, /AGE-SECRET-KEY-1[0-9A-Z]{58}/);
  assert.doesNotMatch(answered.screen, /correct horse/);
  assert.match(readFileSync(setting.identity, 'latin1'), /^-----BEGIN AGE ENCRYPTED FILE-----/);
  assert.equal(keyOnSheet(setting), undefined);
  assert.deepEqual((await loadIdentities([setting.identity], { askPassphrase: async () => 'correct horse' })).length, 1);
  assert.equal(spawnSync('age-keygen', ['-y', setting.identity], { input: '' }).status === 0, false);
});

test('the disk of the mail is no place for its backups without a warning', async () => {
  const setting = makeSetting();
  const { json } = await setting.json(...initArguments(setting, '--dry-run'));
  assert.ok(json.findings.some(({ code, subject }) => code === 'same-disk' && subject === setting.repository));
  const none = await setting.json('init', '--dry-run', '--mail', join(setting.root, 'nothing/%u'), '--repository', setting.repository);
  assert.ok(none.json.findings.some(({ code }) => code === 'no-mailbox'));
});

test('without --mail, Dovecot is asked, and its answer makes a configuration that works', async (t) => {
  const reason = missing('doveconf', 'dovecot');
  if (reason !== false) return t.skip(reason);
  const setting = makeSetting(12);
  const bin = join(setting.root, 'bin');
  const settings = join(setting.root, 'dovecot.conf');
  mkdirSync(bin);
  const version = spawnSync(findProgram('dovecot') ?? '', ['--version'], { encoding: 'utf8' }).stdout.trim();
  const mail = `${setting.root}/mail/%d/%n/Maildir`;
  const modern = `dovecot_config_version = ${version.split(' ')[0]}\ndovecot_storage_version = ${version.split(' ')[0]}\nmail_driver = maildir\nmail_path = ${setting.root}/mail/%{user | domain}/%{user | username}/Maildir\n`;
  const users = `userdb {\n  driver = sql\n  args = ${setting.root}/sql.conf\n}\n`;
  writeFileSync(
    settings,
    version.startsWith('2.3') ? `mail_location = maildir:${mail}\nnamespace inbox {\n  inbox = yes\n  separator = /\n}\n${users}` : modern,
  );
  writeFileSync(join(setting.root, 'sql.conf'), `driver = sqlite\nconnect = ${setting.root}/users.db\n`);
  // The real doveconf, reading another file than the host's own.
  writeFileSync(join(bin, 'doveconf'), `#!/bin/sh\nexec ${findProgram('doveconf')} -c ${settings} "$@"\n`, { mode: 0o755 });
  const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}` };
  const args = ['--config', setting.config, '--json', 'init', '--repository', setting.repository, '--state', setting.state];
  // What else belongs to the server is suggested, with the database that its users lie in.
  const plan = JSON.parse((await mailrecover([...args, '--dry-run'], { env })).out) as { findings: { code: string; hint?: string }[] };
  const hint = plan.findings.find(({ code: name }) => name === 'system-suggested')?.hint ?? '';
  assert.match(hint, /: system: \{/);
  if (version.startsWith('2.3')) assert.ok(hint.includes(`preset: sqlite, database: "${setting.root}/users.db"`), hint);
  const { code, out } = await mailrecover([...args, '--no-encryption'], { env });
  const json = JSON.parse(out) as { found: string[]; stores: { path: string }[] };
  assert.equal(code, 0, out);
  assert.ok(
    json.found.some((said) => said.startsWith('dovecot keeps maildir in')),
    out,
  );
  assert.deepEqual(
    json.stores.map(({ path }) => path),
    [mail],
  );
  assert.equal((await setting.json('backup')).json.counts['messages'], 12);
});
