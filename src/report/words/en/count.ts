const plurals = new Intl.PluralRules('en-GB');
const numbers = new Intl.NumberFormat('en-GB');

/** A number and what it counts: `1 host`, `1,234 hosts`. */
export function count(value: number, one: string, many: string): string {
  return `${numbers.format(value)} ${plurals.select(value) === 'one' ? one : many}`;
}
