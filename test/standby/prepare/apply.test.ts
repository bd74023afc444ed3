import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeChanges, type WriteRequest } from '../../../src/standby/prepare/apply.ts';
import { preparedRuns, undoRun } from '../../../src/standby/prepare/undo.ts';
import { groupName, userName } from '../../../src/system/owners.ts';
import { scratch } from '../../support/tmp.ts';

const owner = { user: userName(process.getuid?.() ?? 0), group: groupName(process.getgid?.() ?? 0) };
const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
const file = (path: string, text: string, expect: string | null, mode = 0o640): WriteRequest['files'][number] => ({
  path,
  content: Buffer.from(text).toString('base64'),
  mode,
  ...owner,
  mtime: 1_600_000_000,
  expect,
});

test('files, links and modes are changed, and put back as they were', async () => {
  const root = scratch('prepare');
  const at = (name: string): string => join(root, name);
  writeFileSync(at('old'), 'old\n', { mode: 0o600 });
  symlinkSync('old', at('link'));
  const state = at('state');
  mkdirSync(state);
  const done = await writeChanges(state, {
    run: 'run-1',
    accounts: [],
    directories: [{ path: at('deep'), mode: 0o750, ...owner }],
    files: [
      file(at('old'), 'new\n', hash('old\n'), 0o644),
      file(at('deep/fresh'), 'fresh\n', null),
      { path: at('link'), to: 'deep/fresh', mode: 0o777, ...owner, mtime: 1, expect: 'link:old' },
    ],
  });
  assert.deepEqual(done, { written: 3, findings: [] });
  assert.equal(readFileSync(at('link'), 'utf8'), 'fresh\n');
  assert.equal(statSync(at('old')).mode & 0o777, 0o644);
  assert.equal(statSync(at('deep/fresh')).mtimeMs, 1_600_000_000_000);
  // A run that was killed in the middle of a line.
  appendFileSync(join(state, 'standby/prepared/run-1/journal.jsonl'), '{"do":"fi');
  const undone = await undoRun(state, undefined);
  assert.deepEqual(undone.restored.toSorted(), [at('deep/fresh'), at('link'), at('old')].toSorted());
  assert.equal(readFileSync(at('old'), 'utf8'), 'old\n');
  assert.equal(statSync(at('old')).mode & 0o777, 0o600);
  assert.equal(readlinkSync(at('link')), 'old');
  assert.equal(existsSync(at('deep')), false);
  assert.deepEqual(preparedRuns(state), []);
  await assert.rejects(undoRun(state, undefined), /nothing was prepared/);
});

test('what is not as it was shown is left alone, and so is what somebody changed afterwards', async () => {
  const root = scratch('prepare');
  const at = (name: string): string => join(root, name);
  writeFileSync(at('a'), 'changed by hand\n');
  writeFileSync(at('b'), 'before\n');
  const done = await writeChanges(root, {
    run: 'run-2',
    accounts: [],
    directories: [],
    files: [file(at('a'), 'new\n', hash('as shown\n')), file(at('b'), 'new\n', hash('before\n'))],
  });
  assert.deepEqual([done.written, done.findings.map(({ code }) => code)], [1, ['changed-meanwhile']]);
  assert.equal(readFileSync(at('a'), 'utf8'), 'changed by hand\n');
  writeFileSync(at('b'), 'mended by hand\n');
  const undone = await undoRun(root, 'run-2');
  assert.deepEqual([undone.restored, undone.findings.map(({ code }) => code)], [[], ['changed-meanwhile']]);
  assert.equal(readFileSync(at('b'), 'utf8'), 'mended by hand\n');
  assert.match(undone.findings[0]?.hint ?? '', /what was there before lies in/);
});

test('a run that was killed between its journal and the file can be taken back', async () => {
  const root = scratch('prepare');
  const path = join(root, 'f');
  writeFileSync(path, 'before\n');
  await writeChanges(root, { run: 'run-3', accounts: [], directories: [], files: [file(path, 'new\n', hash('before\n'))] });
  writeFileSync(path, 'before\n');
  const { mode } = lstatSync(path);
  const undone = await undoRun(root, 'run-3');
  assert.deepEqual(undone.findings, []);
  assert.equal(readFileSync(path, 'utf8'), 'before\n');
  assert.ok(mode > 0);
});
