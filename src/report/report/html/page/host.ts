import type { HostReport, RunLine } from '../../model.ts';
import { chartsOf } from '../chart.ts';
import { chartSvg } from '../chart-svg.ts';
import { capital, levelOfState } from '../facts.ts';
import { type Markup, markup, type Piece } from '../markup.ts';
import type { Say } from '../say.ts';
import type { Calendar } from '../series.ts';
import { badge } from '../signs.ts';
import { findingList } from './findings.ts';
import { against } from './hosts.ts';
import { shortId } from './numbers.ts';
import { column, table } from './table.ts';

/** One host with all that is known of it. */
export function hostDetail(
  host: HostReport,
  details: { index: number; open: boolean; runs: number; calendar: Calendar },
  say: Say,
): Markup {
  const { words } = say;
  const { level, backup } = host;
  const brief = host.silent ? words.silentLong : `${words.lastBackup}${words.colon}${say.ago(backup?.ageSeconds)}`;
  return markup`<details class="host ${level}" id="host-${details.index}" data-host="${details.index}"${details.open && markup` open`}><summary>${badge(level, words)}<span class="name">${host.host}</span><span class="brief">${brief}</span></summary><div class="inside">${
    host.findings.length > 0 &&
    markup`<h3>${words.findings}</h3>${findingList(
      host.findings.map((finding) => ({ finding, host: undefined })),
      say,
    )}`
  }${factList(host, say)}${hostInside(host, details, say)}</div></details>`;
}

/** How it went over time, and every run. */
export function hostInside(host: HostReport, { runs, calendar }: { runs: number; calendar: Calendar }, say: Say): Markup {
  const { words } = say;
  const charts = host.trend.length > 1 ? chartsOf([host], calendar, say) : [];
  return markup`${
    charts.length > 0 && markup`<h3>${words.charts}</h3><div class="charts">${charts.map((chart) => chartSvg(chart, calendar, say))}</div>`
  }<h3>${words.runs}</h3>${runTable(host, runs, say)}`;
}

function factList(host: HostReport, say: Say): Markup {
  const { words, dates } = say;
  const { backup, proof, wholeProof, goals, totals } = host;
  const moment = (time: string): Markup => markup`<time datetime="${time}">${dates.moment(Date.parse(time))}</time>`;
  const facts: [string, Piece][] = [
    [
      words.lastBackup,
      backup === undefined
        ? say.common.never
        : markup`${against(say.ago(backup.ageSeconds), goals.rpo, say)}<span class="note">${moment(backup.time)}</span>`,
    ],
  ];
  if (backup !== undefined)
    facts.push([
      words.held,
      markup`${words.messages(backup.messages)}<span class="note">${say.size(backup.bytes)} · <code>${shortId(backup.snapshot)}</code></span>`,
    ]);
  facts.push([
    words.lastProof,
    proof === undefined
      ? say.common.never
      : markup`${say.ago(proof.ageSeconds)}<span class="note">${moment(proof.time)}<br>${words.proofBy(proof.level, proof.by)}</span>`,
  ]);
  const seconds = (wholeProof ?? proof)?.seconds;
  if (seconds !== undefined) facts.push([words.restoreTakes, against(say.span(seconds), goals.rto, say)]);
  facts.push([
    words.backups,
    markup`${say.number(totals.backups)}<span class="note">${words.messages(totals.newMessages)}${words.comma}${say.size(totals.bytesStored)}</span>`,
  ]);
  if (host.failures.length > 0) facts.push([words.runsFailed, badge('failed', words, say.number(host.failures.length))]);
  if (host.incomplete.length > 0) facts.push([words.neverEnded, badge('failed', words, say.number(host.incomplete.length))]);
  if (totals.damaged > 0) facts.push([words.damagedObjects, badge('failed', words, say.number(totals.damaged))]);
  return markup`<dl class="facts">${facts.map(([label, value]) => markup`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function runTable(host: HostReport, most: number, say: Say): Markup {
  const { words } = say;
  if (host.runs.length === 0) return markup`<p class="note">${words.noRuns}</p>`;
  // What went wrong is always among those that are shown.
  const bad = new Set(host.runs.filter(({ state }) => levelOfState(state) !== 'ok').slice(0, most));
  const good = new Set(host.runs.filter((run) => !bad.has(run)).slice(0, Math.max(0, most - bad.size)));
  const shown = host.runs.filter((run) => bad.has(run) || good.has(run));
  const columns = [
    column(words.started),
    column(words.command, { text: true, brief: true }),
    column(words.result),
    column(words.took, { right: true }),
    column(words.newMail, { right: true }),
    column(words.stored, { right: true }),
    column(words.said, { text: true }),
  ];
  const rows = shown.map((run) => ({ cells: runCells(run, say) }));
  const left = host.runs.length - shown.length + (host.runsLeftOut ?? 0);
  return markup`${table(columns, rows, { caption: words.runs, sortBy: words.sortBy })}${left > 0 && markup`<p class="note">${words.moreRuns(left)}<code>mailrecover history --host ${host.host}</code></p>`}`;
}

function runCells(run: RunLine, say: Say): { content: Piece; sort: string | number }[] {
  const { words } = say;
  const { counts, seconds, startedAt } = run;
  const level = levelOfState(run.state);
  const word = run.state === 'ok' ? words.levels.ok : capital(say.report.state[run.state] ?? run.state);
  const optional = (value: number | undefined, show: (value: number) => string) => ({
    content: value === undefined ? '–' : show(value),
    sort: value ?? -1,
  });
  return [
    { content: markup`<time datetime="${startedAt}">${say.dates.moment(Date.parse(startedAt))}</time>`, sort: Date.parse(startedAt) },
    { content: markup`<code>${run.command}</code>`, sort: run.command },
    {
      content: level === undefined ? word : badge(level, words, word),
      sort: level === undefined ? 3 : { failed: 0, warning: 1, ok: 2 }[level],
    },
    optional(seconds, say.span),
    optional(counts['newMessages'], say.number),
    optional(counts['bytesStored'], say.size),
    { content: markup`${run.error === undefined ? run.codes.map(say.report.short).join(words.comma) : say.tell(run.error)}`, sort: '' },
  ];
}
