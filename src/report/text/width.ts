/** Ranges of code points that take two columns: East Asian Wide and Fullwidth (UAX #11), and emoji. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
];

// oxlint-disable-next-line no-control-regex -- these are the sequences that set colours
const STYLE = /\u001B\[[\d;]*m/g;

/** How many columns of a terminal a text takes; colours take none. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text.replace(STYLE, '')) {
    if (/[\p{Mn}\p{Me}\p{Cf}]/u.test(character)) continue;
    const code = character.codePointAt(0) ?? 0;
    columns += code >= 0x1100 && WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
  }
  return columns;
}

// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const UNSAFE = /(\u001B\[(?:1|2|22|3[1236]|39)m)|[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;

/**
 * Makes a text safe to print: subjects and folder names come from strangers, and could else move the
 * cursor or turn the direction of writing. Line feeds, tabs and the few styles that are used here stay.
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, (_, style: string | undefined) => style ?? '\uFFFD');
}
