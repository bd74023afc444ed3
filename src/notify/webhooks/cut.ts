/** Texts that must not be longer than a service takes. */

/** Bytes in UTF-8. */
export function utf8Length(text: string): number {
  return Buffer.byteLength(text);
}

/** Bytes in a JSON document, quotes not counted. */
export function jsonLength(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - 2;
}

/** Where there is a line end so near before the cut, the cut is there. */
const NEAR = 200;

/**
 * The text, or as much of it as fits, with a line that says how much is missing.
 * @param most what the service takes, in units of `size`: characters (UTF-16) by default
 */
export function cutText(text: string, most: number, size: (text: string) => number = ({ length }) => length): string {
  if (size(text) <= most) return text;
  const withNote = (end: number): string => `${text.slice(0, end)}\n[cut: ${text.length - end} more characters did not fit]`;
  const low = longest(text, most, (end) => size(withNote(end)));
  const line = text.lastIndexOf('\n', low);
  if (line > 0 && low - line < NEAR && size(withNote(line)) <= most) return withNote(line);
  return withNote(low);
}

/** How much of the beginning may stay: never half of a pair of surrogates. */
function longest(text: string, most: number, size: (end: number) => number): number {
  // No measure counts less than half a unit for a character.
  let [low, high] = [0, Math.min(text.length, 2 * most)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (size(middle) <= most) low = middle;
    else high = middle - 1;
  }
  return /[\uD800-\uDBFF]/.test(text[low - 1] ?? '') ? low - 1 : low;
}

/** One line, or as much of it as fits, ending in `…`. */
export function cutLine(text: string, most: number, size: (text: string) => number = ({ length }) => length): string {
  const line = text.replace(/\s+/g, ' ').trim();
  if (size(line) <= most) return line;
  return `${line.slice(
    0,
    longest(line, most, (end) => size(`${line.slice(0, end)}…`)),
  )}…`;
}
