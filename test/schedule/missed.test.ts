import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job, Schedule } from '../../src/schedule/jobs.ts';
import { coverage, isRunOf, missedRuns, type Installed, type PastRun } from '../../src/schedule/missed.ts';

const T = (time: string): number => Date.parse(`2026-11-${time}:00Z`);

function job(name: string, words: string, at: string | undefined): Job {
  return { name, words: words.split(' '), at, randomDelay: 120, timeout: 3600, memory: '1G' };
}

const SCHEDULE: Schedule = {
  timeZone: 'UTC',
  jobs: [job('backup', 'backup --quiet', '*/10 * * * *'), job('verify', 'verify --level server --rotate 30 --quiet', '30 3 * * *')],
};

function installed(since: string): Installed {
  return {
    scheduler: 'systemd',
    jobs: SCHEDULE.jobs.map(({ name, at, words }) => ({ name, at, run: words.join(' '), since: new Date(T(since)).toISOString() })),
  };
}

function ran(command: string, time: string, state = 'ok', ...options: string[]): PastRun {
  return {
    command,
    arguments: ['--config', '/etc/x.yaml', ...command.split(' '), ...options],
    startedAt: new Date(T(time)).toISOString(),
    state,
  };
}

const names = async (runs: PastRun[], now: string, since = '20T12:00'): Promise<[string, number][]> =>
  (await missedRuns(SCHEDULE, installed(since), runs, T(now))).map(({ job: name, times }) => [name, times]);

test('what was due and did not run is missed, once it is later than a start can be', async () => {
  assert.deepEqual(await names([ran('backup', '21T11:50')], '21T12:00'), [['verify', 1]], 'verify was due at 03:30');
  const verify = ran('verify', '21T03:31', 'ok', '--level', 'server', '--rotate', '30');
  assert.deepEqual(await names([ran('backup', '21T11:50'), verify], '21T12:06'), [], 'the backup of 12:00 may still begin');
  assert.deepEqual(await names([ran('backup', '21T11:50'), verify], '21T12:08'), [['backup', 1]]);
  assert.deepEqual(await names([ran('backup', '21T11:50'), verify], '21T13:00'), [['backup', 6]]);
  assert.deepEqual(await names([ran('backup', '21T11:50', 'running'), verify], '21T13:00'), [], 'a long run is none that was missed');
  assert.deepEqual(await names([], '20T12:05', '20T12:00'), [], 'what was due before it was installed does not count');
  assert.deepEqual(await missedRuns(SCHEDULE, undefined, [], T('21T13:00')), [], 'nothing is installed');
});

test('weeks of silence are counted up to a limit, quickly', async () => {
  const [missed] = await missedRuns(SCHEDULE, installed('01T00:00'), [], T('21T12:00'));
  assert.deepEqual([missed?.job, missed?.times, missed?.lastRun], ['backup', 1000, undefined]);
});

test('a run by hand counts, one of less than the job does not', () => {
  const full = job('verify-all', 'verify --level server --quiet', '0 4 1 * *');
  assert.ok(isRunOf(full, ran('verify', '21T03:31', 'ok', '--level', 'server')));
  assert.ok(!isRunOf(full, ran('verify', '21T03:31', 'ok', '--level', 'server', '--rotate', '30')), 'a sample is no full proof');
  assert.ok(!isRunOf(full, ran('verify', '21T03:31', 'ok', '--level', 'server', '--mailbox=a@b.example')), 'nor is one mailbox');
  assert.ok(!isRunOf(full, ran('verify', '21T03:31', 'ok', '--level', 'files')));
  assert.ok(isRunOf(job('x', 'backup --quiet', '* * * * *'), ran('backup', '21T03:31', 'ok', '--deep')));
  assert.ok(!isRunOf(job('x', 'backup', '* * * * *'), ran('check', '21T03:31')));
  assert.ok(isRunOf(job('x', 'key add age1x', '* * * * *'), ran('key add', '21T03:31', 'ok', 'age1x')));
});

test('coverage tells when a job was due, is due, ran and succeeded', async () => {
  const runs = [ran('backup', '21T11:40'), ran('backup', '21T11:50', 'failed')];
  const [backup, verify] = await coverage(SCHEDULE, installed('20T12:00'), runs, T('21T12:04'));
  assert.deepEqual(
    [backup?.lastDue, backup?.nextDue, backup?.lastRun, backup?.lastState, backup?.lastSuccess, backup?.running],
    [T('21T12:00'), T('21T12:10'), T('21T11:50'), 'failed', T('21T11:40'), false],
  );
  assert.deepEqual([verify?.lastDue, verify?.nextDue, verify?.lastRun], [T('21T03:30'), T('22T03:30'), undefined]);
});

test('a service that should run all the time and does not is missed', async () => {
  const schedule: Schedule = { timeZone: undefined, jobs: [job('watch', 'watch', undefined)] };
  const watch: Installed = { scheduler: 'systemd', jobs: [{ name: 'watch', run: 'watch', since: new Date(T('20T12:00')).toISOString() }] };
  const missed = async (runs: PastRun[]): Promise<string[]> =>
    (await missedRuns(schedule, watch, runs, T('21T12:00'))).map((each) => each.job);
  assert.deepEqual(await missed([ran('watch', '21T11:00', 'incomplete')]), ['watch']);
  assert.deepEqual(await missed([ran('watch', '21T11:00', 'running')]), []);
});

test('what does not stand in the history is never missed', async () => {
  const flush: Job = { ...job('notify', 'notify flush --quiet', '*/5 * * * *'), unrecorded: true };
  const schedule: Schedule = { timeZone: 'UTC', jobs: [flush] };
  const since: Installed = {
    scheduler: 'systemd',
    jobs: [{ name: 'notify', at: flush.at, run: flush.words.join(' '), since: '2026-11-20T12:00:00Z' }],
  };
  assert.deepEqual(await missedRuns(schedule, since, [], T('21T12:00')), []);
  assert.equal((await missedRuns({ ...schedule, jobs: [{ ...flush, unrecorded: false }] }, since, [], T('21T12:00'))).length, 1);
});
