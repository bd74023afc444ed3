import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { takeLock } from '../../src/system/lock.ts';
import { missing, run } from '../support/host.ts';
import { mailrecover } from '../cli/program.ts';
import { initArguments, makeSetting, type Setting } from './setting.ts';

async function scheduled(yaml: string): Promise<Setting> {
  const setting = makeSetting(3);
  await setting.json(...initArguments(setting));
  appendFileSync(setting.config, `\nschedule:\n${yaml}`);
  return setting;
}

const JOBS = `  timeZone: Europe/Berlin
  jobs:
    - { name: backup, run: backup --quiet, at: '*/10 * * * *' }
    - { name: verify, run: verify --level server --quiet, at: '30 3 1 * 1' }
`;

test('units are shown, written, found as they are, and taken away', { skip: missing('systemd-analyze') }, async () => {
  const setting = await scheduled(JOBS);
  const root = join(setting.root, 'image');
  const units = join(root, 'etc/systemd/system');
  const dry = await setting.json('schedule', 'install', '--root', root, '--dry-run');
  assert.equal(dry.code, 0);
  assert.ok(!existsSync(root), 'a dry run writes nothing');
  const files = dry.json['files'] as { path: string; action: string; text: string }[];
  assert.deepEqual(
    files.map(({ path }) => path.slice(units.length + 1)),
    [
      'mailrecover-backup.service',
      'mailrecover-backup.timer',
      'mailrecover-verify.service',
      'mailrecover-verify.timer',
      'mailrecover-failure@.service',
    ],
  );
  const made = await setting.json('schedule', 'install', '--root', root);
  assert.deepEqual([made.code, made.json.counts], [0, { jobs: 2, create: 5 }]);
  for (const { path, text } of files) assert.equal(readFileSync(path, 'utf8'), text, 'the dry run showed the very files');
  run('systemd-analyze', ['verify', ...files.filter(({ path }) => !path.includes('@')).map(({ path }) => path)]);
  assert.deepEqual(readFileSync(join(units, 'mailrecover-verify.timer'), 'utf8').match(/^OnCalendar=.*/gm), [
    'OnCalendar=*-*-01 03:30:00 Europe/Berlin',
    'OnCalendar=Mon *-*-* 03:30:00 Europe/Berlin',
  ]);
  const again = await setting.json('schedule', 'install', '--root', root);
  assert.deepEqual(again.json.counts, { jobs: 2, keep: 5 });

  const config = readFileSync(setting.config, 'utf8');
  writeFileSync(setting.config, config.replace('30 3 1 * 1', '45 3 * * *').replace(/^ *- \{ name: backup.*\n/m, ''));
  writeFileSync(join(units, 'mailrecover-backup.timer'), `${readFileSync(join(units, 'mailrecover-backup.timer'), 'utf8')}# mine\n`);
  const text = await setting.run('schedule', 'install', '--root', root, '--dry-run');
  assert.match(text.out, /^-OnCalendar=.*\n.*\n?\+OnCalendar=\*-\*-\* 03:45:00 Europe\/Berlin$/m);
  const changed = await setting.json('schedule', 'install', '--root', root);
  assert.deepEqual([changed.json.outcome, changed.json.counts], ['warning', { jobs: 1, keep: 2, update: 1, remove: 1, leave: 1 }]);
  const removed = await setting.json('schedule', 'remove', '--root', root);
  assert.deepEqual([removed.json.outcome, removed.json.counts['removed']], ['warning', 3]);
  assert.deepEqual(readdirSync(units), ['mailrecover-backup.timer'], 'what was changed stays, and is named');
  assert.equal(removed.json.findings[0]?.code, 'file-left');
});

test('the schedule is shown with what it means, and the next times of it', async () => {
  const setting = await scheduled(`  timeZone: Europe/Berlin\n  jobs: [{ name: night, run: check --quiet, at: '30 2 * * *' }]\n`);
  const { code, json } = await setting.json('schedule', 'show');
  assert.equal(code, 0);
  const [job] = json['jobs'] as { name: string; calendar: string[]; nextDue: string; installed: boolean }[];
  assert.deepEqual([job?.name, job?.calendar, job?.installed], ['night', ['*-*-* 02:30:00 Europe/Berlin'], false]);
  const changes = json['clockChanges'] as { kind: string }[];
  assert.deepEqual(changes.map(({ kind }) => kind).toSorted(), ['left-out', 'once']);
  const next = await setting.json('schedule', 'next', 'night', '--count', '400');
  const times = (next.json['next'] as { time: string }[]).map(({ time }) => time);
  assert.equal(times[0], job?.nextDue);
  assert.equal(times.length, 400);
  assert.ok(
    times.some((time) => time.endsWith('T00:30:00.000Z')) && times.some((time) => time.endsWith('T01:30:00.000Z')),
    'in summer and in winter',
  );
  const text = await setting.run('schedule', 'show');
  assert.match(text.out, /does not run at 02:30: clocks skip/);
  assert.equal((await setting.run('schedule', 'next', 'nothing')).code, 2);
});

test('without jobs in the configuration the recommended ones count, as far as a key is there', async () => {
  const setting = makeSetting(3);
  await setting.json(...initArguments(setting));
  const { json } = await setting.json('schedule', 'show');
  assert.equal(json['recommended'], true);
  const names = (json['jobs'] as { name: string }[]).map(({ name }) => name);
  assert.ok(names.includes('backup') && names.includes('verify'), names.join());
  writeFileSync(setting.config, readFileSync(setting.config, 'utf8').replace(/^identities:.*\n/m, ''));
  const without = await setting.json('schedule', 'show');
  assert.ok(!(without.json['jobs'] as { name: string }[]).some(({ name }) => name === 'verify'));
  assert.deepEqual(
    without.json.findings.filter(({ code }) => code === 'no-key').map(({ subject }) => subject),
    ['verify', 'verify-all'],
  );
});

test('where people are told, the recommended jobs send the summary, what waits, and keep logins alive', async () => {
  const setting = makeSetting(3);
  await setting.json(...initArguments(setting));
  const config = readFileSync(setting.config, 'utf8');
  const jobs = async (more: object): Promise<string[]> => {
    writeFileSync(
      setting.config,
      `${config}\n${Object.entries(more)
        .map(([key, part]) => `${key}: ${JSON.stringify(part)}\n`)
        .join('')}`,
    );
    const { json } = await setting.json('schedule', 'show');
    return (json['jobs'] as { command: string }[]).map(({ command }) => command);
  };
  const relay = { name: 'relay', kind: 'smtp', host: 'localhost', port: 1, security: 'none', from: 'a@example.org' };
  const account = { name: 'google', provider: 'google', mailbox: 'a@example.org', serviceAccount: 'file:/nowhere' };
  const notify = { to: ['b@example.net'], transports: [relay] };
  const alone = await jobs({ notify });
  assert.deepEqual(
    ['report --send --quiet', 'notify flush --quiet', 'auth refresh --quiet'].map((each) => alone.includes(each)),
    [true, true, false],
  );
  const all = await jobs({ notify: { ...notify, accounts: [account] }, report: { all: true, summary: 'weekly' } });
  assert.ok(all.includes('report --all --send --period week --quiet') && all.includes('auth refresh --quiet'), all.join());
  const files = { name: 'drive', kind: 'drive', account: 'google' };
  assert.ok((await jobs({ notify: { ...notify, accounts: [account], links: [files] } })).includes('links expire --quiet'));
  const never = await jobs({ notify, report: { summary: 'never' } });
  assert.ok(!never.some((each) => each.startsWith('report')), never.join());
});

test('a run that was killed is reported for it', async () => {
  const setting = await scheduled('  jobs: []\n');
  const notify = {
    to: ['b@example.net'],
    transports: [{ name: 'relay', kind: 'smtp', host: 'localhost', port: 1, security: 'none', from: 'a@example.org' }],
  };
  writeFileSync(setting.config, `${readFileSync(setting.config, 'utf8')}\nnotify: ${JSON.stringify(notify)}\n`);
  const failed = (result: string, status: string) =>
    mailrecover(['--config', setting.config, '--json', 'schedule', 'failed', 'mailrecover-backup.service'], {
      env: { MONITOR_SERVICE_RESULT: result, MONITOR_EXIT_STATUS: status },
    });
  const spooled = (): number => {
    const spool = join(setting.state, 'spool');
    return existsSync(spool) ? readdirSync(spool).filter((name) => name.endsWith('.mail')).length : 0;
  };
  assert.deepEqual([(await failed('exit-code', '1')).code, spooled()], [0, 0], 'it reported by itself');
  assert.deepEqual([(await failed('oom-kill', 'KILL')).code, spooled()], [3, 1]);
  assert.deepEqual([(await failed('oom-kill', 'KILL')).code, spooled()], [0, 1], 'it was told');
});

test('what is wrong in a schedule is said where it stands', async () => {
  const wrong: [string, RegExp][] = [
    [`  jobs: [{ name: x, run: backup, at: '61 * * * *' }]\n`, /'schedule.jobs\[0\].at' has '61' as minute, which goes from 0 to 59/],
    [`  jobs: [{ name: x, run: backup }]\n`, /'schedule.jobs\[0\].at' is missing/],
    [`  timeZone: Mars/Olympus\n`, /'schedule.timeZone' is no time zone/],
    [`  jobs: [{ name: x, run: bakup, at: '@daily' }]\n`, /job 'x' of the schedule: there is no command 'bakup'/],
    [`  jobs: [{ name: x, run: backup --depp, at: '@daily' }]\n`, /'backup' has no option '--depp'/],
    [`  jobs: [{ name: x, run: backup, at: '@daily' }, { name: x, run: check, at: '@daily' }]\n`, /is the name of another job already/],
  ];
  const setting = await scheduled('  jobs: []\n');
  const config = readFileSync(setting.config, 'utf8');
  for (const [yaml, says] of wrong) {
    writeFileSync(setting.config, config.replace('  jobs: []\n', yaml));
    const { code, err } = await setting.run('schedule', 'show');
    assert.equal(code, 2, err);
    assert.match(err, says);
  }
});

test('a unit that failed is written down, and told by a command that gets it as JSON', async () => {
  const setting = await scheduled(`  onFailure: [tee, FILE]\n`);
  const told = join(setting.root, 'told');
  writeFileSync(setting.config, readFileSync(setting.config, 'utf8').replace('FILE', told));
  const { code, json } = await setting.json('schedule', 'failed', 'mailrecover-backup.service');
  assert.deepEqual([code, json['told'], json['unit']], [0, true, 'mailrecover-backup.service']);
  assert.equal((JSON.parse(readFileSync(told, 'utf8')) as { unit: string }).unit, 'mailrecover-backup.service');
  const shown = await setting.json('schedule', 'show');
  assert.deepEqual(
    (shown.json['failures'] as { unit: string }[]).map(({ unit }) => unit),
    ['mailrecover-backup.service'],
  );
  writeFileSync(setting.config, readFileSync(setting.config, 'utf8').replace('[tee', '["false"'));
  assert.equal((await setting.json('schedule', 'failed', 'x.service')).code, 3);
});

test('one backup at a time: the second one says which process holds the lock, and since when', async () => {
  const setting = makeSetting(3);
  await setting.json(...initArguments(setting));
  const { id } = JSON.parse(readFileSync(join(setting.repository, 'mailrecover.json'), 'utf8')) as { id: string };
  await setting.json('backup');
  const release = takeLock(join(setting.state, id, 'lock'), 'mailrecover backup');
  try {
    const { code, err } = await setting.run('backup');
    assert.equal(code, 11);
    assert.match(err, new RegExp(`'mailrecover backup' has been running since .+ as process ${process.pid}\n`));
  } finally {
    release();
  }
  assert.equal((await setting.run('backup')).code, 0);
});
