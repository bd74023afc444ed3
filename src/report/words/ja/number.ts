let numbers: Intl.NumberFormat | undefined;

/** A number as it is written: `1,234`. */
export function n(value: number): string {
  return (numbers ??= new Intl.NumberFormat('ja-JP')).format(value);
}
