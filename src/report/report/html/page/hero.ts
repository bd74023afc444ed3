import type { Report } from '../../model.ts';
import type { Facts } from '../facts.ts';
import { type Markup, markup, type Piece } from '../markup.ts';
import type { Say } from '../say.ts';
import { badge, sign } from '../signs.ts';
import type { Level } from '../../../metrics/model.ts';

/** The verdict, and how the hosts stand. */
export function hero(report: Report, facts: Facts, say: Say): Markup {
  const { words, dates } = say;
  const { period, hosts, verdict } = report;
  const levels = (['failed', 'warning', 'ok'] as const).filter((level) => facts.counts[level] > 0);
  return markup`<header class="top"><p class="brand">mailrecover</p><p class="what">${words.periods[period.name]} · ${dates.range(Date.parse(period.from), Date.parse(period.to))}</p></header>
<section class="hero ${verdict}" aria-labelledby="verdict">${sign(verdict)}<div><p class="word">${words.levels[verdict]}${hosts.length === 1 && ` · ${hosts[0]?.host ?? ''}`}</p><h1 id="verdict">${facts.headline}</h1>${
    facts.because !== '' && markup`<p class="lead">${facts.because}</p>`
  }${occasionOf(report, say).map((line) => markup`<p class="occasion">${line}</p>`)}${
    levels.length > 1 &&
    markup`<svg class="share" aria-hidden="true" width="100%" height="8">${shares(levels, facts, hosts.length)}</svg><ul class="legend">${levels.map(
      (level) => markup`<li>${badge(level, words)} <b>${say.number(facts.counts[level])}</b></li>`,
    )}</ul>`
  }</div></section>`;
}

/** Why it was made, where it was not just asked for. */
export function occasionOf({ occasion, run, period }: Report, say: Say): string[] {
  const { report: words } = say;
  const lines: string[] = [];
  const since = occasion?.since === undefined ? undefined : say.dates.moment(Date.parse(occasion.since));
  if (occasion?.kind === 'summary') lines.push(words.occasion.summary[period.name]);
  if (since !== undefined && occasion?.kind === 'reminder') lines.push(words.occasion.reminder(since));
  if (since !== undefined && occasion?.kind === 'recovery') lines.push(words.occasion.recovery(since));
  if (run !== undefined) {
    const said = run.error === undefined ? run.codes.map(words.short).join(say.words.comma) : say.tell(run.error);
    const state = words.state[run.state] ?? run.state;
    lines.push(`${words.run(run.command, run.host)}${say.words.comma}${state}${said === '' ? '' : `${say.words.colon}${said}`}`);
  }
  return lines;
}

function shares(levels: readonly Level[], { counts }: Facts, all: number): Piece[] {
  let from = 0;
  return levels.map((level) => {
    const width = (counts[level] / all) * 100;
    const share = markup`<rect class="${level}" x="${from.toFixed(2)}%" width="${width.toFixed(2)}%" height="8"/>`;
    from += width;
    return share;
  });
}
