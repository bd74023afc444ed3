/** The screen that answers whether a server could be lost now. */
import type { Status } from '../../backup/status.ts';
import type { HostStatus, Proof } from '../../backup/status/hosts.ts';
import type { Finding } from '../../errors/finding.ts';
import { tell } from '../../report/text/tell.ts';
import type { Outcome, TextHelpers } from '../types.ts';
import type { MailState } from './mail.ts';
import type { PlannedRuns } from './planned.ts';

export interface Shown {
  status: Status;
  planned: PlannedRuns;
  spool: MailState['spool'];
  findings: readonly Finding[];
  outcome: Outcome;
  location: string;
}

type Row = [string, string];
type Paint = (value: string, ...codes: string[]) => string;

export function renderStatus(shown: Shown, text: TextHelpers): string {
  const paint = painter(shown.findings, text);
  return `${verdict(shown, text)}\n\n${text.pairs([
    ...backupRows(shown, text, paint),
    ...runRows(shown, text, paint),
    ...placeRows(shown, text, paint),
    ...otherRows(shown, text),
  ])}`;
}

/** The answer, in one sentence. */
function verdict({ status, findings, outcome }: Shown, text: TextHelpers): string {
  const { host, ageSeconds, verified } = status;
  const lost =
    ageSeconds === undefined ? 'all its mail would be gone' : `at most the mail of the last ${span(ageSeconds, text)} would be gone`;
  if (outcome === 'failed') {
    const first = findings.find(({ severity }) => severity === 'error');
    return `${text.red(text.bold(`no, ${host} must not be lost now`))}: ${first === undefined ? lost : tell(first.message, text)}`;
  }
  const proof = verified === undefined ? 'whether the rest comes back was never proved' : `a restore was proved ${text.ago(verified.time)}`;
  if (outcome === 'ok') return `${text.green(text.bold(`yes, ${host} could be lost now`))}: ${lost}, ${proof}`;
  const count = findings.filter(({ severity }) => severity === 'warning').length;
  const below = `${text.number(count)} ${count === 1 ? 'warning' : 'warnings'} below`;
  const hopeless = ageSeconds === undefined;
  return `${text.yellow(text.bold(hopeless ? `not yet, ${host} must not be lost now` : `perhaps, ${host} could be lost now`))}: ${lost}${hopeless ? '' : `, ${proof}`}; ${below}`;
}

function backupRows({ status, planned }: Shown, text: TextHelpers, paint: Paint): Row[] {
  const { newest, ageSeconds, goals, verified, verifiedWhole } = status;
  const { coverage } = planned;
  const rows: Row[] = [
    [
      'newest backup',
      newest === undefined || ageSeconds === undefined
        ? paint('none', 'no-backup')
        : `${paint(text.ago(newest.time), 'backup-old')}, ${text.bold(newest.id.slice(0, 12))} of ${text.time(newest.time)}${goalText(goals.rpo, text)}`,
    ],
  ];
  if (newest !== undefined)
    rows.push([
      'holds',
      `${text.number(newest.messages)} messages, ${text.size(newest.bytes)}; ${text.number(status.snapshots)} ${status.snapshots === 1 ? 'snapshot' : 'snapshots'}`,
    ]);
  rows.push([
    'last proved',
    verified === undefined ? paint('never', 'never-verified') : paint(proofText(verified, status.host, text), 'verify-old'),
  ]);
  if (goals.rto !== undefined)
    rows.push([
      'restore takes',
      verifiedWhole?.seconds === undefined
        ? text.yellow('not known')
        : `${text.duration(verifiedWhole.seconds * 1000)}${goalText(goals.rto, text)}`,
    ]);
  if (coverage !== undefined)
    rows.push([
      'proved of late',
      paint(
        `${text.number(coverage.proved)} of ${text.number(coverage.mailboxes)} mailboxes in ${coverage.days} days`,
        'mailboxes-unproved',
      ),
    ]);
  return rows;
}

function goalText(goal: { goalSeconds: number; met: boolean } | undefined, text: TextHelpers): string {
  if (goal === undefined) return '';
  const allowed = `goal ${text.duration(goal.goalSeconds * 1000)}`;
  return ` (${allowed}: ${goal.met ? text.green('met') : text.red('not met')})`;
}

function proofText(proof: Proof, host: string, text: TextHelpers): string {
  const { level, scope, by, time } = proof;
  return `${text.ago(time)}, level ${level}, ${scope === 'part' ? 'some mailboxes' : 'all mailboxes'}${by === host ? '' : `, by ${by}`}`;
}

