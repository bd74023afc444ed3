import type { TextHelpers } from '../../commands/types.ts';
import { type Lang, quantities } from '../../report/quantities.ts';
import { alignColumns } from './table.ts';

const STYLES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] } as const;

/** The helpers that commands make their text with, for a language and with or without colours. */
export function textHelpers(details: { color: boolean; lang: Lang }): TextHelpers {
  const style =
    (name: keyof typeof STYLES) =>
    (text: string): string =>
      details.color ? `\u001B[${STYLES[name][0]}m${text}\u001B[${STYLES[name][1]}m` : text;

  const helpers: TextHelpers = {
    bold: style('bold'),
    dim: style('dim'),
    red: style('red'),
    green: style('green'),
    yellow: style('yellow'),
    cyan: style('cyan'),
    ...quantities(details.lang),
    table(rows, { head, right = [] } = {}) {
      if (rows.length === 0) return '';
      const lines = alignColumns(head === undefined ? rows : [head, ...rows], right);
      if (head !== undefined) lines[0] = helpers.dim(lines[0] ?? '');
      return lines.join('\n');
    },
    pairs: (rows) => alignColumns(rows.map(([label, value]) => [helpers.dim(label), value])).join('\n'),
  };
  return helpers;
}
