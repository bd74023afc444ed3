import type { Finding } from '../errors/finding.ts';
import type { ClockNote } from '../schedule/clock-changes.ts';
import type { JobCoverage, MissedRun } from '../schedule/missed.ts';
import type { Job } from '../schedule/jobs.ts';
import { isoTime, now } from '../system/clock.ts';
import { stateText } from './state-text.ts';
import { tell } from '../report/text/tell.ts';
import { defineCommand, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'schedule show',
  summary: 'show what runs by itself, when it ran and when it will',
  description: [
    "Shows the jobs of 'schedule' in the configuration, or the recommended ones where it names none: when each is due next, when it ran last and how that ended, and whether it is installed. A job that was due and did not run is named. Changes of clocks in the year to come that touch a job are explained.",
  ],
  arguments: {},
  options: {},
  examples: [{ command: 'mailrecover schedule show', says: 'See whether the nights go as planned.' }],
  exitCodes: { 0: 'the schedule was shown, whatever it says' },
  json: {
    'jobs[].{name,command,at}': 'the jobs',
    'jobs[].calendar': 'the times as systemd writes them (OnCalendar)',
    'jobs[].{lastDue,nextDue,lastRun,lastSuccess}': 'when it was and will be due, began last, and began last to end well',
    'jobs[].lastState': 'how the last run ended, as in history',
    'jobs[].installed': 'whether it is installed just so',
    timeZone: 'the time zone of the times',
    recommended: 'whether the configuration names no jobs, so that these are the recommended ones',
    installed: "'systemd' or 'cron'; absent where nothing is installed",
    'missed[].{job,due,times}': 'jobs that were due and did not run: since when, and how often',
    'failures[].{time,unit,result,status}': 'units that failed in the last seven days, as systemd tells',
    'clockChanges[].{job,kind,at,message}': 'what changes of clocks mean for jobs',
  },
  async run(context): Promise<CommandResult> {
    const config = await context.config();
    const [
      { scheduleOf },
      { coverage, missedRuns },
      { readInstalled },
      { readRuns },
      { clockNotes },
      { calendarsOf },
      { localZone },
      { readFailures },
    ] = await Promise.all([
      import('./schedule/from-config.ts'),
      import('../schedule/missed.ts'),
      import('../schedule/record.ts'),
      import('../report/history.ts'),
      import('../schedule/clock-changes.ts'),
      import('../schedule/systemd/units.ts'),
      import('../system/zone.ts'),
      import('../schedule/failures.ts'),
    ]);
    const { schedule, recommended, withoutKey } = await scheduleOf(config);
    const installed = readInstalled(config.state);
    const runs = readRuns(config.state);
    const time = now();
    const covered = await coverage(schedule, installed, runs, time);
    const missed = await missedRuns(schedule, installed, runs, time);
    const notes = clockNotes(schedule.jobs, schedule.timeZone, installed?.scheduler ?? 'systemd', time);
    const isInstalled = (job: Job): boolean =>
      installed?.jobs.some(({ name, at, run }) => name === job.name && at === job.at && run === job.words.join(' ')) === true;
    const findings: Finding[] = [
      ...missed.map(missedFinding),
      ...(installed === undefined
        ? [NOT_INSTALLED]
        : schedule.jobs.every(isInstalled) && installed.jobs.length === schedule.jobs.length
          ? []
          : [CHANGED]),
      ...withoutKey.map(keyFinding),
      ...notes.map(noteFinding),
    ];
    const zone = schedule.timeZone ?? localZone();
    const shown = schedule.jobs.map((job, at) => ({ job, is: covered[at], installed: isInstalled(job) }));
    return {
      outcome: findings.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok',
      findings,
      fields: {
        jobs: shown.map(({ job, is, ...rest }) => ({
          name: job.name,
          command: job.words.join(' '),
          ...(job.at === undefined ? {} : { at: job.at, calendar: calendarsOf(job.at, schedule.timeZone, time) }),
          ...isoTimes(is),
          ...(is?.lastState === undefined ? {} : { lastState: is.lastState }),
          ...rest,
        })),
        timeZone: zone,
        recommended,
        ...(installed === undefined ? {} : { installed: installed.scheduler }),
        missed: missed.map(({ job, due, times }) => ({ job, due: isoTime(due), times })),
        failures: readFailures(config.state, time - 7 * 86_400_000),
        clockChanges: notes.map(({ at, ...note }) => ({ ...note, at: isoTime(at) })),
      },
      render: (text) => render({ shown, zone, recommended, installed: installed !== undefined, notes }, text),
    };
  },
});

