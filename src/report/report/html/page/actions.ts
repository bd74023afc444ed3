import type { Action, Report } from '../../model.ts';
import { partsOfHint } from '../hint.ts';
import { type Markup, markup } from '../markup.ts';
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
    return verdict === 'ok' && hosts.length > 0 ? markup`` : markup`<section><h2>${words.actions}</h2><p>${words.noActions}</p></section>`;
  return markup`<section aria-labelledby="todo"><h2 id="todo">${words.actions}</h2><ol class="todo">${all
    .slice(0, MOST)
    .map((action) =>
      item(action),
    )}</ol>${all.length > MOST && markup`<p class="note">${words.moreActions(say.number(all.length - MOST))}</p>`}</section>`;
}

function item({ hint, because, host }: Action): Markup {
  const level = because.severity === 'error' ? 'failed' : 'warning';
  return markup`<li class="${level}"><p class="because">${sign(level)}<span>${named(because.message, host)}</span></p>${hintMarkup(hint)}</li>`;
}

/** A message with the host that it is about: marked where it names it, else before it. */
export function named(message: string, host: string | undefined): Markup {
  const text = markup`<span lang="en">${message}</span>`;
  if (host === undefined) return text;
  const at = message.indexOf(host);
  if (at < 0) return markup`<b class="host">${host}</b> ${text}`;
  return markup`<span lang="en">${message.slice(0, at)}<b class="host">${host}</b>${message.slice(at + host.length)}</span>`;
}

/** A hint: words as words, commands to be copied. */
export function hintMarkup(hint: string): Markup {
  return markup`<div class="hint" lang="en">${partsOfHint(hint).map((part) =>
    'text' in part ? markup`<p>${part.text}</p>` : command(part.command),
  )}</div>`;
}

/** In words that are kept whole: a line that ends within an option could not be read. */
function command(text: string): Markup {
  const words = text.split(' ').map((word, index) => markup`${index > 0 && ' '}<span>${word}</span>`);
  return markup`<pre class="command"><code>${words}</code></pre>`;
}
