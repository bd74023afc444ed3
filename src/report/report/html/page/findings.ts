import type { Finding } from '../../../../errors/finding.ts';
import type { Report } from '../../model.ts';
import { type Markup, markup } from '../markup.ts';
import type { Say } from '../say.ts';
import { sign } from '../signs.ts';
import { hintMarkup, shownTodos, toldOf } from './actions.ts';

interface Found {
  finding: Finding;
  host: string | undefined;
}

/** Of each kind so many are in sight; the others are folded away. */
const IN_SIGHT = 5;
const RANK = { error: 0, warning: 1, info: 2 } as const;

/** What was found of no host, then of every host, the worst first; what stands under the things to do is not said again. */
export function findings(report: Report, say: Say): Markup {
  const found: Found[] = [
    ...report.findings.map((finding) => ({ finding, host: undefined })),
    ...report.hosts.flatMap(({ host, findings: own }) => own.map((finding) => ({ finding, host }))),
  ];
  const said = new Set(shownTodos(report).flatMap(({ all }) => all.map(({ because, host }) => nameOf(because, host))));
  const left = found.filter(({ finding, host }) => !said.has(nameOf(finding, host)));
  if (left.length === 0) return markup``;
  return markup`<section aria-labelledby="findings"><h2 id="findings">${say.words.findings} <span class="count">${say.number(left.length)}</span></h2>${findingList(report.hosts.length > 1 ? left : left.map(({ finding }) => ({ finding, host: undefined })), say)}</section>`;
}

function nameOf({ code, message, hint, subject }: Finding, host: string | undefined): string {
  return JSON.stringify([host, code, message, hint, subject]);
}

/** Findings by kind. */
export function findingList(found: readonly Found[], say: Say): Markup {
  const groups = new Map<string, Found[]>();
  for (const each of found) {
    const key = `${RANK[each.finding.severity]} ${each.finding.code}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else group.push(each);
  }
  const sorted = [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
  return markup`<div class="findings">${sorted.map(([, group]) => groupMarkup(group, say))}</div>`;
}

function groupMarkup(group: readonly Found[], say: Say): Markup {
  const [first] = group;
  if (first === undefined) return markup``;
  const { severity, code } = first.finding;
  const level = severity === 'error' ? 'failed' : severity === 'warning' ? 'warning' : undefined;
  const items = group.map(
    ({ finding, host }) =>
      markup`<li>${toldOf(finding.message, host, say)}${finding.hint !== undefined && hintMarkup(finding.hint, say)}</li>`,
  );
  const rest = items.slice(IN_SIGHT);
  return markup`<article class="finding ${level ?? 'info'}"><h4>${level !== undefined && sign(level)}${say.words.severities[severity]} <code>${code}</code></h4><ul>${items.slice(0, IN_SIGHT)}</ul>${
    rest.length > 0 && markup`<details class="rest"><summary>${say.words.moreFindings(rest.length)}</summary><ul>${rest}</ul></details>`
  }</article>`;
}
