import type { HostReport, Report } from '../../model.ts';
import { type Markup, markup, type Piece } from '../markup.ts';
import { metLevel } from '../page/numbers.ts';
import { LIGHT } from '../palette.ts';
import type { Say } from '../say.ts';
import { LEVEL_CLASS, mark, row, text } from './parts.ts';

const LINE = `border-bottom:1px solid ${LIGHT.line}`;

/** The hosts as a table, the worst first, as many as fit into so many bytes; what is left out is said. */
export function mailHosts({ hosts }: Report, room: number, say: Say): Markup {
  const { words } = say;
  const head = [
    headCell(words.state),
    headCell(words.host),
    headCell(words.lastBackup),
    headCell(words.lastProof, 'n'),
    headCell(words.newMail, 'n', 'right'),
  ];
  const rows: Markup[] = [];
  let used = 0;
  for (const host of hosts) {
    const next = hostRow(host, say);
    used += Buffer.byteLength(next.markup);
    if (used > room && rows.length > 0) break;
    rows.push(next);
  }
  const left = hosts.slice(rows.length);
  const more =
    left.length === 0 ? undefined : left.every(({ level }) => level === 'ok') ? words.moreWell(left.length) : words.moreHosts(left.length);
  return markup`${row(markup`<table width="100%" class="k" cellpadding="6" cellspacing="0" border="0" style="border-collapse:collapse;font-size:13px;line-height:19px;color:${LIGHT.ink};word-break:break-word"><tr>${head}</tr>${rows}</table>`)}${
    more !== undefined && row(text(more, { size: 13, name: 'm' }), { top: 12 })
  }`;
}

function headCell(label: string, name = '', align: 'left' | 'right' = 'left'): Markup {
  return markup`<th scope="col" align="${align}" class="m l ${name}" style="${LINE};font-size:12px;font-weight:bold;color:${LIGHT.muted}">${label}</th>`;
}

function hostRow(host: HostReport, say: Say): Markup {
  const { words } = say;
  const { backup, proof, goals, level } = host;
  const late = metLevel(goals.rpo) === 'failed' || backup === undefined;
  const missed = goals.rpo !== undefined && !goals.rpo.met ? markup`<br>${words.goal(say.brief(goals.rpo.goalSeconds))}` : undefined;
  const newest = say.ago(backup?.ageSeconds);
  const { ink } = LIGHT.levels.failed;
  return markup`<tr valign="top">${cell(mark(level, host.silent ? words.silent : words.levels[level]))}${cell(markup`<b>${host.host}</b>`)}${cell(
    late ? markup`<b class="${LEVEL_CLASS.failed}" style="color:${ink}">${newest}${missed}</b>` : newest,
  )}${cell(say.ago(proof?.ageSeconds), 'n')}${cell(say.number(host.totals.newMessages), 'n', true)}</tr>\n`;
}

/** What the cells have in common comes from the table, as far as all programs pass it on: there may be many. */
function cell(content: Piece, name = '', right = false): Markup {
  return markup`<td${right && markup` align="right"`} class="l ${name}" style="${LINE}">${content}</td>`;
}
