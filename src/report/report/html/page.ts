import { createHash } from 'node:crypto';
import type { Report } from '../model.ts';
import { chartsOf } from './chart.ts';
import { chartSvg } from './chart-svg.ts';
import { factsOf } from './facts.ts';
import { type Markup, markup, trusted } from './markup.ts';
import { actions } from './page/actions.ts';
import { findings } from './page/findings.ts';
import { hero } from './page/hero.ts';
import { hostDetail, hostInside } from './page/host.ts';
import { hostTable } from './page/hosts.ts';
import { numbers } from './page/numbers.ts';
import { SCRIPT } from './page/script.ts';
import { STYLE } from './page/style.ts';
import { sayIn, type Say, type ViewOptions } from './say.ts';
import { type Calendar, calendarOf } from './series.ts';
import { signShapes } from './signs.ts';

/** Runs that a page lists at most, of all hosts; of each at least some. */
const MOST_RUNS = 6000;
const LEAST_RUNS = 20;
/** Hosts that are not well whose details are open from the start. */
const OPEN = 3;

/**
 * One page for the browser that holds all it shows: it needs no network and no server, and its policy forbids both.
 * @returns a whole HTML document
 */
export function renderPage(report: Report, options: ViewOptions): string {
  const say = sayIn(options);
  const { words } = say;
  const facts = factsOf(report, say);
  const period = { from: Date.parse(report.period.from), to: Date.parse(report.period.to) };
  const calendar = calendarOf(
    report.hosts.map(({ trend }) => trend),
    period,
    say.dates,
  );
  const made = Date.parse(report.madeAt);
  const page = markup`<!doctype html>
<html lang="${say.lang}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy()}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>${facts.headline} · mailrecover</title>
<style>${trusted(STYLE)}</style>
</head>
<body data-copy="${words.copy}" data-copied="${words.copied}">
${signShapes()}
${hero(report, facts, say)}
<main>
${actions(report, say)}
${numbers(report, facts, say)}
${body(report, calendar, say)}
</main>
<footer><p>${words.madeBy(`${say.dates.moment(made)} ${say.dates.zone(made)}`, report.by)} · mailrecover ${report.version}<br>${words.repository}${words.colon}<code>${report.repository.location}</code><br>${words.footer}</p></footer>
<p id="status" role="status"></p>
<script>${trusted(SCRIPT)}</script>
</body>
</html>
`;
  return page.markup;
}

function body(report: Report, calendar: Calendar, say: Say): Markup {
  const { words } = say;
  const { hosts } = report;
  const [only] = hosts;
  if (only === undefined) return findings(report, say);
  const runs = Math.max(LEAST_RUNS, Math.floor(MOST_RUNS / hosts.length));
  if (hosts.length === 1) {
    return markup`${findings(report, say)}<section class="single" aria-labelledby="host-0"><h2 id="host-0">${only.host}</h2>${hostInside(only, { runs, calendar }, say)}</section>`;
  }
  const charts = chartsOf(hosts, calendar, say);
  const bad = hosts.filter(({ level }) => level !== 'ok').slice(0, OPEN);
  return markup`${hostTable(hosts, calendar, say)}${
    charts.length > 0 &&
    markup`<section aria-labelledby="charts"><h2 id="charts">${words.charts}</h2><div class="charts">${charts.map((chart) => chartSvg(chart, calendar, say))}</div></section>`
  }${findings(report, say)}<section aria-labelledby="each"><h2 id="each">${words.hostsDetail}</h2>${hosts.map((host, index) =>
    hostDetail(host, { index, open: bad.includes(host), runs, calendar }, say),
  )}</section>`;
}

/** Nothing is loaded, sent or framed; only this style sheet and this script apply. */
function policy(): string {
  const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  return `default-src 'none'; style-src ${hash(STYLE)}; script-src ${hash(SCRIPT)}; base-uri 'none'; form-action 'none'`;
}
