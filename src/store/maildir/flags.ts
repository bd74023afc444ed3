import type { ByteString } from '../bytes.ts';
import { type Keywords, MAX_KEYWORDS } from './keywords.ts';

/**
 * Maildir's letters for IMAP's system flags (https://cr.yp.to/proto/maildir.html, RFC 3501 section 2.3.2). `P` (passed)
 * has none.
 */
const SYSTEM: readonly (readonly [letter: string, flag: string])[] = [
  ['D', '\\Draft'],
  ['F', '\\Flagged'],
  ['R', '\\Answered'],
  ['S', '\\Seen'],
  ['T', '\\Deleted'],
];
const BY_LETTER = new Map(SYSTEM);

/**
 * The IMAP flags and keywords of a message, from the flags part of its file name (`:2,FSab`). As in Dovecot the last
 * `:` counts, letters that mean nothing are passed over, and a keyword whose name is lost is `unknown-<number>`.
 */
export function imapFlags(flagsPart: ByteString, keywords: Keywords = new Map()): string[] {
  const info = flagsPart.slice(flagsPart.lastIndexOf(':'));
  if (!info.startsWith(':2,')) return [];
  const flags = new Set<string>();
  for (const letter of info.slice(3).split(',', 1)[0] ?? '') {
    const system = BY_LETTER.get(letter);
    if (system !== undefined) flags.add(system);
    else if (letter >= 'a' && letter <= 'z') {
      const number = letter.charCodeAt(0) - 0x61;
      flags.add(keywords.get(number) ?? `unknown-${number}`);
    }
  }
  return [...flags];
}

/**
 * The flags part of a file name for these IMAP flags: `:2,` and letters in byte order. Keywords that have no number yet
 * get the next free one; `keywords` in the answer has them all. What does not fit into 26 letters is named in `lost`;
 * `\Recent` belongs to sessions, not to files.
 */
export function maildirFlags(
  flags: Iterable<string>,
  keywords: Keywords = new Map(),
): { flagsPart: string; keywords: Keywords; lost: string[] } {
  const names = new Map(keywords);
  const letters = new Set<string>();
  const lost: string[] = [];
  for (const flag of flags) {
    const system = SYSTEM.find(([, name]) => name.toLowerCase() === flag.toLowerCase());
    if (system !== undefined) letters.add(system[0]);
    else if (!flag.startsWith('\\')) {
      const number = numberOf(flag, names);
      if (number === undefined) lost.push(flag);
      else letters.add(String.fromCharCode(0x61 + number));
    }
  }
  return { flagsPart: `:2,${[...letters].sort().join('')}`, keywords: names, lost };
}

function numberOf(name: string, names: Map<number, string>): number | undefined {
  const lower = name.toLowerCase();
  for (const [number, known] of names) if (known.toLowerCase() === lower) return number;
  for (let number = 0; number < MAX_KEYWORDS; number++) {
    if (names.has(number)) continue;
    names.set(number, name);
    return number;
  }
  return undefined;
}
