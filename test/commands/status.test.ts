import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { generateIdentity } from '../../src/repository/age/keys.ts';
import { initArguments, makeSetting } from './setting.ts';

test('status from the first day on', async () => {
  const setting = makeSetting();
  const recipient = generateIdentity().identity.recipient.text;
  await setting.json(...initArguments(setting, '--recipient', recipient));
  const fresh = await setting.json('status');
  assert.deepEqual([fresh.code, fresh.json.outcome], [0, 'warning']);
  assert.deepEqual(
    fresh.json.findings.map(({ code }) => code),
    ['no-backup'],
  );
  const backup = await setting.json('backup');
  const { code, json } = await setting.json('status');
  assert.deepEqual([code, json.outcome], [0, 'ok']);
  const newest = json['newest'] as { id: string; host: string; messages: number };
  assert.deepEqual([newest.id, newest.host, newest.messages], [backup.json['snapshot'], 'mx1', 30]);
  assert.ok((json['ageSeconds'] as number) < 3600);
  assert.deepEqual(json['key'], { confirmed: true, bareIdentity: false });
  assert.ok((json['grownLastWeek'] as number) > 0);
  assert.equal((json['lastRuns'] as { backup: { state: string } }).backup.state, 'ok');
  const quiet = await setting.run('status', '--quiet');
  assert.deepEqual([quiet.code, quiet.out, quiet.err], [0, '', '']);
  const text = await setting.run('status');
  assert.ok(text.out.split('\n').length < 24, 'one screen');
});

test('a goal that is missed, and damage that a check found, end with exit 1 and 4', async () => {
  const setting = makeSetting();
  await setting.json(...initArguments(setting));
  await setting.json('backup');
  writeFileSync(setting.config, `${readFileSync(setting.config, 'utf8')}\ngoals:\n  rpo: 1s\n  rto: 1h\n`);
  await new Promise((resolve) => setTimeout(resolve, 2100));
  const late = await setting.json('status');
  assert.equal(late.code, 1);
  assert.ok(late.json.findings.some(({ severity, code }) => severity === 'error' && code === 'backup-old'));
  assert.equal((late.json['goals'] as { rpo: { met: boolean } }).rpo.met, false);
  rmSync(join(setting.repository, 'recover.sh'));
  await setting.json('check');
  assert.equal((await setting.json('status')).code, 4);
});

test('a backup that fails is told', async () => {
  const setting = makeSetting();
  await setting.json(...initArguments(setting, '--no-encryption'));
  await setting.json('backup');
  rmSync(join(setting.root, 'mail'), { recursive: true });
  assert.notEqual((await setting.json('backup')).code, 0);
  const { code, json } = await setting.json('status');
  assert.equal(code, 0);
  assert.ok(json.findings.some(({ code: name }) => name === 'last-backup'));
});
