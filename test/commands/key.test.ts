import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { writeIdentity } from '../../src/repository/age/identity-file.ts';
import { generateIdentity } from '../../src/repository/age/keys.ts';
import { keyGroups } from '../../src/repository/sheet.ts';
import { missing } from '../support/host.ts';
import { writeMessage } from '../support/maildir.ts';
import { onTerminal } from '../support/terminal.ts';
import { BINARY } from '../support/binary.ts';
import { initArguments, keyOnSheet, makeSetting, type Setting } from './setting.ts';

async function deliver({ root }: Setting, name: string): Promise<void> {
  writeMessage(
    join(root, 'mail/example.org/alice/Maildir/cur', `${name}:2,`),
    Buffer.from(`Subject: ${name}\n\n${name}\n`),
    1_700_000_000_000,
  );
}

test('a recipient that is added reads what is stored from then on; one that is revoked no longer does', async () => {
  const setting = makeSetting(5);
  await setting.json(...initArguments(setting));
  writeFileSync(setting.config, readFileSync(setting.config, 'utf8').replace(/^recipients:/m, '# mine\nrecipients:'));
  const second = generateIdentity();
  const file = join(setting.root, 'second.txt');
  await writeIdentity(file, second.secret);
  const added = await setting.json('key', 'add', second.identity.recipient.text);
  assert.equal(added.code, 0);
  const config = await loadConfig(setting.config);
  assert.deepEqual(added.json['recipients'], config.recipients);
  assert.equal(config.recipients.length, 2);
  assert.match(readFileSync(setting.config, 'utf8'), /^# mine$/m);
  assert.equal((await setting.json('backup')).code, 0);
  assert.equal((await setting.json('restore', 'latest', '--identity', file, '--to', join(setting.root, 'a'))).code, 0);
  // The dedup secret is wrapped for it, too.
  assert.deepEqual((await setting.json('check', '--read-data', '--identity', file)).json.findings, []);
  assert.equal((await setting.json('key', 'add', second.identity.recipient.text)).json.counts['recipients'], 2);

  const revoked = await setting.run('key', 'revoke', second.identity.recipient.text);
  assert.equal(revoked.code, 0);
  assert.match(revoked.out, /stored before still can/);
  await deliver(setting, 'later');
  assert.equal((await setting.json('backup', '--deep')).code, 0);
  assert.equal((await setting.json('restore', 'latest', '--identity', file, '--to', join(setting.root, 'b'))).code, 12);
  assert.equal((await setting.json('restore', 'latest', '--to', join(setting.root, 'c'))).code, 0);
});

test('what makes no sense is refused', async () => {
  const setting = makeSetting(2);
  await setting.json(...initArguments(setting));
  const [only = ''] = (await loadConfig(setting.config)).recipients;
  assert.equal((await setting.json('key', 'revoke', only)).code, 20);
  assert.equal((await setting.json('key', 'revoke', generateIdentity().identity.recipient.text)).code, 2);
  assert.equal((await setting.json('key', 'add', 'age1nothing')).code, 12);
  assert.equal((await setting.json('key', 'confirm')).code, 2);
  const clear = makeSetting(2);
  await clear.json(...initArguments(clear, '--no-encryption'));
  assert.equal((await clear.json('key', 'add', only)).code, 20);
  assert.equal((await clear.json('key', 'confirm')).code, 12);
});

test('the key is confirmed from paper, and leaves the host', async (t) => {
  const reason = missing('script');
  if (reason !== false) return t.skip(reason);
  const setting = makeSetting(2);
  await setting.json(...initArguments(setting));
  const key = keyOnSheet(setting) ?? '';
  const groups = keyGroups(key);
  const confirm = (answer: (group: string) => string, remove: string, ...more: string[]) =>
    onTerminal(
      BINARY,
      ['--config', setting.config, 'key', 'confirm', ...more],
      [
        [/group (\d+) of the private key [^\n]*: /, (match) => answer(groups[Number(match[1]) - 1] ?? '')],
        [/remove [^\n]* from this host\? \[y\/N\] /, remove],
        [/the private key on the recovery sheet, as one line[^\n]*: /, () => answer(key)],
      ],
    );
  const wrong = await confirm(() => 'QQQQ', 'y');
  assert.equal(wrong.code, 1, wrong.screen);
  assert.ok(existsSync(setting.identity));
  const codes = async (): Promise<string[]> => (await setting.json('status')).json.findings.map(({ code }) => code);
  assert.ok((await codes()).includes('key-unconfirmed'));

  const kept = await confirm((group) => group.toLowerCase(), 'n', '--keep');
  assert.equal(kept.code, 0, kept.screen);
  assert.ok(existsSync(setting.identity));
  assert.ok(!(await codes()).includes('key-unconfirmed'));
  assert.ok((await codes()).includes('bare-identity'));

  const right = await confirm((group) => group, 'y');
  assert.equal(right.code, 0, right.screen);
  assert.ok(!existsSync(setting.identity) && !existsSync(setting.sheet));
  assert.deepEqual((await loadConfig(setting.config)).identities, []);
  const status = await setting.json('status');
  assert.deepEqual(status.json['key'], { confirmed: true, bareIdentity: false });
  // Confirmed again, from paper alone.
  const again = await confirm((group) => group, 'y');
  assert.equal(again.code, 0, again.screen);
});
