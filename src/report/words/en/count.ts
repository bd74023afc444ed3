// Made when the first is counted: making them takes longer than all else that these modules do.
let made: { plurals: Intl.PluralRules; numbers: Intl.NumberFormat } | undefined;

/** A number and what it counts: `1 host`, `1,234 hosts`. */
export function count(value: number, one: string, many: string): string {
  const { plurals, numbers } = (made ??= { plurals: new Intl.PluralRules('en-GB'), numbers: new Intl.NumberFormat('en-GB') });
  return `${numbers.format(value)} ${plurals.select(value) === 'one' ? one : many}`;
}
