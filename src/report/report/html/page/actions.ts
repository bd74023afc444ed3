import type { Action, Report } from '../../model.ts';
import { hintOf } from '../hint.ts';
import { type Markup, markup, type Piece } from '../markup.ts';
import type { Say } from '../say.ts';
import { sign } from '../signs.ts';

/** More than these nobody does in one go; the others stand at their hosts. */
const MOST = 12;

export function shownActions({ actions }: Report): readonly Action[] {
  return actions.slice(0, MOST);
}

/** What to do, the most urgent first, with the very commands. */
export function actions(report: Report, say: Say): Markup {
  const { actions: all, verdict, hosts } = report;
  const { words } = say;
  if (all.length === 0)
    return verdict === 'ok' && hosts.length > 0
      ? markup``
      : markup`<section><h2>${say.report.next}</h2><p>${say.report.nothingToDo}</p></section>`;
  return markup`<section aria-labelledby="todo"><h2 id="todo">${say.report.next}</h2><ol class="todo">${shownActions(report).map(({ host, ...action }) => item({ ...action, host: hosts.length > 1 ? host : undefined }, say))}</ol>${all.length > MOST && markup`<p class="note">${words.moreActions(all.length - MOST)}</p>`}</section>`;
}

function item({ hint, because, host }: Action, say: Say): Markup {
  const level = because.severity === 'error' ? 'failed' : 'warning';
  return markup`<li class="${level}"><p class="because">${sign(level)}<span>${toldOf(because.message, host, say)}</span></p>${hintMarkup(hint, say)}</li>`;
}

/** A message with the host that it is about: marked where it names it, else before it. */
export function toldOf(message: string, host: string | undefined, say: Say): Markup {
  const told = say.tell(message);
  const at = host === undefined ? -1 : told.indexOf(host);
  if (host === undefined) return inItsLanguage(message, told, say);
  if (at < 0) return markup`<b class="host">${host}</b> ${inItsLanguage(message, told, say)}`;
  return inItsLanguage(message, markup`${told.slice(0, at)}<b class="host">${host}</b>${told.slice(at + host.length)}`, say, told);
}

/** Messages are made in English; those that nobody translated are marked as what they are. */
function inItsLanguage(message: string, shown: Piece, { lang }: Say, told = shown): Markup {
  return lang !== 'en' && told === message ? markup`<span lang="en">${shown}</span>` : markup`${shown}`;
}

/** A hint: words as words, commands to be copied. */
export function hintMarkup(hint: string, say: Say): Markup {
  const told = say.tell(hint);
  const { parts, flows } = hintOf(told);
  const shown = flows
    ? markup`<p>${parts.map((part) => ('text' in part ? part.text : markup`<span class="command">${code(part.command)}</span>`))}</p>`
    : parts.map((part) => ('text' in part ? markup`<p>${part.text}</p>` : markup`<pre class="command">${code(part.command)}</pre>`));
  return markup`<div class="hint"${say.lang !== 'en' && told === hint && markup` lang="en"`}>${shown}</div>`;
}

/** A command, in words that are kept whole: a line that ends within an option could not be read. */
function code(text: string): Markup {
  return markup`<code>${text.split(' ').map((word, index) => markup`${index > 0 && ' '}<span>${word}</span>`)}</code>`;
}
