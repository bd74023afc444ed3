/** Hints as the program gives them: a sentence with commands in single quotes, or after a colon at its end. */

export type HintPart = { text: string } | { command: string };

const QUOTED = /'(mailrecover [^']*)'/g;
const AT_END = /^(.*?:) ((?:mailrecover|doveadm|postqueue|postconf|doveconf|postfix|systemctl|journalctl) .+)$/s;

/** The commands of a hint, and the words around them. */
export function partsOfHint(hint: string): HintPart[] {
  const parts: HintPart[] = [];
  let from = 0;
  const add = (text: string): void => {
    const trimmed = text.replace(/^[\s,;:.]+/, '').trim();
    if (trimmed !== '') parts.push({ text: trimmed });
  };
  for (const match of hint.matchAll(QUOTED)) {
    add(hint.slice(from, match.index));
    parts.push({ command: match[1] ?? '' });
    from = match.index + match[0].length;
  }
  const rest = hint.slice(from);
  const atEnd = from === 0 ? AT_END.exec(rest) : null;
  if (atEnd !== null) {
    add(atEnd[1] ?? '');
    parts.push({ command: atEnd[2] ?? '' });
  } else if (from === 0 && rest.startsWith('mailrecover ')) parts.push({ command: rest });
  else add(rest);
  return parts;
}
