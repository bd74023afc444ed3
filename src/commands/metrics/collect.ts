/** The numbers that `metrics` tells, from what `status` knows. */
import type { KnownRun } from '../../backup/all-runs.ts';
import type { Status } from '../../backup/status.ts';
import type { Finding } from '../../errors/finding.ts';
import { LEVELS, type Level, type Metric, type Sample } from '../../report/metrics/model.ts';
import type { MailboxLag } from '../../standby/sync/model.ts';
import type { PlannedRuns } from '../status/planned.ts';

/** Commands whose runs are worth watching; whoever restores or reads something sees how that ends. */
const WATCHED = new Set(['backup', 'verify', 'check', 'prune', 'forget', 'erase', 'copy', 'watch', 'restore', 'standby sync']);

type Labels = Record<string, string>;

function metric(name: string, help: string, samples: readonly (Sample | undefined)[]): Metric {
  return { name: `mailrecover_${name}`, help, samples: samples.filter((sample) => sample !== undefined) };
}

function at(value: number | undefined, labels: Labels = {}): Sample | undefined {
  return value === undefined ? undefined : { labels, value };
}

function seconds(iso: string | undefined): number | undefined {
  return iso === undefined ? undefined : Date.parse(iso) / 1000;
}

/** What every host can tell of itself, also while the repository is out of reach. */
export function runMetrics(runs: readonly KnownRun[], version: string, known: boolean): Metric[] {
  const last = new Map<string, KnownRun>();
  const good = new Map<string, KnownRun>();
  for (const run of runs.filter(({ command }) => WATCHED.has(command))) {
    const key = `${run.host}\0${run.command}`;
    if (run.state !== 'running') last.set(key, run);
    if (run.state === 'ok' || run.state === 'warning') good.set(key, run);
  }
  const each = (map: ReadonlyMap<string, KnownRun>, value: (run: KnownRun) => number | undefined): (Sample | undefined)[] =>
    [...map.values()].map((run) => at(value(run), { host: run.host, command: run.command }));
  const took = ({ startedAt, finishedAt }: KnownRun): number | undefined =>
    finishedAt === undefined ? undefined : (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000;
  return [
    metric('version_info', 'The version of mailrecover, as a label; always 1.', [at(1, { version })]),
    metric('status_known', 'Whether the repository could be asked; without it only runs are told.', [at(known ? 1 : 0)]),
    metric(
      'run_last_timestamp_seconds',
      'When the newest run of a command began.',
      each(last, (run) => seconds(run.startedAt)),
    ),
    metric(
      'run_last_success_timestamp_seconds',
      'When the newest run of a command ended that ended well.',
      each(good, (run) => seconds(run.finishedAt)),
    ),
    metric(
      'run_last_exit_code',
      'The exit code of the newest run; absent where it was killed.',
      each(last, (run) => run.exitCode),
    ),
    metric('run_last_duration_seconds', 'How long the newest run took.', each(last, took)),
    metric(
      'run_last_killed',
      'Whether the newest run never came to its end.',
      each(last, ({ state }) => (state === 'incomplete' ? 1 : 0)),
    ),
  ];
}

/** How far the standby is behind, told by the host that it was synchronised to; nothing where none ever was. */
export function standbyMetrics(lag: readonly MailboxLag[]): Metric[] {
  if (lag.length === 0) return [];
  const times = lag.flatMap(({ syncedAt }) => (syncedAt === undefined ? [] : [Date.parse(syncedAt) / 1000]));
  return [
    metric('standby_mailboxes', 'Mailboxes that are kept alike on this standby.', [at(lag.length)]),
    metric('standby_mailboxes_never_synced', 'Of those, how many never came over.', [at(lag.length - times.length)]),
    metric('standby_mailboxes_troubled', 'Of those, how many could not be synchronised the last time.', [
      at(lag.filter(({ trouble }) => trouble !== undefined).length),
    ]),
    metric('standby_messages_behind', 'Messages that are known to be on the active host, and not here yet.', [
      at(lag.reduce((sum, { behind }) => sum + behind, 0)),
    ]),
    metric('standby_oldest_state_timestamp_seconds', 'The oldest time of which a mailbox has its state: what came later may be missing.', [
      at(times.length === 0 ? undefined : Math.min(...times)),
    ]),
  ];
}

function severe(findings: readonly Finding[], severity: string): number {
  return findings.filter((finding) => finding.severity === severity).length;
}

/** Everything, of all hosts. */
export function statusMetrics(status: Status, planned: PlannedRuns, findings: readonly Finding[], outcome: Level): Metric[] {
  const { hosts, size, growth, goals, key } = status;
  const byCode = Map.groupBy(
    findings.filter(({ severity }) => severity !== 'info'),
    ({ severity, code }) => `${severity}\0${code}`,
  );
  const { coverage, next, missed } = planned;
  return [
    metric('status', 'Could this server be lost now: 0 yes, 1 perhaps, 2 no.', [at(LEVELS.indexOf(outcome), { host: status.host })]),
    metric('errors', 'How much is wrong: findings that make the answer no.', [at(severe(findings, 'error'))]),
    metric('warnings', 'How much is doubtful.', [at(severe(findings, 'warning'))]),
    metric(
      'findings',
      'What is wrong, by severity and code.',
      [...byCode].map(([name, list]) => {
        const [severity = '', code = ''] = name.split('\0');
        return at(list.length, { severity, code });
      }),
    ),
    metric(
      'backup_last_success_timestamp_seconds',
      'Time of the newest complete snapshot of a host.',
      hosts.map(({ host, newest }) => at(seconds(newest?.time), { host })),
    ),
    metric(
      'backup_messages',
      'Messages in that snapshot.',
      hosts.map(({ host, newest }) => at(newest?.messages, { host })),
    ),
    metric(
      'backup_mail_bytes',
      'Their bytes.',
      hosts.map(({ host, newest }) => at(newest?.bytes, { host })),
    ),
    metric(
      'snapshots',
      'Snapshots that a host has in the repository.',
      hosts.map(({ host, snapshots }) => at(snapshots, { host })),
    ),
    metric(
      'verify_last_success_timestamp_seconds',
      'When it was last proved that mail of a host comes back.',
      hosts.map(({ host, verified }) => at(seconds(verified?.time), { host })),
    ),
    metric(
      'verify_whole_last_success_timestamp_seconds',
      'When that was last proved of all mailboxes.',
      hosts.map(({ host, verifiedWhole }) => at(seconds(verifiedWhole?.time), { host })),
    ),
    metric(
      'verify_whole_duration_seconds',
      'How long the last proof of all mailboxes took.',
      hosts.map(({ host, verifiedWhole }) => at(verifiedWhole?.seconds, { host })),
    ),
    metric(
      'runs_failed',
      'Runs of the last week that failed and were not made up for.',
      hosts.map(({ host, failures }) => at(failures.length, { host })),
    ),
    metric(
      'runs_killed',
      'Runs of the last week that never ended.',
      hosts.map(({ host, incomplete }) => at(incomplete.length, { host })),
    ),
    metric('jobs_missed', 'Jobs of the schedule that were due and did not run.', [at(missed.length)]),
    metric('next_run_timestamp_seconds', 'When the next job of the schedule is due.', [at(seconds(next?.time))]),
    metric('repository_bytes', 'Size of the repository.', [at(size.bytes)]),
    metric('repository_objects', 'Objects in the repository.', [at(size.objects)]),
    metric('repository_daily_growth_bytes', 'What backups add in a day, on average.', [at(growth.perDay)]),
    metric('repository_free_bytes', 'Free space on the disk of the repository.', [at(growth.free)]),
    metric('repository_full_in_seconds', 'When that space will be used up, as it grows now.', [
      at(growth.daysUntilFull === undefined ? undefined : growth.daysUntilFull * 86_400),
    ]),
    metric('goal_seconds', 'What was promised.', [
      at(goals.rpo?.goalSeconds, { goal: 'rpo' }),
      at(goals.rto?.goalSeconds, { goal: 'rto' }),
    ]),
    metric('goal_met', 'Whether the promise is kept.', [
      at(goals.rpo === undefined ? undefined : Number(goals.rpo.met), { goal: 'rpo' }),
      at(goals.rto === undefined ? undefined : Number(goals.rto.met), { goal: 'rto' }),
    ]),
    metric('mailboxes', 'Mailboxes that proofs know of.', [at(coverage?.mailboxes)]),
    metric('mailboxes_proved', 'Mailboxes that were proved of late.', [at(coverage?.proved)]),
    metric('key_confirmed', 'Whether somebody confirmed that the private key is on paper.', [
      at(key === undefined ? undefined : Number(key.confirmed)),
    ]),
  ];
}
