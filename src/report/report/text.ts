/** The report as text, for a terminal and for the text part of a mail: verdict, what to do, the hosts, then details. */
import type { Finding } from '../../errors/finding.ts';
import { localZone } from '../../system/zone.ts';
import type { Level } from '../metrics/model.ts';
import type { TextHelpers } from '../text/helpers.ts';
import { tell } from '../text/tell.ts';
import type { Action, GoalLine, HostReport, ProofLine, Report, RunLine } from './model.ts';
import { verdictOf } from './subject.ts';

/** Things to do that are listed at the top; of the others the details tell. */
const MOST_ACTIONS = 9;
/** Hosts that are well are told in detail only where there are few. */
const FEW = 3;
const MOST_LINES = 8;

export function reportText(report: Report, text: TextHelpers): string {
  const shown = report.actions.slice(0, MOST_ACTIONS);
  const parts = [
    head(report, text),
    actions(report, shown, text),
    section(text.words.report.hosts, hostTable(report, text), text),
    section(text.words.report.place, text.pairs(placeRows(report, text)), text),
    ...details(report, new Set(shown.map(({ hint }) => hint)), text),
    footer(report, text),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function paint(level: Level, text: TextHelpers): (words: string) => string {
  return { ok: text.green, warning: text.yellow, failed: text.red }[level];
}

function head(report: Report, text: TextHelpers): string {
  const { occasion, run, verdict } = report;
  const words = text.words.report;
  const color = paint(verdict, text);
  const lines = [`${color(text.bold(words.level[verdict]))}  ${text.bold(verdictOf(report, text.words))}`];
  if (occasion?.kind === 'summary') lines.push(words.occasion.summary[report.period.name]);
  const since = occasion?.since === undefined ? undefined : text.time(occasion.since);
  if (since !== undefined && occasion?.kind === 'reminder') lines.push(words.occasion.reminder(since));
  if (since !== undefined && occasion?.kind === 'recovery') lines.push(words.occasion.recovery(since));
  if (run !== undefined) lines.push(`${words.run(run.command, run.host)}: ${runText(run, text)}`);
  return lines.join('\n');
}

function section(title: string, body: string, text: TextHelpers): string {
  return body === '' ? '' : `${text.bold(title)}\n${indented(body)}`;
}

function indented(body: string): string {
  return body.replace(/^(?=.)/gm, '  ');
}

function actions({ actions: all, verdict, hosts }: Report, shown: readonly Action[], text: TextHelpers): string {
  const words = text.words.report;
  if (all.length === 0) return verdict === 'ok' ? words.nothingToDo : '';
  const lines = shown.flatMap(({ hint, because, host }, index) => {
    const place = host === undefined || hosts.length === 1 ? '' : `${words.onHost(host)} `;
    return [
      `${index + 1}. ${place}${text.cyan(tell(hint, text))}`,
      `   ${text.dim(words.because)} ${paint(because.severity === 'error' ? 'failed' : 'warning', text)(tell(because.message, text))}`,
    ];
  });
  if (all.length > shown.length) lines.push(text.dim(words.moreActions(all.length - shown.length)));
  return section(words.next, lines.join('\n'), text);
}

function hostTable({ hosts }: Report, text: TextHelpers): string {
  const { column, level: levels, silent } = text.words.report;
  const has = (what: (host: HostReport) => unknown): boolean => hosts.some((host) => what(host) !== undefined);
  const damage = hosts.some(({ totals }) => totals.damaged > 0);
  const rpo = has(({ goals }) => goals.rpo);
  const rto = has(({ goals }) => goals.rto);
  const rows = hosts.map(({ host, level, backup, totals, proof, goals, findings }) => {
    const unheard = findings.some(({ code }) => code === 'host-silent');
    const newest = backup === undefined ? text.red(unheard ? silent : text.words.common.none) : briefAgo(backup.ageSeconds, text);
    return [
      paint(level, text)(levels[level]),
      text.bold(host),
      newest,
      text.number(totals.backups),
      text.number(totals.newMessages),
      text.size(totals.bytesStored),
      ...(damage ? [totals.damaged > 0 ? text.red(text.number(totals.damaged)) : '0'] : []),
      proof === undefined ? text.words.common.never : text.words.report.proof(briefAgo(proof.ageSeconds, text), proof.level),
      ...(rpo ? [goalText(goals.rpo, text)] : []),
      ...(rto ? [goalText(goals.rto, text)] : []),
    ];
  });
  const titles = [column.state, column.host, column.backup, column.runs, column.newMail, column.stored];
  const table = [...titles, ...(damage ? [column.damage] : []), column.proof, ...(rpo ? [column.rpo] : []), ...(rto ? [column.rto] : [])];
  return text.table(rows, { head: table, right: [3, 4, 5, ...(damage ? [6] : [])] });
}

function proofAgo({ time, level }: ProofLine, text: TextHelpers): string {
  return text.words.report.proof(text.ago(time), level);
}

function briefAgo(seconds: number, text: TextHelpers): string {
  const { ago, justNow } = text.words.common;
  return seconds < 1 ? justNow : ago(text.brief(seconds));
}

function goalText(goal: GoalLine | undefined, text: TextHelpers): string {
  if (goal === undefined) return '';
  const { goalSeconds, actualSeconds, met } = goal;
  const actual = actualSeconds === undefined ? text.words.common.unknown : text.brief(actualSeconds);
  return (met ? text.green : text.red)(text.words.report.goal(actual, text.brief(goalSeconds), met));
}

function placeRows({ repository, spool, certificates = [] }: Report, text: TextHelpers): [string, string][] {
  const words = text.words.report;
  const { location, encrypted, bytes, objects, perDay, free, daysUntilFull } = repository;
  const rows: [string, string][] = [[words.repository, `${location} (${encrypted ? words.encrypted : words.notEncrypted})`]];
  if (objects > 0) rows.push([words.column.stored, words.size(text.size(bytes), objects)]);
  const growth = [
    ...(perDay === undefined ? [] : [words.perDay(text.size(perDay))]),
    ...(free === undefined ? [] : [words.free(text.size(free))]),
    ...(daysUntilFull === undefined || daysUntilFull > 3650 ? [] : [words.fullIn(daysUntilFull)]),
  ];
  if (growth.length > 0) rows.push([words.growth, growth.join(text.words.common.and)]);
  if (spool !== undefined) {
    const waits = words.waiting(spool.waiting, spool.refused);
    const empty = spool.waiting + spool.refused === 0;
    const said = empty ? words.spoolEmpty : spool.oldest === undefined ? waits : words.waitingSince(waits, text.time(spool.oldest));
    rows.push([words.spool, empty ? said : text.yellow(said)]);
  }
  for (const [index, { names, notAfter, daysLeft }] of certificates.entries())
    rows.push([index === 0 ? words.certificates : '', words.certificate(names.join(text.words.common.and), text.time(notAfter), daysLeft)]);
  return rows;
}

function details(report: Report, told: ReadonlySet<string>, text: TextHelpers): string[] {
  const { hosts, findings } = report;
  const words = text.words.report;
  const worth = hosts.filter(({ level, findings: own }) => level !== 'ok' || own.length > 0 || hosts.length <= FEW);
  const parts = worth.map((host) => section(`${host.host}  ${words.level[host.level]}`, hostDetails(host, told, text), text));
  const general = findingLines(findings, told, text);
  if (general.length > 0) parts.push(section(words.general, general.join('\n'), text));
  return parts;
}

function hostDetails(host: HostReport, told: ReadonlySet<string>, text: TextHelpers): string {
  const words = text.words.report;
  const { and } = text.words.common;
  const { backup, wholeProof, runs, runsLeftOut = 0, failures, incomplete } = host;
  const rows: [string, string][] = [];
  if (backup !== undefined)
    rows.push(
      [
        words.snapshot,
        [backup.snapshot.slice(0, 12), text.time(backup.time), ...(backup.bytes > 0 ? [text.size(backup.bytes)] : [])].join(and),
      ],
      [words.column.messages, text.number(backup.messages)],
    );
  if (wholeProof !== undefined) {
    const { seconds, by } = wholeProof;
    const more = [
      ...(seconds === undefined ? [] : [words.took(text.duration(seconds * 1000))]),
      ...(by === host.host ? [] : [words.by(by)]),
    ];
    rows.push([words.provedWhole, [proofAgo(wholeProof, text), ...more].join(and)]);
  }
  if (runs.length > 0) rows.push([words.runsOf, runCounts(runs, runsLeftOut, text)]);
  const list = (title: string, lines: readonly RunLine[]): [string, string][] =>
    lines
      .slice(0, MOST_LINES)
      .map((run, index) => [index === 0 ? title : '', `${text.time(run.startedAt)} ${run.command}: ${runText(run, text)}`]);
  rows.push(...list(words.failures, failures), ...list(words.incomplete, incomplete));
  return [...findingLines(host.findings, told, text), ...(rows.length === 0 ? [] : [text.pairs(rows)])].join('\n');
}

function runCounts(runs: readonly RunLine[], left: number, text: TextHelpers): string {
  const words = text.words.report;
  const byCommand = [...Map.groupBy(runs, ({ command }) => command)];
  const bad = (run: RunLine): boolean => run.state !== 'ok' && run.state !== 'warning' && run.state !== 'running';
  const counts = byCommand.map(([command, all]) => words.runCount(command, all.length, all.filter(bad).length));
  return `${counts.join(text.words.common.and)}${left === 0 ? '' : ` +${text.number(left)}`}`;
}

function runText({ state, error, codes, seconds }: RunLine, text: TextHelpers): string {
  const words = text.words.report;
  const why = error === undefined ? codes.map((code) => words.short(code)).join(text.words.common.and) : tell(error, text);
  const took = seconds === undefined ? '' : `${text.words.common.and}${words.took(text.duration(seconds * 1000))}`;
  return `${words.state[state] ?? state}${why === '' ? '' : `: ${why}`}${took}`;
}

function findingLines(findings: readonly Finding[], told: ReadonlySet<string>, text: TextHelpers): string[] {
  const { error, warning, note, hint: hintWord } = text.words.common;
  return findings.flatMap(({ severity, message, hint }) => [
    `${severity === 'error' ? text.red(error) : severity === 'warning' ? text.yellow(warning) : text.dim(note)} ${tell(message, text)}`,
    ...(hint === undefined || told.has(hint) ? [] : [`  ${text.cyan(hintWord)} ${tell(hint, text)}`]),
  ]);
}

function footer({ by, version, madeAt, period }: Report, text: TextHelpers): string {
  const words = text.words.report;
  const zone = localZone();
  return [
    words.footer(by, version, text.time(madeAt)),
    words.covers(words.period[period.name], text.time(period.from), text.time(period.to)),
    words.timeZone(zone),
  ]
    .map((line) => text.dim(line))
    .join('\n');
}
