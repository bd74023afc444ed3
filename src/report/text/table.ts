import { columnsOf } from './width.ts';

/**
 * Aligned columns, two blanks apart, without blanks at line ends.
 * @param right numbers (from 0) of the columns that stand right
 */
export function alignColumns(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const cells = rows.map((row) => row.map((cell) => cell.replace(/[\r\n\t]+/g, ' ')));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, columnsOf(cell));
  }
  return cells.map((row) => {
    const padded = row.map((cell, index) => {
      const blanks = ' '.repeat((widths[index] ?? 0) - columnsOf(cell));
      return right.includes(index) ? blanks + cell : cell + blanks;
    });
    return padded.join('  ').trimEnd();
  });
}
