/** Hints as the program gives them: sentences with commands in single quotes, or after a colon at the end. */

export type HintPart = { text: string } | { command: string };

export interface Hint {
  parts: readonly HintPart[];
  /** The sentence goes on behind a command, so that it must be read as one; else each command stands for itself. */
  flows: boolean;
}

const PROGRAMS = 'mailrecover|doveadm|doveconf|postqueue|postconf|postfix|systemctl|journalctl|timedatectl';
const COMMAND = new RegExp(
  [
    `'((?:${PROGRAMS})(?: [^']*)?)'`,
    // To the end, after a colon or alone.
    `(?<=^|: )((?:${PROGRAMS}) [^';]+)$`,
    // Amid Japanese, which does not quote all of them.
    `(?<![\\w'-])((?:${PROGRAMS})(?: [\\x21-\\x26\\x28-\\x7e]+)+)(?= [^\\x00-\\x7f])`,
  ].join('|'),
  'g',
);

/** The commands of a hint, and the words around them. */
export function hintOf(hint: string): Hint {
  const parts: HintPart[] = [];
  let from = 0;
  for (const match of hint.matchAll(COMMAND)) {
    parts.push({ text: hint.slice(from, match.index) }, { command: match[1] ?? match[2] ?? match[3] ?? '' });
    from = match.index + match[0].length;
  }
  parts.push({ text: hint.slice(from) });
  const flows = parts.some((part, index) => index > 0 && 'text' in part && /^\s*[^\s;,.]/.test(part.text));
  return { flows, parts: parts.flatMap((part) => ('text' in part ? textPart(part.text, flows) : [part])) };
}

function textPart(text: string, flows: boolean): HintPart[] {
  const told = flows ? text : text.replace(/^[\s,;:.]+/, '').trim();
  return told === '' ? [] : [{ text: told }];
}
