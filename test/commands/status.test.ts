import assert from 'node:assert/strict';
import { appendFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { generateIdentity } from '../../src/repository/age/keys.ts';
import { mailrecover } from '../cli/program.ts';
import { initArguments, makeSetting, type Result, type Setting } from './setting.ts';

/** A setting whose repository lies on another file system than the mail, where there is one. */
function apart(messages?: number): Setting & { apart: boolean } {
  const setting = makeSetting(messages);
  if (!existsSync('/dev/shm') || statSync('/dev/shm').dev === statSync(setting.root).dev) return { ...setting, apart: false };
  const place = mkdtempSync('/dev/shm/mailrecover-');
  after(() => rmSync(place, { recursive: true, force: true }));
  return { ...setting, repository: join(place, 'repo'), apart: true };
}

function codes({ json }: Result, ...severities: string[]): string[] {
  return json.findings.filter(({ severity }) => severities.includes(severity)).map(({ code }) => code);
}

/** Writes a run into the history, as if it had been. */
function remember(setting: Setting, run: { command: string; hoursAgo: number; state?: string; counts?: Record<string, number> }): void {
  const id = `${run.command}${run.hoursAgo}`.padEnd(16, '0');
  const time = (hours: number): string => new Date(Date.now() - hours * 3_600_000).toISOString();
  const start = {
    run: id,
    event: 'start',
    time: time(run.hoursAgo),
    command: run.command,
    arguments: [run.command],
    host: 'mx1',
    version: '0',
  };
  mkdirSync(setting.state, { recursive: true });
  const lines: unknown[] = [{ ...start, pid: 1, started: '0', boot: 'x' }];
  if (run.state !== undefined)
    lines.push({
      run: id,
      event: 'end',
      time: time(run.hoursAgo),
      outcome: run.state,
      exitCode: 0,
      counts: run.counts ?? {},
      findings: {},
    });
  appendFileSync(join(setting.state, 'history.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

test('status from the first day on', async () => {
  const setting = apart();
  const recipient = generateIdentity().identity.recipient.text;
  await setting.json(...initArguments(setting, '--recipient', recipient));
  const fresh = await setting.json('status');
  assert.deepEqual([fresh.code, fresh.json.outcome], [0, 'warning']);
  assert.ok(codes(fresh, 'warning').includes('no-backup'));
  assert.match((await setting.run('status')).out, /^not yet, mx1 must not be lost now: all its mail would be gone/);
  const backup = await setting.json('backup');
  const asked = await setting.json('status');
  const { code, json } = asked;
  assert.equal(code, 0);
  assert.deepEqual(codes(asked, 'error', 'warning'), setting.apart ? [] : ['same-disk']);
  const newest = json['newest'] as { id: string; host: string; messages: number };
  assert.deepEqual([newest.id, newest.host, newest.messages], [backup.json['snapshot'], 'mx1', 30]);
  assert.ok((json['ageSeconds'] as number) < 3600);
  assert.deepEqual(json['key'], { confirmed: true, bareIdentity: false });
  assert.ok((json['grownLastWeek'] as number) > 0);
  assert.equal((json['lastRuns'] as { backup: { state: string } }).backup.state, 'ok');
  const text = await setting.run('status');
  assert.ok(text.out.split('\n').length < 24, 'one screen');
  if (!setting.apart) return;
  assert.equal(json.outcome, 'ok');
  assert.deepEqual(json['verdict'], { answer: 'yes', because: [] });
  assert.match(text.out, /^yes, mx1 could be lost now: at most the mail of the last minute would be gone/);
  const quiet = await setting.run('status', '--quiet');
  assert.deepEqual([quiet.code, quiet.out, quiet.err], [0, '', '']);
});

test('a goal that is missed, and damage that a check found, end with exit 1 and 4', async () => {
  const setting = makeSetting();
  await setting.json(...initArguments(setting));
  await setting.json('backup');
  writeFileSync(setting.config, `${readFileSync(setting.config, 'utf8')}\ngoals:\n  rpo: 1s\n  rto: 1h\n  proof: 30d\n`);
  await new Promise((resolve) => setTimeout(resolve, 2100));
  const late = await setting.json('status');
  assert.equal(late.code, 1);
  assert.deepEqual(codes(late, 'error'), ['backup-old', 'never-verified']);
  assert.equal((late.json['goals'] as { rpo: { met: boolean } }).rpo.met, false);
  assert.match(
    (await setting.run('status')).out,
    /^no, mx1 must not be lost now: the newest complete backup of mx1 is older than the goal of 1s/,
  );
  assert.equal((await setting.json('verify', '--level', 'files')).code, 0);
  const proved = await setting.json('status');
  assert.deepEqual(codes(proved, 'error'), ['backup-old']);
  assert.equal((proved.json['goals'] as { rto: { met: boolean } }).rto.met, true);
  rmSync(join(setting.repository, 'recover.sh'));
  await setting.json('check');
  assert.equal((await setting.json('status')).code, 4);
});

test('a backup that fails is told; a mistyped command is not', async () => {
  const setting = makeSetting();
  await setting.json(...initArguments(setting, '--no-encryption'));
  await setting.json('backup');
  await setting.json('verify', '--level', 'files', '--sample', '50%');
  for (const mistyped of [
    ['verify', '--sample', '0'],
    ['verify', 'latest~7'],
    ['backup', '--mailbox', 'nobody'],
  ])
    assert.equal((await setting.json(...mistyped)).code, 2);
  const fine = await setting.json('status');
  assert.deepEqual(codes(fine, 'error'), []);
  assert.ok(!codes(fine, 'warning').includes('last-backup'));
  assert.equal((fine.json['verified'] as { scope: string }).scope, 'part');
  assert.equal(fine.json['verifiedWhole'], undefined);
  rmSync(join(setting.root, 'mail'), { recursive: true });
  assert.notEqual((await setting.json('backup')).code, 0);
  const told = await setting.json('status');
  assert.equal(told.code, 0);
  assert.ok(codes(told, 'warning').includes('last-backup'));
  assert.equal((told.json['failures'] as unknown[]).length, 1);
});

test('runs that never ended, growth, and a proof that another host made', async () => {
  const setting = makeSetting(10);
  await setting.json(...initArguments(setting));
  remember(setting, { command: 'backup', hoursAgo: 100, state: 'ok', counts: { messages: 10, newMessages: 10, bytesStored: 5e9 } });
  for (const hoursAgo of [96, 72, 48])
    remember(setting, { command: 'backup', hoursAgo, state: 'ok', counts: { messages: 10, newMessages: 1, bytesStored: 1e6 } });
  remember(setting, { command: 'prune', hoursAgo: 2 });
  const backup = await setting.json('backup');
  const { json } = await setting.json('status');
  const growth = json['growth'] as { perDay: number; free: number; daysUntilFull: number };
  // Three megabytes in 100 hours, and this backup; the first one is left out.
  assert.ok(growth.perDay > 700_000 && growth.perDay < 800_000, String(growth.perDay));
  assert.equal(growth.daysUntilFull, Math.floor(growth.free / growth.perDay));
  assert.deepEqual(
    (json['incomplete'] as { command: string; state: string }[]).map(({ command, state }) => `${command} ${state}`),
    ['prune incomplete'],
  );
  assert.equal(json['verified'], undefined);

  const etc = join(setting.root, 'etc2');
  cpSync(join(setting.root, 'etc'), etc, { recursive: true });
  rmSync(join(etc, 'host.key'));
  const config = join(etc, 'mailrecover.yaml');
  writeFileSync(config, readFileSync(config, 'utf8').replace('host: mx1', 'host: prover').replace(setting.state, `${setting.state}2`));
  const elsewhere = async (...args: string[]): Promise<Result> => {
    const { code, out } = await mailrecover(['--config', config, '--json', ...args]);
    return { code, json: JSON.parse(out) as Result['json'] };
  };
  assert.equal((await elsewhere('backup')).code, 0);
  assert.equal((await elsewhere('verify', '--host', 'mx1', '--level', 'files')).code, 0);
  const strange = await setting.json('status');
  assert.equal(strange.json['verified'], undefined);
  const key = strange.json.findings.find(({ code }) => code === 'unconfirmed-proof')?.subject ?? '';
  appendFileSync(setting.config, `\ntrust: [${key}]\n`);
  const proved = (await setting.json('status')).json['verified'] as { by: string; snapshot: string };
  assert.deepEqual([proved.by, proved.snapshot], ['prover', backup.json['snapshot']]);
  const all = await setting.json('status', '--all');
  assert.deepEqual(
    (all.json['hosts'] as { host: string; snapshots: number }[]).map(({ host, snapshots }) => [host, snapshots]),
    [
      ['mx1', 1],
      ['prover', 1],
    ],
  );
  const other = await setting.json('status', '--host', 'prover');
  assert.deepEqual([other.json['asked'], other.json['host']], ['prover', 'mx1']);
  assert.equal((await setting.json('status', '--host', 'porver')).code, 2);
  assert.match((await setting.run('status')).out, /other hosts +prover (just now|\d+ .* ago); see --all/);
});

test('a second copy that was never made, or is forgotten, is told', async () => {
  const setting = makeSetting(4);
  await setting.json(...initArguments(setting, '--no-encryption'));
  await setting.json('backup');
  assert.ok(codes(await setting.json('status'), 'info').includes('no-second-copy'));
  const place = join(setting.root, 'copy');
  appendFileSync(setting.config, `copies:\n  - name: offsite\n    at: ${place}\n`);
  const never = await setting.json('status');
  assert.match(never.json.findings.find(({ code }) => code === 'copy-old')?.message ?? '', /never copied/);
  assert.equal((await setting.json('copy')).code, 0);
  const copied = await setting.json('status');
  assert.ok(!copied.json.findings.some(({ code }) => code === 'copy-old' || code === 'no-second-copy'));
});
