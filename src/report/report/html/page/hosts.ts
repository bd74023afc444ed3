import type { GoalLine, HostReport } from '../../model.ts';
import { spark } from '../chart-svg.ts';
import { type Markup, markup } from '../markup.ts';
import type { Say } from '../say.ts';
import { type Calendar, storedPerDay } from '../series.ts';
import { badge } from '../signs.ts';
import { column, type Cell, table } from './table.ts';

/** Hosts from which on a field to search them is worth its place. */
const MANY = 8;

/** All hosts, one a row. */
export function hostTable(hosts: readonly HostReport[], calendar: Calendar, say: Say): Markup {
  const { words } = say;
  const columns = [
    column(words.state),
    column(words.host, { text: true, key: true }),
    column(words.lastBackup),
    column(words.lastProof),
    column(words.restoreTakes),
    column(words.newMail, { right: true }),
    column(words.stored, { right: true }),
    column(words.trend, { still: true }),
  ];
  const rows = hosts.map((host, index) => ({
    attributes: markup` data-host="${index}" data-level="${host.level}"`,
    cells: cellsOf(host, index, calendar, say),
  }));
  return markup`<section aria-labelledby="hosts"><h2 id="hosts">${words.hostsHead} <span class="count">${say.number(hosts.length)}</span></h2>${
    hosts.length >= MANY &&
    markup`<div class="tools" hidden><input type="search" id="search" aria-label="${words.search}" placeholder="${words.search}"></div>`
  }${table(columns, rows, { id: 'host-table', caption: words.hostsHead, sortBy: words.sortBy })}<p class="note" id="no-match" hidden>${words.noMatch}</p></section>`;
}

const RANK = { failed: 0, warning: 1, ok: 2 } as const;

function cellsOf(host: HostReport, index: number, calendar: Calendar, say: Say): Cell[] {
  const { words } = say;
  const { backup, proof, wholeProof, goals, totals, level } = host;
  const seconds = (wholeProof ?? proof)?.seconds;
  return [
    { content: host.silent ? badge(level, words, words.silent) : badge(level, words), sort: RANK[level] },
    { content: markup`<a href="#host-${index}">${host.host}</a>`, sort: host.host },
    { content: against(say.ago(backup?.ageSeconds), goals.rpo, say), sort: backup?.ageSeconds ?? Number.MAX_SAFE_INTEGER },
    { content: say.ago(proof?.ageSeconds), sort: proof?.ageSeconds ?? Number.MAX_SAFE_INTEGER },
    { content: seconds === undefined ? say.common.unknown : against(say.brief(seconds), goals.rto, say), sort: seconds ?? -1 },
    { content: say.number(totals.newMessages), sort: totals.newMessages },
    { content: say.size(totals.bytesStored), sort: totals.bytesStored },
    { content: host.trend.length > 1 ? spark(storedPerDay(host.trend, calendar), words.trend) : '', sort: 0 },
  ];
}

/** A value, how much of its goal it uses up, and the goal in words. */
export function against(value: string, goal: GoalLine | undefined, { words, brief }: Say): Markup {
  if (goal === undefined) return markup`${value}`;
  const used = goal.actualSeconds === undefined || goal.goalSeconds <= 0 ? 1 : goal.actualSeconds / goal.goalSeconds;
  const said = `${words.goal(brief(goal.goalSeconds))}${words.comma}${goal.met ? words.goalMet : words.goalMissed}`;
  return markup`<span class="against">${value}<svg class="gauge ${goal.met ? 'met' : 'missed'}" role="img" aria-label="${said}" width="100%" height="5"><title>${said}</title><rect class="track" width="100%" height="5" rx="2.5"/><rect class="used" width="${Math.max(2, Math.min(100, Math.round(used * 100)))}%" height="5" rx="2.5"/></svg>${
    !goal.met && markup`<span class="missed">${words.goal(brief(goal.goalSeconds))} ${words.goalMissed}</span>`
  }</span>`;
}