function runRows({ status, planned }: Shown, text: TextHelpers, paint: Paint): Row[] {
  const { lastRuns, failures, incomplete } = status;
  const codes = { backup: 'last-backup', verify: 'last-verify', check: 'damage' };
  const last = (['backup', 'verify', 'check'] as const).flatMap((name) => {
    const run = lastRuns[name];
    return run === undefined ? [] : [`${name} ${paint(run.state, codes[name])} ${text.ago(run.startedAt)}`];
  });
  const { next, missed } = planned;
  const rows: Row[] = [['last runs', last.length === 0 ? text.dim('none') : last.join(', ')]];
  if (next !== undefined) rows.push(['next run', `${next.job}, ${text.time(next.time)}`]);
  if (missed.length > 0) rows.push(['missed', paint(missed.map(({ job }) => job).join(', '), 'missed-run')]);
  const open = [...failures, ...incomplete];
  if (open.length > 0)
    rows.push([
      'not ended well',
      open
        .slice(0, 3)
        .map(({ command, state, startedAt }) => `${command} ${state === 'failed' ? 'failed' : 'never ended'} ${text.ago(startedAt)}`)
        .join(', '),
    ]);
  return rows;
}

function placeRows({ status, findings, location, spool }: Shown, text: TextHelpers, paint: Paint): Row[] {
  const { size, growth, grownLastWeek, key } = status;
  const { perDay, free, daysUntilFull } = growth;
  const grows = perDay === undefined ? `${text.size(grownLastWeek)} in the last 7 days` : `${text.size(perDay)} more a day`;
  const room =
    free === undefined
      ? ''
      : `; ${text.size(free)} free${daysUntilFull === undefined || daysUntilFull > 3650 ? '' : `, ${paint(`full in ${text.number(daysUntilFull)} days`, 'room')}`}`;
  const rows: Row[] = [
    ['repository', `${location}, ${text.size(size.bytes)}`],
    ['grows', `${grows}${room}`],
    [
      'encryption',
      status.encrypted ? `to ${status.recipients} ${status.recipients === 1 ? 'recipient' : 'recipients'}` : text.yellow('none'),
    ],
  ];
  if (status.encrypted && key !== undefined)
    rows.push(['recovery key', key.confirmed ? paint('confirmed', 'bare-identity') : paint('not confirmed', 'key-unconfirmed')]);
  if (spool !== undefined && spool.waiting + spool.refused > 0)
    rows.push(['reports', paint(text.words.report.waiting(spool.waiting, spool.refused), 'mail-waiting', 'mail-refused')]);
  const left = findings.filter(({ code }) => Object.hasOwn(LEFT_OUT, code)).map(({ code }) => paint(LEFT_OUT[code] ?? code, code));
  if (left.length > 0) rows.push(['not covered', [...new Set(left)].join(', ')]);
  return rows;
}

const LEFT_OUT: Record<string, string> = {
  'store-not-covered': 'another mail store',
  'system-not-covered': 'the server beside its mail',
  'users-not-covered': 'databases of users',
  'same-disk': 'loss of the disk',
  'no-second-copy': 'loss of the repository',
  'copy-old': 'loss of the repository',
  'mailboxes-unproved': 'mailboxes never proved',
};

function otherRows({ status }: Shown, text: TextHelpers): Row[] {
  const others = status.hosts.filter(({ host, snapshots }) => host !== status.host && snapshots > 0);
  if (others.length === 0) return [];
  const words = others
    .slice(0, 4)
    .map(({ host, newest }) => `${host} ${newest === undefined ? 'no complete backup' : text.ago(newest.time)}`);
  return [['other hosts', `${words.join(', ')}${others.length > words.length ? ' …' : ''}; see --all`]];
}

/** A line for each host. */
export function renderAll(shown: Shown, text: TextHelpers): string {
  const { status, outcome, findings } = shown;
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const head =
    outcome === 'failed'
      ? text.red(text.bold(`no, not every host could be lost now: ${errors} ${errors === 1 ? 'error' : 'errors'} below`))
      : outcome === 'warning'
        ? text.yellow(text.bold('perhaps every host could be lost now: see the warnings below'))
        : text.green(text.bold('yes, each of these hosts could be lost now'));
  const rows = status.hosts.map((each) => hostRow(each, text));
  const table = text.table(rows, { head: ['host', 'newest backup', 'messages', 'snapshots', 'last proved', 'last run'], right: [2, 3] });
  return `${head}\n\n${table}`;
}

function hostRow({ host, newest, snapshots, verified, lastRuns }: HostStatus, text: TextHelpers): string[] {
  const { backup } = lastRuns;
  return [
    text.bold(host),
    newest === undefined ? text.red('none') : text.ago(newest.time),
    newest === undefined ? '' : text.number(newest.messages),
    text.number(snapshots),
    verified === undefined ? text.dim('never') : `${text.ago(verified.time)}, level ${verified.level}`,
    backup === undefined ? text.dim('not known') : `backup ${backup.state} ${text.ago(backup.startedAt)}`,
  ];
}

function painter(findings: readonly Finding[], text: TextHelpers): Paint {
  return (value, ...codes) => {
    const severities = findings.filter(({ code }) => codes.includes(code)).map(({ severity }) => severity);
    return severities.includes('error') ? text.red(value) : severities.includes('warning') ? text.yellow(value) : value;
  };
}

function span(seconds: number, text: TextHelpers): string {
  return seconds < 120 ? 'minute' : text.span(seconds);
}
