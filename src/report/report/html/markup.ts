/** HTML that is escaped unless it is made here: text of strangers can't become markup by being forgotten. */

export interface Markup {
  readonly markup: string;
}

export type Piece = Markup | string | number | false | undefined | readonly Piece[];

/** A template whose values are escaped, except those that are markup themselves. Attributes must stand in double quotes. */
export function markup(strings: TemplateStringsArray, ...values: readonly Piece[]): Markup {
  let text = strings[0] ?? '';
  for (const [index, value] of values.entries()) text += toText(value) + (strings[index + 1] ?? '');
  return { markup: text };
}

/** Text that is markup already, made by this program alone. */
export function trusted(text: string): Markup {
  return { markup: text };
}

function toText(value: Piece): string {
  if (typeof value === 'string') return escapeText(value);
  if (typeof value === 'number') return String(value);
  if (value === undefined || value === false) return '';
  return isMarkup(value) ? value.markup : value.map(toText).join('');
}

function isMarkup(value: Markup | readonly Piece[]): value is Markup {
  return 'markup' in value;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;', '`': '&#96;' };

/** For text and for attributes in quotes. What would steer the display (controls, changes of direction) is shown as U+FFFD. */
export function escapeText(text: string): string {
  return (
    text
      .toWellFormed()
      // oxlint-disable-next-line no-control-regex
      .replace(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u200E\u200F\u202A-\u202E\u2066-\u2069\uFFFE\uFFFF]/g, '\uFFFD')
      .replace(/[&<>"'`]/g, (character) => ENTITIES[character] ?? '')
  );
}
