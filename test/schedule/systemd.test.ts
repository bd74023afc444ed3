import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { notBuilt } from '../support/binary.ts';
import { missing } from '../support/host.ts';
import { bootSystemd, noSystemdHost, PROGRAM, type SystemdHost } from '../support/systemd-host.ts';
import { writeTree } from '../support/maildir.ts';

const skip = notBuilt() || noSystemdHost() || missing('dovecot');

const SCHEDULE = `
schedule:
  timeZone: Europe/Berlin
  onFailure: [tee, /var/lib/mailrecover/told]
  jobs:
    - { name: backup, run: backup --quiet, at: '*/10 * * * *' }
    - { name: verify, run: verify --level server --quiet, at: '30 3 * * *' }
    - { name: check, run: check --read-data --quiet, at: '0 6 * * 0' }
    - { name: prune, run: prune --quiet, at: '45 5 * * *' }
    - { name: watch, run: watch --events }
`;

async function until(holds: () => boolean): Promise<void> {
  for (let wait = 0; wait < 600; wait++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('it did not happen within a minute');
}

let host: SystemdHost | undefined;
after(() => host?.stop());

test('timers and confined services do their work under a real systemd', { skip }, async (t) => {
  try {
    host = await bootSystemd('nightly');
  } catch (error) {
    t.skip(`no systemd host could be booted: ${String(error).slice(0, 200)}`);
    return;
  }
  const booted = host;
  const tool = (...args: string[]): ReturnType<SystemdHost['run']> => booted.run(PROGRAM, ...args);
  const config = join(booted.root, 'etc/mailrecover/mailrecover.yaml');
  mkdirSync(join(booted.root, 'var/vmail'), { recursive: true });
  writeTree({ root: join(booted.root, 'var/vmail'), users: ['alice@example.org'], messages: 20, mail: { size: 900 } });
  booted.must('chown', '-R', 'mail:mail', '/var/vmail');
  booted.must('chmod', '-R', 'go=', '/var/vmail/example.org');
  booted.must(PROGRAM, 'init', '--mail', '/var/vmail/%d/%n/Maildir', '--repository', '/srv/backup', '--host', 'mx1');
  writeFileSync(config, readFileSync(config, 'utf8') + SCHEDULE);

  const installed = JSON.parse(booted.must(PROGRAM, 'schedule', 'install', '--json')) as { enabled: string[] };
  assert.deepEqual(installed.enabled, [
    'mailrecover-backup.timer',
    'mailrecover-verify.timer',
    'mailrecover-check.timer',
    'mailrecover-prune.timer',
    'mailrecover-watch.service',
  ]);
  const timers = booted.must('systemctl', 'list-timers', '--all', '--no-pager', '--plain');
  for (const unit of installed.enabled.filter((each) => each.endsWith('.timer'))) assert.match(timers, new RegExp(`${unit} `), timers);

  // The service tells when everything is watched, and a message is stored while it runs, confined as it is.
  assert.equal(booted.must('systemctl', 'is-active', 'mailrecover-watch.service').trim(), 'active');
  assert.match(booted.must('systemctl', 'show', '-p', 'StatusText', 'mailrecover-watch.service'), /watching/);
  const told = (event: string): boolean =>
    booted.run('journalctl', '-u', 'mailrecover-watch', '-o', 'cat', '--no-pager').out.includes(`"event":"${event}"`);
  await until(() => told('snapshot'));
  booted.must('sh', '-c', 'cd /var/vmail/example.org/alice/Maildir && printf "Subject: x\\n\\ny\\n" > tmp/1.new && mv tmp/1.new new/');
  await until(() => told('stored'));
  booted.must('systemctl', 'stop', 'mailrecover-watch.service');
  assert.match(booted.must('systemctl', 'show', '-p', 'Result', 'mailrecover-watch.service'), /=success/, 'a clean stop');

  for (const job of ['backup', 'verify', 'check', 'prune']) {
    const { code, err } = booted.run('systemctl', 'start', `mailrecover-${job}.service`);
    assert.equal(code, 0, `${job}: ${err}\n${booted.run('journalctl', '-u', `mailrecover-${job}`, '-n', '20', '--no-pager').out}`);
  }
  const runs = (JSON.parse(booted.must(PROGRAM, 'history', '--json')) as { runs: { command: string; state: string }[] }).runs;
  for (const command of ['backup', 'verify', 'check', 'prune'])
    assert.equal(runs.findLast((run) => run.command === command)?.state, 'ok', `${command}: ${JSON.stringify(runs)}`);
  assert.match(booted.must('systemctl', 'show', '-p', 'CapabilityBoundingSet', 'mailrecover-backup'), /=cap_dac_read_search\n/);

  // A unit that fails is told, even where the program could not write a word.
  booted.must('mv', '/srv/backup', '/srv/gone');
  assert.notEqual(booted.run('systemctl', 'start', 'mailrecover-backup.service').code, 0);
  const written = join(booted.root, 'var/lib/mailrecover/told');
  const whole = (): boolean => existsSync(written) && readFileSync(written, 'utf8').endsWith('\n');
  await until(whole);
  const failure = JSON.parse(readFileSync(written, 'utf8')) as Record<string, string>;
  assert.deepEqual([failure['unit'], failure['result'], failure['status']], ['mailrecover-backup.service', 'exit-code', '10']);
  booted.must('mv', '/srv/gone', '/srv/backup');

  const again = JSON.parse(booted.must(PROGRAM, 'schedule', 'install', '--json')) as { counts: Record<string, number> };
  assert.deepEqual(again.counts, { jobs: 5, keep: 10 });
  writeFileSync(
    config,
    readFileSync(config, 'utf8')
      .replace('0 6 * * 0', '0 7 * * 0')
      .replace(/.*name: verify.*\n/, ''),
  );
  booted.must(PROGRAM, 'schedule', 'install');
  assert.match(booted.must('systemctl', 'show', '-p', 'TimersCalendar', 'mailrecover-check.timer'), /Sun \*-\*-\* 07:00:00 Europe\/Berlin/);
  assert.notEqual(booted.run('systemctl', 'is-enabled', 'mailrecover-verify.timer').code, 0, 'a job that went is stopped');
  const removed = JSON.parse(tool('schedule', 'remove', '--json').out) as { counts: Record<string, number> };
  assert.deepEqual(removed.counts, { removed: 8 });
  assert.doesNotMatch(booted.must('systemctl', 'list-timers', '--all', '--no-pager', '--plain'), /mailrecover/);
});
