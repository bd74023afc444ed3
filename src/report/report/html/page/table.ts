/** Tables that a small script makes sortable, and that become cards on a narrow screen. */
import { type Markup, markup, type Piece } from '../markup.ts';

interface Column {
  label: string;
  right: boolean;
  /** Sorted as text; `brief` takes no room of its own on a narrow screen. */
  text: boolean;
  brief: boolean;
  /** What names the row. */
  key: boolean;
  /** Not sorted at all. */
  still: boolean;
}

export interface Cell {
  content: Piece;
  /** What it is sorted by. */
  sort: string | number;
}

interface Row {
  cells: readonly Cell[];
  attributes?: Markup;
}

export function column(label: string, { right = false, text = false, brief = false, key = false, still = false } = {}): Column {
  return { label, right, text, brief, key, still };
}

export function table(
  columns: readonly Column[],
  rows: readonly Row[],
  { id, caption, sortBy }: { id?: string; caption: string; sortBy: string },
): Markup {
  const head = columns.map(
    ({ label, right, text, still }) =>
      markup`<th scope="col"${right && markup` class="right"`}${!still && markup` data-sort="${text ? 'text' : 'number'}"`}>${label}</th>`,
  );
  const body = rows.map(
    ({ cells, attributes }) =>
      markup`<tr${attributes}>${cells.map(({ content, sort }, index) => cell(columns[index], content, sort))}</tr>\n`,
  );
  return markup`<div class="scroll"><table${id !== undefined && markup` id="${id}"`} class="sortable" data-sortby="${sortBy}"><caption>${caption}</caption><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

function cell(column: Column | undefined, content: Piece, sort: string | number): Markup {
  if (column === undefined) return markup``;
  const { label, right, text, brief, still } = column;
  const kind = column.key ? 'text key' : text && !brief ? 'text' : right ? 'right' : undefined;
  // Text that sorts as it reads needs no key beside it.
  const key = !still && !text && markup` data-key="${sort}"`;
  return markup`<td${kind !== undefined && markup` class="${kind}"`}${key} data-label="${label}">${content}</td>`;
}
