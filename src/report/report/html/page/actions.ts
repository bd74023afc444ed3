import type { Report } from '../../model.ts';
import { hintOf } from '../hint.ts';
import { type Markup, markup, type Piece } from '../markup.ts';
import type { Say } from '../say.ts';
import { sign } from '../signs.ts';
import { type Todo, todosOf } from '../todo.ts';

/** More than these nobody does in one go; the others stand at their hosts. */
const MOST = 12;
/** Hosts that are named where several have the same trouble. */
const MOST_NAMED = 12;

export function shownTodos(report: Report): Todo[] {
  return todosOf(report).slice(0, MOST);
}

/** What to do, the most urgent first, with the very commands. */
export function actions(report: Report, say: Say): Markup {
  const { words } = say;
  if (report.actions.length === 0) return markup``;
  const shown = shownTodos(report);
  const left = report.actions.length - shown.reduce((sum, { all }) => sum + all.length, 0);
  return markup`<section aria-labelledby="todo"><h2 id="todo">${say.report.next}</h2><ol class="todo">${shown.map((todo) => item(todo, say))}</ol>${left > 0 && markup`<p class="note">${words.moreActions(left)}</p>`}</section>`;
}

function item({ hint, because, host, likewise }: Todo, say: Say): Markup {
  const level = because.severity === 'error' ? 'failed' : 'warning';
  return markup`<li class="${level}"><p class="because">${sign(level)}<span>${toldOf(because.message, host, say)}</span></p>${
    likewise.length > 0 && markup`<p class="likewise">${likewiseOf(likewise, say)}</p>`
  }${hintMarkup(hint, say)}</li>`;
}

/** `also mx2, mx3 and 4 more hosts` */
export function likewiseOf(hosts: readonly string[], { words }: Say): string {
  return words.likewise(hosts.slice(0, MOST_NAMED).join(words.comma), Math.max(0, hosts.length - MOST_NAMED));
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
