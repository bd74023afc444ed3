/** The screen that answers whether a server could be lost now. */
import type { Status } from '../../backup/status.ts';
import type { HostStatus, Proof } from '../../backup/status/hosts.ts';
import type { Finding } from '../../errors/finding.ts';
import type { Certificate } from '../../health/certificates/model.ts';
import { tell } from '../../report/text/tell.ts';
import type { Outcome, TextHelpers } from '../types.ts';
import type { MailState } from './mail.ts';
import type { PlannedRuns } from './planned.ts';

export interface Shown {
  status: Status;
  planned: PlannedRuns;
  spool: MailState['spool'];
  certificates: readonly Certificate[] | undefined;
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
  const { answer, loss, proved, neverProved } = text.words.status;
  const lost = ageSeconds === undefined ? loss.all : loss.since(ageSeconds < 120 ? loss.minute : text.span(ageSeconds));
  if (outcome === 'failed') {
    const first = findings.find(({ severity }) => severity === 'error');
    return answer.because(text.red(text.bold(answer.no(host))), [first === undefined ? lost : tell(first.message, text)]);
  }
  const proof = verified === undefined ? neverProved : proved(text.ago(verified.time));
  if (outcome === 'ok') return answer.because(text.green(text.bold(answer.yes(host))), [lost, proof]);
  const count = findings.filter(({ severity }) => severity === 'warning').length;
  const hopeless = ageSeconds === undefined;
  const said = text.yellow(text.bold(hopeless ? answer.notYet(host) : answer.perhaps(host)));
  return answer.warnings(answer.because(said, hopeless ? [lost] : [lost, proof]), count);
}

function backupRows({ status, planned }: Shown, text: TextHelpers, paint: Paint): Row[] {
  const { newest, ageSeconds, goals, verified, verifiedWhole } = status;
  const { coverage } = planned;
  const words = text.words.status;
  const { none, never, unknown, and } = text.words.common;
  const rows: Row[] = [
    [
      words.row.newest,
      newest === undefined || ageSeconds === undefined
        ? paint(none, 'no-backup')
        : `${paint(text.ago(newest.time), 'backup-old')}${and}${words.snapshotOf(text.bold(newest.id.slice(0, 12)), text.time(newest.time))}${goalText(goals.rpo, text)}`,
    ],
  ];
  if (newest !== undefined) rows.push([words.row.holds, words.holds(newest.messages, text.size(newest.bytes), status.snapshots)]);
  rows.push([
    words.row.proved,
    verified === undefined ? paint(never, 'never-verified') : paint(proofText(verified, status.host, text), 'verify-old'),
  ]);
  if (goals.rto !== undefined)
    rows.push([
      words.row.restore,
      verifiedWhole?.seconds === undefined
        ? text.yellow(unknown)
        : `${text.duration(verifiedWhole.seconds * 1000)}${goalText(goals.rto, text)}`,
    ]);
  if (coverage !== undefined)
    rows.push([words.row.coverage, paint(words.coverage(coverage.proved, coverage.mailboxes, coverage.days), 'mailboxes-unproved')]);
  return rows;
}

function goalText(goal: { goalSeconds: number; met: boolean } | undefined, text: TextHelpers): string {
  if (goal === undefined) return '';
  const { met, notMet } = text.words.report;
  return text.words.status.goal(text.duration(goal.goalSeconds * 1000), goal.met ? text.green(met) : text.red(notMet));
}

function proofText(proof: Proof, host: string, text: TextHelpers): string {
  const { level, scope, by, time } = proof;
  const words = text.words.status;
  const parts = [
    words.proof(text.ago(time), level),
    scope === 'part' ? words.scope.part : words.scope.all,
    ...(by === host ? [] : [words.by(by)]),
  ];
  return parts.join(text.words.common.and);
}

function runRows({ status, planned }: Shown, text: TextHelpers, paint: Paint): Row[] {
  const { lastRuns, failures, incomplete } = status;
  const words = text.words.status;
  const { and, none } = text.words.common;
  const codes = { backup: 'last-backup', verify: 'last-verify', check: 'damage' };
  const last = (['backup', 'verify', 'check'] as const).flatMap((name) => {
    const run = lastRuns[name];
    return run === undefined ? [] : [words.lastRun(name, paint(stateText(run.state, text), codes[name]), text.ago(run.startedAt))];
  });
  const { next, missed } = planned;
  const rows: Row[] = [[words.row.runs, last.length === 0 ? text.dim(none) : last.join(and)]];
  if (next !== undefined) rows.push([words.row.next, words.nextRun(next.job, text.time(next.time))]);
  if (missed.length > 0) rows.push([words.row.missed, paint(missed.map(({ job }) => job).join(and), 'missed-run')]);
  const open = [...failures, ...incomplete];
  if (open.length > 0)
    rows.push([
      words.row.open,
      open
        .slice(0, 3)
        .map(({ command, state, startedAt }) => (state === 'failed' ? words.failed : words.neverEnded)(command, text.ago(startedAt)))
        .join(and),
    ]);
  return rows;
}

