/** The report as Markdown (GitHub's, with tables), for a wiki or a ticket. */
import type { Finding } from '../../errors/finding.ts';
import type { TextHelpers } from '../text/helpers.ts';
import { tell } from '../text/tell.ts';
import type { HostReport, Report } from './model.ts';
import { verdictOf } from './subject.ts';

/** @param text without colours */
export function reportMarkdown(report: Report, text: TextHelpers): string {
  const words = text.words.report;
  const { actions, hosts, findings, verdict, madeAt, by, version } = report;
  const parts = [`# ${words.level[verdict]}: ${escape(verdictOf(report, text.words))}`];
  if (actions.length > 0) {
    const list = actions.map(({ hint, because, host }, index) => {
      const place = host === undefined ? '' : `**${escape(host)}**: `;
      return `${index + 1}. ${place}${escape(tell(hint, text))}  \n   ${words.because} ${escape(tell(because.message, text))}`;
    });
    parts.push(`## ${words.next}`, list.join('\n'));
  } else if (verdict === 'ok') parts.push(words.nothingToDo);
  parts.push(`## ${words.hosts}`, hostTable(hosts, text));
  for (const host of hosts.filter((each) => each.findings.length > 0))
    parts.push(`### ${escape(host.host)}`, findingList(host.findings, text));
  if (findings.length > 0) parts.push(`### ${words.general}`, findingList(findings, text));
  parts.push(escape(words.footer(by, version, text.time(madeAt))));
  return `${parts.join('\n\n')}\n`;
}

function hostTable(hosts: readonly HostReport[], text: TextHelpers): string {
  const { column, level: levels } = text.words.report;
  const { none, never } = text.words.common;
  const head = [
    column.state,
    column.host,
    column.backup,
    column.runs,
    column.newMail,
    column.stored,
    column.damage,
    column.proof,
    column.rpo,
    column.rto,
  ];
  const rows = hosts.map(({ host, level, backup, totals, proof, goals }) => [
    level === 'ok' ? levels.ok : `**${levels[level]}**`,
    host,
    backup === undefined ? none : text.time(backup.time),
    text.number(totals.backups),
    text.number(totals.newMessages),
    text.size(totals.bytesStored),
    text.number(totals.damaged),
    proof === undefined ? never : `${text.time(proof.time)}, ${proof.level}`,
    ...[goals.rpo, goals.rto].map((goal) =>
      goal === undefined ? '' : goal.met ? text.words.report.met : `**${text.words.report.notMet}**`,
    ),
  ]);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = line(head.map((_, index) => (index >= 3 && index <= 6 ? '---:' : '---')));
  return [line(head), rule, ...rows.map((cells) => line(cells.map((cell, index) => (index === 1 ? escape(cell) : cell))))].join('\n');
}

function findingList(findings: readonly Finding[], text: TextHelpers): string {
  const { error, warning, note } = text.words.common;
  return findings
    .map(
      ({ severity, message }) =>
        `- ${severity === 'error' ? `**${error}**` : severity === 'warning' ? warning : note} ${escape(tell(message, text))}`,
    )
    .join('\n');
}

/** What would be markup; a line end would end the line of a table or list. */
function escape(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/[\\`*_[\]<>|#]/g, '\\$&');
}
