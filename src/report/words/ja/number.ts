const numbers = new Intl.NumberFormat('ja-JP');

/** A number as it is written: `1,234`. */
export function n(value: number): string {
  return numbers.format(value);
}
