import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Finding } from '../../../src/errors/finding.ts';
import { MailrecoverError } from '../../../src/errors/error.ts';
import { identityFileState, loadIdentities, writeIdentity } from '../../../src/repository/age/identity-file.ts';
import { generateIdentity } from '../../../src/repository/age/keys.ts';

const root = mkdtempSync(join(tmpdir(), 'mr-identity-'));
after(() => rmSync(root, { recursive: true, force: true }));

function file(name: string, text: string | Uint8Array, mode = 0o600): string {
  const path = join(root, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

function refuses(path: string, wanted: RegExp, options: Parameters<typeof loadIdentities>[1] = {}): Promise<void> {
  return assert.rejects(loadIdentities([path], options), (error) => {
    assert.ok(error instanceof MailrecoverError && error.code === 'key', String(error));
    assert.match(error.message, wanted);
    assert.doesNotMatch(`${error.message} ${error.hint ?? ''}`, /AGE-SECRET-KEY-1[0-9A-Z]/);
    return true;
  });
}

test('a written identity is read again, and looks as age-keygen writes it', async () => {
  const { secret, identity } = generateIdentity();
  const path = join(root, 'new.txt');
  await writeIdentity(path, secret);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.match(readFileSync(path, 'utf8'), /^# created: \S+\n# public key: age1\S+\nAGE-SECRET-KEY-1\S+\n$/);
  assert.deepEqual(
    (await loadIdentities([path])).map((one) => one.recipient.text),
    [identity.recipient.text],
  );
  assert.equal(identityFileState(path), 'bare');
  await assert.rejects(writeIdentity(path, secret), /never overwritten/);
});

test('several keys, comments, blank lines, CRLF and doubles', async () => {
  const [a, b] = [generateIdentity(), generateIdentity()];
  const path = file('many.txt', `\uFEFF# mine\r\n\r\n${a.secret}\r\n# other\n${b.secret}\n${a.secret.toLowerCase()}\n`);
  const loaded = await loadIdentities([path, path]);
  assert.deepEqual(
    loaded.map((one) => one.recipient.text),
    [a.identity.recipient.text, b.identity.recipient.text],
  );
});

test('a file that others can read is a warning', async () => {
  const findings: Finding[] = [];
  await loadIdentities([file('open.txt', `${generateIdentity().secret}\n`, 0o644)], { findings });
  assert.deepEqual(
    findings.map(({ severity, code }) => [severity, code]),
    [['warning', 'identity-readable']],
  );
});

test('what is no identity file is named without what stands in it', async () => {
  const { secret, identity } = generateIdentity();
  await refuses(join(root, 'absent.txt'), /no such file/);
  await refuses(root, /is a directory/);
  await refuses(file('empty.txt', '# nothing\n'), /holds no age identity/);
  await refuses(file('typo.txt', `# x\n${secret.replace(/.$/, (last) => (last === 'Q' ? 'P' : 'Q'))}\n`), /line 2 .*mistyped/);
  await refuses(file('public.txt', `${identity.recipient.text}\n`), /line 1 .*public key/);
  await refuses(file('plugin.txt', 'AGE-PLUGIN-YUBIKEY-1QQQQ\n'), /plugins are not supported/);
  await refuses(file('ssh.txt', '-----BEGIN OPENSSH PRIVATE KEY-----\n'), /SSH/);
  await refuses(file('large.txt', Buffer.alloc(1024 * 1024 + 1)), /too large/);
  await refuses(file('torn.txt', '-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n'), /is damaged/, { askPassphrase: async () => 'x' });
});

test('a wrapped identity asks for its passphrase, and again where it was wrong', async () => {
  const { secret, identity } = generateIdentity();
  const path = join(root, 'wrapped.txt');
  await writeIdentity(path, secret, { passphrase: 'correct horse' });
  assert.equal(identityFileState(path), 'wrapped');
  assert.doesNotMatch(readFileSync(path, 'utf8'), /AGE-SECRET-KEY/);
  const answers = ['wrong', 'correct horse'];
  const loaded = await loadIdentities([path], { askPassphrase: async () => answers.shift() ?? '' });
  assert.equal(loaded[0]?.recipient.text, identity.recipient.text);
  await refuses(path, /passphrase, and there is no terminal/);
});

test('age encrypts to what we make, and we read what age wrapped', async (t) => {
  if (spawnSync('age-keygen', ['--version']).error !== undefined) return t.skip('age is not installed');
  const path = join(root, 'age.txt');
  assert.equal(spawnSync('age-keygen', ['-o', path]).status, 0);
  const [identity] = await loadIdentities([path]);
  assert.equal(identity?.recipient.text, spawnSync('age-keygen', ['-y', path], { encoding: 'utf8' }).stdout.trim());
  const sealed = spawnSync('age', ['-r', identity?.recipient.text ?? '', path]);
  await refuses(file('sealed.age', sealed.stdout), /another key/, { askPassphrase: async () => 'x' });
});
