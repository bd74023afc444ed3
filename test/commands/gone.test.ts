import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { initArguments, makeSetting } from './setting.ts';

test('mailboxes that are gone are named, once', async () => {
  const setting = makeSetting();
  await setting.run(...initArguments(setting));
  assert.equal((await setting.run('backup')).code, 0);
  renameSync(join(setting.root, 'mail/example.org/bob'), join(setting.root, 'bob'));
  const { code, json } = await setting.json('backup');
  assert.deepEqual([code, json.outcome], [0, 'warning']);
  assert.match(
    json.findings.find((finding) => finding.code === 'mailboxes-gone')?.message ?? '',
    /^1 mailbox is gone .*'bob@example\.org'$/,
  );
  assert.equal((await setting.json('backup')).json.outcome, 'ok');
});
