import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KnownRun } from '../../src/backup/all-runs.ts';
import type { HostStatus } from '../../src/backup/status/hosts.ts';
import { summarize } from '../../src/backup/status/runs.ts';
import { type Asked, gatherReport } from '../../src/commands/report/gather.ts';
import { finding } from './sample.ts';

const MADE = Date.now();
const HOUR = 3_600_000;
const iso = (hoursAgo: number): string => new Date(MADE - hoursAgo * HOUR).toISOString();

function run(host: string, command: string, hoursAgo: number, more: Partial<KnownRun> = {}): KnownRun {
  return {
    id: `${host}-${command}-${hoursAgo}`,
    command,
    arguments: [command],
    host,
    startedAt: iso(hoursAgo),
    finishedAt: iso(hoursAgo - 0.01),
    state: 'ok',
    counts: command === 'backup' ? { messages: 100, newMessages: 3, bytesStored: 1000 } : {},
    findings: {},
    version: '1',
    ...more,
  };
}

function status(host: string, hoursAgo: number | undefined, runs: KnownRun[] = []): HostStatus {
  const newest = hoursAgo === undefined ? undefined : { id: 'ab'.repeat(32), time: iso(hoursAgo), host, messages: 100, bytes: 5000 };
  return {
    host,
    key: undefined,
    newest,
    ageSeconds: hoursAgo === undefined ? undefined : hoursAgo * 3600,
    partial: undefined,
    snapshots: hoursAgo === undefined ? 0 : 1,
    verified: undefined,
    verifiedWhole: undefined,
    proofs: [],
    runs,
    ...summarize(runs),
  };
}

function asked(hosts: HostStatus[], more: Partial<Asked> = {}): Asked {
  return {
    madeAt: iso(0),
    by: 'mx1',
    version: '1.0.0',
    period: 'day',
    status: {
      host: 'mx1',
      created: iso(1000),
      hosts,
      findings: [],
      encrypted: true,
      size: { bytes: 1, objects: 1 },
      growth: { perDay: undefined, free: undefined, daysUntilFull: undefined },
    },
    planned: [],
    expected: [],
    without: [],
    only: undefined,
    goals: {},
    provesHere: false,
    silentAfter: 26 * 3600,
    location: '/srv/backup',
    spool: undefined,
    findings: [],
    run: undefined,
    runFindings: [],
    occasion: undefined,
    ...more,
  };
}

test('hosts that are silent or were never heard of are errors, the worst first', () => {
  const hosts = [status('mx1', 1), status('mx2', 30), status('old', 5000), status('prover', undefined, [run('prover', 'verify', 1)])];
  const made = gatherReport(asked(hosts, { expected: ['mx1', 'mx3'], without: ['old'] }));
  assert.deepEqual(
    made.hosts.map(({ host, level, silent, findings }) => [
      host,
      level,
      silent,
      findings.find(({ severity }) => severity === 'error')?.code,
    ]),
    [
      ['mx2', 'failed', false, 'host-silent'],
      ['mx3', 'failed', true, 'host-silent'],
      ['mx1', 'ok', false, undefined],
    ],
  );
  assert.equal(made.verdict, 'failed');
  assert.deepEqual(
    made.actions.map(({ host }) => host),
    ['mx2', 'mx3'],
  );
  // A host of which only the backups are old, while it is heard, is not silent.
  const heard = gatherReport(asked([status('mx1', 1), status('mx2', 50, [run('mx2', 'check', 2)])]));
  assert.deepEqual(
    heard.hosts.map(({ host, level }) => [host, level]),
    [
      ['mx2', 'warning'],
      ['mx1', 'ok'],
    ],
  );
});

test('only the host that was asked about is told, also when nothing is known of it', () => {
  const two = [status('mx1', 1), status('mx2', 100)];
  assert.deepEqual(
    gatherReport(asked(two, { only: 'mx1', expected: ['mx9'] })).hosts.map(({ host }) => host),
    ['mx1'],
  );
  assert.deepEqual(
    gatherReport(asked(two, { only: 'mx7' })).hosts.map(({ host, silent }) => [host, silent]),
    [['mx7', true]],
  );
});

test('what happened in the period is counted, and what is older is not', () => {
  const runs = [
    run('mx1', 'backup', 40),
    run('mx1', 'backup', 20),
    run('mx1', 'check', 10, { counts: { damaged: 2, missing: 1 }, state: 'failed', exitCode: 4 }),
    run('mx1', 'backup', 3, { state: 'failed', error: { code: 'unreachable', message: 'no answer' } }),
    run('mx1', 'backup', 2),
    run('mx1', 'prune', 1, { state: 'incomplete' }),
  ];
  const [host] = gatherReport(asked([status('mx1', 2, runs)])).hosts;
  assert.deepEqual(host?.totals, { backups: 2, newMessages: 6, bytesStored: 2000, damaged: 3 });
  assert.deepEqual([host?.failures.map(({ command }) => command), host?.incomplete.map(({ command }) => command)], [['check'], ['prune']]);
  assert.deepEqual([host?.runs.length, host?.runs[0]?.command, host?.runsLeftOut], [5, 'prune', 0]);
  assert.deepEqual(
    host?.trend.map(({ command, ok }) => [command, ok]),
    [
      ['backup', true],
      ['backup', true],
      ['backup', false],
      ['backup', true],
    ],
  );
  assert.deepEqual(gatherReport(asked([status('mx1', 2, runs)], { period: 'week' })).hosts[0]?.totals.backups, 3);
});

test('years of runs every ten minutes make a report that can still be sent', () => {
  const runs = Array.from({ length: 60_000 }, (_, index) => run('mx1', 'backup', (60_000 - index) / 6));
  const [host] = gatherReport(asked([status('mx1', 1, runs)], { period: 'month' })).hosts;
  assert.ok(host !== undefined && host.trend.length <= 368 && host.trend.length >= 365, String(host?.trend.length));
  assert.equal(host.trend[100]?.bytesStored, 144_000);
  assert.deepEqual([host.runs.length, host.runs.length + (host.runsLeftOut ?? 0)], [300, 4320]);
});

test('what the run found stands first, and is not told twice', () => {
  const said = finding('error', 'run-failed', "'backup' failed: no answer", 'look at the network');
  const last = finding('warning', 'last-backup', 'the last backup failed: no answer', "run it again: 'mailrecover backup'");
  const base = asked([status('mx1', 1)], { runFindings: [said], only: 'mx1' });
  const line = {
    id: 'x',
    host: 'mx1',
    command: 'backup',
    startedAt: iso(0),
    seconds: 1,
    state: 'failed',
    counts: {},
    error: 'no answer',
    codes: [],
  };
  const made = gatherReport({ ...base, status: { ...base.status, findings: [last] }, run: line });
  assert.deepEqual(
    made.hosts[0]?.findings.map(({ code }) => code),
    ['run-failed'],
  );
  assert.deepEqual(
    made.actions.map(({ hint }) => hint),
    ['look at the network'],
  );
});
