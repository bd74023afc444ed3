import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { htmlProblem, visibleText } from '../../support/html.ts';
import { initArguments, makeSetting } from '../../commands/setting.ts';

const setting = makeSetting(6);

before(async () => {
  await setting.json(...initArguments(setting));
});

test('report --html writes the page, before and after the first backup, and keeps who may read it', async () => {
  const file = join(setting.root, 'report.html');
  const first = await setting.json('report', '--html', file);
  assert.deepEqual([first.code, first.json.artifacts], [0, [{ kind: 'page', path: file }]]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const english = visibleText(readFileSync(file, 'utf8'));
  assert.match(english, /What to do next.*mailrecover backup/);
  // Signs that are not ASCII survive being bundled.
  assert.match(english, /Daily · /);

  chmodSync(file, 0o644);
  await setting.json('backup');
  const second = await setting.run('report', '--html', file, '--lang', 'ja');
  assert.equal(second.code, 0);
  assert.ok(second.out.includes(`ブラウザー用のページ: ${file}`), second.out);
  assert.equal(statSync(file).mode & 0o777, 0o644);
  const page = readFileSync(file, 'utf8');
  assert.equal(htmlProblem(page), undefined);
  assert.ok(page.includes('<html lang="ja">'));
  assert.match(visibleText(page), /期間中の実行履歴.*backup/);
});

test('a page that can not be written is an error, and nothing is left behind', async () => {
  const file = join(setting.root, 'taken');
  mkdirSync(file);
  const { code, json } = await setting.json('report', '--html', file);
  assert.equal(code, 1);
  assert.equal((json['error'] as { code: string }).code, 'io');
  assert.deepEqual(
    readdirSync(setting.root).filter((name) => name.startsWith('taken') || name.startsWith('.taken')),
    ['taken'],
  );
});