function stateText(state: string, text: TextHelpers): string {
  return text.words.report.state[state] ?? state;
}

function placeRows({ status, findings, location, spool, certificates = [] }: Shown, text: TextHelpers, paint: Paint): Row[] {
  const { size, growth, grownLastWeek, key } = status;
  const { perDay, free, daysUntilFull } = growth;
  const words = text.words.status;
  const { and } = text.words.common;
  const grows = perDay === undefined ? words.grownLately(text.size(grownLastWeek)) : words.perDay(text.size(perDay));
  const full = daysUntilFull === undefined || daysUntilFull > 3650 ? '' : `${and}${paint(words.fullIn(daysUntilFull), 'room')}`;
  const rows: Row[] = [
    [words.row.repository, `${location}${and}${text.size(size.bytes)}`],
    [words.row.grows, `${grows}${free === undefined ? '' : `${words.free(text.size(free))}${full}`}`],
    [words.row.encryption, status.encrypted ? words.recipients(status.recipients) : text.yellow(text.words.common.none)],
  ];
  if (status.encrypted && key !== undefined)
    rows.push([words.row.key, key.confirmed ? paint(words.confirmed, 'bare-identity') : paint(words.unconfirmed, 'key-unconfirmed')]);
  if (spool !== undefined && spool.waiting + spool.refused > 0)
    rows.push([words.row.reports, paint(text.words.report.waiting(spool.waiting, spool.refused), 'mail-waiting', 'mail-refused')]);
  for (const [index, { names, notAfter, daysLeft, path }] of certificates.slice(0, 4).entries()) {
    const said = text.words.report.certificate(names.slice(0, 3).join(and), text.time(notAfter), daysLeft);
    const own = findings.filter(({ subject }) => subject === path);
    rows.push([
      index === 0 ? words.row.certificates : '',
      painter(own, text)(said, 'certificate-ended', 'certificate-ends', 'certificate-chain'),
    ]);
  }
  const left = findings.flatMap(({ code }) => {
    const name = Object.hasOwn(words.leftOut, code) ? words.leftOut[code] : undefined;
    return name === undefined ? [] : [paint(name, code)];
  });
  if (left.length > 0) rows.push([words.row.uncovered, [...new Set(left)].join(and)]);
  return rows;
}

function otherRows({ status }: Shown, text: TextHelpers): Row[] {
  const others = status.hosts.filter(({ host, snapshots }) => host !== status.host && snapshots > 0);
  if (others.length === 0) return [];
  const words = text.words.status;
  const named = others.slice(0, 4).map(({ host, newest }) => `${host} ${newest === undefined ? words.noComplete : text.ago(newest.time)}`);
  return [[words.row.others, words.seeAll(`${named.join(text.words.common.and)}${others.length > named.length ? ' …' : ''}`)]];
}

/** A line for each host. */
export function renderAll(shown: Shown, text: TextHelpers): string {
  const { status, outcome, findings } = shown;
  const { allAnswer, head } = text.words.status;
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const answer =
    outcome === 'failed'
      ? text.red(text.bold(allAnswer.no(errors)))
      : outcome === 'warning'
        ? text.yellow(text.bold(allAnswer.perhaps))
        : text.green(text.bold(allAnswer.yes));
  const rows = status.hosts.map((each) => hostRow(each, text));
  const titles = [head.host, head.newest, head.messages, head.snapshots, head.proved, head.last];
  return `${answer}\n\n${text.table(rows, { head: titles, right: [2, 3] })}`;
}

function hostRow({ host, newest, snapshots, verified, lastRuns }: HostStatus, text: TextHelpers): string[] {
  const { backup } = lastRuns;
  const words = text.words.status;
  const { none, never, unknown } = text.words.common;
  return [
    text.bold(host),
    newest === undefined ? text.red(none) : text.ago(newest.time),
    newest === undefined ? '' : text.number(newest.messages),
    text.number(snapshots),
    verified === undefined ? text.dim(never) : words.proof(text.ago(verified.time), verified.level),
    backup === undefined ? text.dim(unknown) : words.lastRun('backup', stateText(backup.state, text), text.ago(backup.startedAt)),
  ];
}

function painter(findings: readonly Finding[], text: TextHelpers): Paint {
  return (value, ...codes) => {
    const severities = findings.filter(({ code }) => codes.includes(code)).map(({ severity }) => severity);
    return severities.includes('error') ? text.red(value) : severities.includes('warning') ? text.yellow(value) : value;
  };
}
