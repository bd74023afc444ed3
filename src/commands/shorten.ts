/** A text for one column of a table, at most so many characters long. */
export function shorten(value: string | undefined, length: number): string {
  const characters = Array.from(value ?? '');
  return characters.length <= length ? characters.join('') : `${characters.slice(0, length - 1).join('')}…`;
}
