import { displayBytes } from '../bytes.ts';

/** How many keywords a Maildir folder's file names can hold, as the letters `a` to `z`. */
export const MAX_KEYWORDS = 26;

/** Names of keywords by their number (0 is `a`); numbers that have no name are absent. */
export type Keywords = ReadonlyMap<number, string>;

/**
 * Reads `dovecot-keywords`: lines `<number> <name>`. Lines that Dovecot would pass over (maildir-keywords.c: no space,
 * a number above 25, no name) are passed over here. Never throws.
 */
export function parseKeywords(content: Buffer): Keywords {
  const names = new Map<number, string>();
  const lines = content.toString('latin1').split('\n');
  // The last piece is empty, or a line that was being written.
  for (const line of lines.slice(0, -1)) {
    const match = /^(\d{1,2}) (.+)$/s.exec(line);
    const number = Number(match?.[1]);
    if (match?.[2] !== undefined && number < MAX_KEYWORDS) names.set(number, displayBytes(match[2]));
  }
  return names;
}

/** What stands in `dovecot-keywords` for these names. */
export function formatKeywords(keywords: Keywords): string {
  return [...keywords]
    .toSorted(([a], [b]) => a - b)
    .map(([number, name]) => `${number} ${name}\n`)
    .join('');
}
