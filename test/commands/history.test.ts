import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { mailrecover } from '../cli/program.ts';
import { isRoot } from '../support/host.ts';
import { initArguments, makeSetting, type Result, type Setting } from './setting.ts';

interface Run {
  id: string;
  command: string;
  arguments: string[];
  host: string;
  state: string;
  exitCode?: number;
  counts: Record<string, number>;
  codes?: string[];
  error?: { code: string };
  subject?: Record<string, string>;
}

function runsOf({ json }: Result): Run[] {
  return json['runs'] as Run[];
}

/** Runs with another configuration, on "another host". */
async function elsewhere(config: string, ...args: string[]): Promise<Result> {
  const { code, out } = await mailrecover(['--config', config, '--json', ...args]);
  return { code, json: JSON.parse(out) as Result['json'] };
}

function secondHost(setting: Setting): string {
  const etc = join(setting.root, 'etc2');
  mkdirSync(etc);
  const text = readFileSync(setting.config, 'utf8');
  writeFileSync(join(etc, 'm.yaml'), text.replace('host: mx1', 'host: mx2').replace(setting.state, join(setting.root, 'state2')));
  return join(etc, 'm.yaml');
}

test('what ran on one host is read on another, without a key and without names', async () => {
  const setting = makeSetting();
  await setting.json(...initArguments(setting));
  const backup = await setting.json('backup');
  await setting.json('verify', '--sample', '50%', '--mailbox', 'alice*', '--level', 'files');
  await setting.json('cat', 'latest', 'nothing');
  const line = join(setting.state, 'history.jsonl');
  // A run whose process is gone.
  const killed = { run: 'f'.repeat(16), event: 'start', time: new Date().toISOString(), command: 'backup', arguments: ['backup'] };
  writeFileSync(line, `${JSON.stringify({ ...killed, host: 'mx1', version: '0', pid: 1, started: '0', boot: 'x' })}\n`, { flag: 'a' });
  await setting.json('backup');

  const strange = await mailrecover(['--config', '/nonexistent', '--json', 'history', '--repository', setting.repository]);
  const told = runsOf({ code: strange.code, json: JSON.parse(strange.out) as Result['json'] });
  assert.deepEqual(
    told.map(({ host, command, state, exitCode }) => [host, command, state, exitCode]),
    [
      ['mx1', 'backup', 'ok', 0],
      ['mx1', 'verify', 'ok', 0],
      ['mx1', 'cat', 'failed', 2],
      ['mx1', 'backup', 'incomplete', undefined],
      ['mx1', 'backup', 'ok', 0],
    ],
  );
  assert.deepEqual(told[0]?.subject, { snapshot: backup.json['snapshot'] });
  assert.deepEqual([told[1]?.subject?.['level'], told[1]?.subject?.['scope']], ['files', 'part']);
  assert.equal(told[2]?.error?.code, 'not-found');
  assert.deepEqual(told[0]?.counts, backup.json.counts);
  const [folder = ''] = readdirSync(join(setting.repository, 'runs'));
  for (const name of readdirSync(join(setting.repository, 'runs', folder))) {
    const text = zstdDecompressSync(readFileSync(join(setting.repository, 'runs', folder, name))).toString();
    assert.doesNotMatch(text, /alice|bob|nothing|Maildir|\/tmp/);
  }
  assert.deepEqual((await setting.json('check', '--read-data')).json.findings, []);

  const other = secondHost(setting);
  copyFileSync(setting.identity, join(setting.root, 'etc2/identity.txt'));
  assert.equal((await elsewhere(other, 'backup')).code, 0);
  const all = runsOf(await setting.json('history', '--all-hosts', '--limit', '0'));
  assert.equal(all.at(-1)?.host, 'mx2');
  // This host's own runs with all that it knows.
  assert.ok(all.find(({ command }) => command === 'verify')?.arguments.includes('--sample'));
  const two = runsOf(await elsewhere(other, 'history', '--host', 'mx1', '--failed', '--limit', '0'));
  assert.deepEqual(
    two.map(({ state }) => state),
    ['failed', 'incomplete'],
  );
  assert.equal((await elsewhere(other, 'history', '--host', 'mx3')).code, 2);
});

test('runs are chosen by command, outcome and time', async () => {
  const setting = makeSetting(4);
  await setting.json(...initArguments(setting, '--no-encryption'));
  await setting.json('backup');
  await setting.json('check');
  await setting.json('restore', 'latest', '--to', setting.root);
  const chosen = async (...args: string[]): Promise<string[]> =>
    runsOf(await setting.json('history', ...args)).map(({ command }) => command);
  assert.deepEqual(await chosen('--command', 'backup', '--command', 'check'), ['backup', 'check']);
  assert.deepEqual(await chosen('--outcome', 'failed'), ['restore']);
  assert.deepEqual(await chosen('--since', '2000-01-01', '--limit', '2'), ['check', 'restore']);
  assert.deepEqual(await chosen('--since', '2999-01-01'), []);
  assert.equal((await setting.json('history', '--command', 'bakcup')).code, 2);
  assert.equal((await setting.json('history', '--since', 'nonsense')).code, 2);
});

test('a repository that takes nothing costs no run', { skip: isRoot ? 'root writes everywhere' : false }, async () => {
  const setting = makeSetting(4);
  await setting.json(...initArguments(setting, '--no-encryption'));
  await setting.json('backup');
  rmSync(join(setting.repository, 'runs'), { recursive: true });
  chmodSync(setting.repository, 0o500);
  assert.equal((await setting.json('check')).code, 0);
  chmodSync(setting.repository, 0o700);
  await setting.json('check');
  assert.equal(runsOf(await setting.json('history', '--all-hosts')).length, 3);
});