const NOT_INSTALLED: Finding = {
  severity: 'info',
  code: 'schedule-not-installed',
  message: 'nothing of this is installed',
  hint: "see what would be: 'mailrecover schedule install --dry-run'",
};

const CHANGED: Finding = {
  severity: 'warning',
  code: 'schedule-changed',
  message: 'what is installed is not what the configuration says now',
  hint: "bring it up to date: 'mailrecover schedule install'",
};

export function missedFinding({ job, due, times, lastRun }: MissedRun): Finding {
  const since = lastRun === undefined ? 'it has not run since it was installed' : `it ran last at ${isoTime(lastRun)}`;
  return {
    severity: 'warning',
    code: 'missed-run',
    message: `job '${job}' was due ${times === 1 ? 'once' : `${times} times`}, at ${isoTime(due)} for the last time, and did not run; ${since}`,
    hint: "see whether it is started: 'systemctl list-timers --all' or the log of cron",
    subject: job,
  };
}

function keyFinding(job: string): Finding {
  return {
    severity: 'info',
    code: 'no-key',
    message: `the recommended job '${job}' needs a private key, and the configuration names none`,
    hint: 'let a host that holds the key prove the backups: see docs/nightly.md',
    subject: job,
  };
}

export function noteFinding({ job, message, kind }: ClockNote): Finding {
  return {
    severity: 'info',
    code: 'clock-change',
    message,
    ...(kind === 'left-out' ? { hint: 'choose another time, or UTC as the time zone' } : {}),
    subject: job,
  };
}

function isoTimes(is: JobCoverage | undefined): Record<string, string> {
  const times: Record<string, string> = {};
  for (const key of ['lastDue', 'nextDue', 'lastRun', 'lastSuccess'] as const) {
    const value = is?.[key];
    if (value !== undefined) times[key] = isoTime(value);
  }
  return times;
}

interface Shown {
  shown: readonly { job: Job; is: JobCoverage | undefined; installed: boolean }[];
  zone: string;
  recommended: boolean;
  installed: boolean;
  notes: readonly ClockNote[];
}

function render({ shown, zone, recommended, installed, notes }: Shown, text: TextHelpers): string {
  const rows = shown.map(({ job, is, installed: own }) => [
    text.bold(job.name),
    job.at ?? text.say`always`,
    job.words.join(' '),
    is?.nextDue === undefined ? '' : text.time(isoTime(is.nextDue)),
    is?.lastRun === undefined ? text.dim(text.say`never`) : text.time(isoTime(is.lastRun)),
    is?.lastState === undefined ? '' : stateText(is.lastState, text),
    own ? text.green(text.say`yes`) : text.yellow(text.say`no`),
  ]);
  const lines = [
    text.table(rows, {
      head: [
        text.say`job`,
        text.say`at (${zone})`,
        text.say`runs`,
        text.say`next`,
        text.say`last run`,
        text.say`ended`,
        text.say`installed`,
      ],
    }),
  ];
  if (recommended) lines.push(text.dim(text.say`these are the recommended jobs; yours come from 'schedule' in the configuration`));
  if (!installed) lines.push(text.say`not installed; see what would be: 'mailrecover schedule install --dry-run'`);
  lines.push(...notes.map(({ message }) => text.dim(tell(message, text))));
  return lines.join('\n');
}
