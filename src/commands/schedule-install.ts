import { basename, join } from 'node:path';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { PlannedFile } from '../schedule/install.ts';
import type { Job } from '../schedule/jobs.ts';
import { now } from '../system/clock.ts';
import { userId } from '../system/owners.ts';
import { noteFinding } from './schedule-show.ts';
import { defineCommand, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'schedule install',
  summary: 'have the jobs run by systemd timers, or by cron',
  description: [
    "Writes a timer and a service for each job into /etc/systemd/system, has systemd read them, and starts the timers; 'watch' becomes a service that runs all the time. Services are confined to what their command needs. A run that was missed because the host was down is made up for; when a unit fails, that is written down and told. Where systemd does not run, or with --crontab, one file in /etc/cron.d holds the jobs.",
    'Running it again changes only what must change. Jobs that are no longer in the configuration are taken away. A file that an administrator changed is left as it is, and named.',
  ],
  arguments: {},
  options: {
    crontab: { kind: 'flag', description: 'write a file for cron, also where systemd runs' },
    root: {
      kind: 'text',
      value: 'DIR',
      description: 'write the files below this directory in place of /, as for an image; nothing is started',
      complete: 'directory',
    },
    dryRun: { kind: 'flag', description: 'show the files and what would change in them' },
  },
  examples: [
    { command: 'mailrecover schedule install --dry-run', says: 'See every file before it is written.' },
    { command: 'mailrecover schedule install', says: 'Install the schedule, or bring it up to date.' },
    { command: 'mailrecover schedule install --crontab', says: 'Let cron do it.' },
  ],
  exitCodes: { 0: 'installed, perhaps with files that were left as they are', 1: 'a file could not be written, or systemd refused' },
  json: {
    scheduler: "'systemd' or 'cron'",
    'files[].{path,action}': 'the files: create, update, keep, remove, or leave for one that is not ours to change',
    'files[].text': 'what stands in it (with --dry-run)',
    'files[].diff': 'the lines that change (with --dry-run)',
    enabled: 'the units that were enabled and started',
    dryRun: 'whether nothing was changed',
  },
  recordsHistory: true,
  async run(context, _args, options): Promise<CommandResult> {
    const config = await context.config();
    const [
      { scheduleOf, hostOf },
      { filesPlace, reloadSystemd, startedUnits, systemctl },
      files,
      { systemdUnits },
      { writeInstalled },
      { clockNotes },
    ] = await Promise.all([
      import('./schedule/from-config.ts'),
      import('./schedule/place.ts'),
      import('../schedule/install.ts'),
      import('../schedule/systemd/units.ts'),
      import('../schedule/record.ts'),
      import('../schedule/clock-changes.ts'),
    ]);
    const { schedule } = await scheduleOf(config);
    const host = hostOf(context, config);
    const place = filesPlace(options);
    if (!place.elsewhere && userId(host.user) === undefined) {
      throw new MailrecoverError('config', `there is no user '${host.user}' on this host`, {
        hint: "name another one under 'user' in 'schedule', or make it",
        subject: host.user,
      });
    }
    const time = now();
    const present = files.presentFiles(place.directory, host.name);
    let wanted: { path: string; text: string }[];
    let enable: string[] = [];
    if (place.scheduler === 'cron') {
      const { crontab } = await import('../schedule/crontab.ts');
      wanted = [{ path: join(place.directory, host.name), text: crontab(schedule, host) }];
    } else {
      const units = systemdUnits(schedule, host, time);
      wanted = units.files.map(({ name, text }) => ({ path: join(place.directory, name), text }));
      enable = units.enable;
    }
    const plan = files.planFiles(wanted, host.config, present, 'schedule install');
    const findings: Finding[] = [
      ...plan.findings,
      ...(place.scheduler === 'cron' ? cronFindings(options.crontab) : []),
      ...(place.scheduler === 'systemd' && host.confine ? unconfinedFindings(schedule.jobs, host.unconfined) : []),
      ...clockNotes(schedule.jobs, schedule.timeZone, place.scheduler, time).map(noteFinding),
    ];
    const changed = plan.files.some(({ action }) => action !== 'keep' && action !== 'leave');
    if (!options.dryRun) {
      if (place.scheduler === 'systemd' && !place.elsewhere) {
        const gone = startedUnits(plan.files);
        if (gone.length > 0) await systemctl('disable', '--now', '--quiet', '--', ...gone);
      }
      await files.applyPlan(plan);
      if (place.scheduler === 'systemd' && !place.elsewhere) {
        if (changed) await reloadSystemd();
        await systemctl('enable', '--now', '--quiet', '--', ...enable);
        const again = plan.files.filter(({ path, action }) => action === 'update' && enable.includes(basename(path)));
        // A timer that runs takes up new times only when it is started again.
        if (again.length > 0) await systemctl('restart', '--', ...again.map(({ path }) => basename(path)));
      }
      if (!place.elsewhere) await writeInstalled(config.state, place.scheduler, schedule, time);
    }
    const counts: Record<string, number> = { jobs: schedule.jobs.length };
    for (const { action } of plan.files) counts[action] = (counts[action] ?? 0) + 1;
    return {
      outcome: findings.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok',
      counts,
      findings,
      artifacts: options.dryRun
        ? []
        : plan.files.filter(({ action }) => action !== 'remove' && action !== 'leave').map(({ path }) => ({ kind: 'schedule', path })),
      fields: {
        scheduler: place.scheduler,
        files: plan.files.map(({ path, action, text, diff }) => (options.dryRun ? { path, action, text, diff } : { path, action })),
        enabled: options.dryRun || place.elsewhere ? [] : enable,
        dryRun: options.dryRun,
      },
      render: (text) => renderFiles(plan.files, options.dryRun, text),
    };
  },
});

function unconfinedFindings(jobs: readonly Job[], unconfined: readonly string[]): Finding[] {
  return jobs
    .filter(({ words }) => unconfined.includes(words[0] ?? ''))
    .map(({ name }) => ({
      severity: 'info',
      code: 'not-confined',
      message: `job '${name}' starts programs of others (hooks, snapshots of file systems, dumps of databases) or reads the whole server, so its service is not confined`,
      subject: name,
    }));
}

function cronFindings(asked: boolean): Finding[] {
  return [
    {
      severity: 'info',
      code: 'cron',
      message: `${asked ? '' : 'systemd does not run here, so cron is used: '}runs that are missed while the host is down are not made up for, and no random delay is added`,
      hint: "'mailrecover status' names what was missed",
    },
  ];
}

/** The files, and with `whole` what stands in them: new ones as they are, changed ones by what changes. */
export function renderFiles(files: readonly PlannedFile[], whole: boolean, text: TextHelpers): string {
  const said = (action: PlannedFile['action']): string =>
    ({
      create: text.green(text.say`new`),
      update: text.green(text.say`changed`),
      keep: text.dim(text.say`as it is`),
      remove: text.red(text.say`gone`),
      leave: text.yellow(text.say`left alone`),
    })[action];
  if (!whole) return text.table(files.map(({ path, action }) => [path, said(action)]));
  return files
    .map(({ path, action, text: content, diff }) => {
      const head = `${text.bold(path)}  ${said(action)}`;
      if (action === 'keep' || action === 'remove') return head;
      if (action === 'create') return `${head}\n${content}`;
      const lines = diff.map((line) => (line.startsWith('+') ? text.green(line) : line.startsWith('-') ? text.red(line) : line));
      return `${head}\n${lines.join('\n')}\n`;
    })
    .join('\n');
}
