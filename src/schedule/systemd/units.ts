/** systemd units for the jobs of a schedule. */
import { calendarZone, onCalendar } from '../calendar.ts';
import { parseCron } from '../cron.ts';
import type { Job, Schedule } from '../jobs.ts';
import { systemdPath, systemdWord } from '../quote.ts';
import { localZone } from '../../system/zone.ts';
import { profileOf, sandbox } from './sandbox.ts';

/** How this program is started, and what it needs, on this host. */
export interface Host {
  /** Units are called `NAME-JOB.service`. */
  name: string;
  /** The launcher. */
  program: string;
  config: string;
  state: string;
  /** The directory of the repository; undefined where it is not on this host. */
  repository: string | undefined;
  /** Directories of copies of it. */
  copies: readonly string[];
  /** Mail and keys. */
  reads: readonly string[];
  user: string;
  /** Whether root owns the state and the repository. */
  rootOwns: boolean;
  /** The user is not root, and mail belongs to others. */
  readsAll: boolean;
  confine: boolean;
  /** Commands that start programs which may need more than can be known. */
  unconfined: readonly string[];
}

export interface UnitFile {
  name: string;
  text: string;
}

/** Where the report of a failed unit goes: a template, whose instance is the unit that failed. */
export function failureUnit(name: string): string {
  return `${name}-failure@.service`;
}

/** The units of a schedule, and which of them are to be enabled. */
export function systemdUnits(schedule: Schedule, host: Host, now: number): { files: UnitFile[]; enable: string[] } {
  const files: UnitFile[] = [];
  const enable: string[] = [];
  for (const job of schedule.jobs) {
    const unit = `${host.name}-${job.name}`;
    files.push({ name: `${unit}.service`, text: service(job, host) });
    if (job.at === undefined) enable.push(`${unit}.service`);
    else {
      files.push({ name: `${unit}.timer`, text: timer(job, job.at, schedule, now) });
      enable.push(`${unit}.timer`);
    }
  }
  files.push({ name: failureUnit(host.name), text: failure(host) });
  return { files, enable };
}

/** The calendar events of a job's timer. */
export function calendarsOf(at: string, timeZone: string | undefined, now: number): string[] {
  const fields = parseCron(at);
  return onCalendar(fields, calendarZone(fields, timeZone, timeZone ?? localZone(), now));
}

function timer(job: Job, at: string, { timeZone }: Schedule, now: number): string {
  return section('Unit', [
    `Description=mailrecover ${job.words.join(' ').replaceAll('%', '%%')}, at '${at}'${timeZone === undefined ? '' : ` ${timeZone}`}`,
  ]).concat(
    section('Timer', [
      ...calendarsOf(at, timeZone, now).map((event) => `OnCalendar=${event}`),
      'Persistent=true',
      `RandomizedDelaySec=${job.randomDelay}`,
      'AccuracySec=30',
    ]),
    section('Install', ['WantedBy=timers.target'], true),
  );
}

function service(job: Job, host: Host): string {
  const always = job.at === undefined;
  const [command = ''] = job.words;
  const needs = [host.state, ...(host.repository === undefined ? [] : [host.repository]), host.program, host.config];
  return section('Unit', [
    `Description=mailrecover ${job.words.join(' ').replaceAll('%', '%%')}`,
    'Wants=network-online.target',
    'After=network-online.target time-sync.target',
    `RequiresMountsFor=${needs.map(systemdPath).join(' ')}`,
    `OnFailure=${host.name}-failure@%n.service`,
    ...(always ? ['StartLimitIntervalSec=30min', 'StartLimitBurst=5'] : []),
  ]).concat(
    section(
      'Service',
      [
        ...(always
          ? ['Type=notify', 'NotifyAccess=all', 'TimeoutStartSec=1h', 'WatchdogSec=10min', 'Restart=on-failure', 'RestartSec=30']
          : // Another run of the same kind is no failure: the age of the newest backup tells when that goes on for long.
            ['Type=oneshot', ...(command === 'backup' ? ['SuccessExitStatus=11'] : []), `TimeoutStartSec=${job.timeout}`]),
        `ExecStart=${[host.program, '--config', host.config, ...job.words].map(systemdWord).join(' ')}`,
        `User=${host.user}`,
        'KillMode=mixed',
        'TimeoutStopSec=30',
        'Nice=10',
        'IOSchedulingClass=best-effort',
        'IOSchedulingPriority=7',
        `MemoryMax=${job.memory}`,
        ...confined(host, command),
      ],
      !always,
    ),
    ...(always ? [section('Install', ['WantedBy=multi-user.target'], true)] : []),
  );
}

function failure(host: Host): string {
  return section('Unit', ['Description=mailrecover: %i failed']).concat(
    section(
      'Service',
      [
        'Type=oneshot',
        'TimeoutStartSec=10min',
        `ExecStart=${[host.program, '--config', host.config, 'schedule', 'failed'].map(systemdWord).join(' ')} %i`,
        // It may run a command of the administrator's, so it is not confined.
        `User=${host.user}`,
      ],
      true,
    ),
  );
}

function confined(host: Host, command: string): string[] {
  if (!host.confine || host.unconfined.includes(command))
    return [...(host.readsAll ? ['AmbientCapabilities=CAP_DAC_READ_SEARCH'] : []), 'UMask=0077'];
  return sandbox({
    profile: profileOf(command),
    state: host.state,
    repository: host.repository,
    copies: host.copies,
    reads: [host.program, host.config, ...host.reads],
    root: host.user === 'root',
    rootOwns: host.rootOwns,
    readsAll: host.readsAll,
  });
}

function section(name: string, lines: readonly string[], last = false): string {
  return `[${name}]\n${lines.join('\n')}\n${last ? '' : '\n'}`;
}
