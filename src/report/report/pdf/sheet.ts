/** A page of paper, and how text, rows and boxes come onto it one below the other. Lengths are points, 1/72 inch. */
import { LIGHT } from '../html/palette.ts';
import type { Face } from './fonts.ts';

export const MARGIN = 48;
/** Kept free at the foot of each page. */
const FOOT = 40;

export interface Style {
  face?: Face;
  size?: number;
  color?: string;
}

/** A column of a table, or a part of a row. */
export interface Cell extends Style {
  text: string;
  width: number;
  align?: 'left' | 'right';
}

/** The document with a place where the next thing goes. */
export interface Sheet {
  doc: PDFKit.PDFDocument;
  readonly width: number;
  /** Begins a new page unless there is so much room. */
  room(height: number): void;
  gap(height: number): void;
  /** A paragraph, its lines broken where Japanese and Latin may be. @param indent from the left */
  text(said: string, style?: Style & { indent?: number; link?: string }): void;
  /** Cells beside each other, each in its own lines; the row is as high as the highest. */
  row(cells: readonly Cell[], details?: { line?: boolean }): void;
  /** @param below how much of what follows stays with it on the page */
  heading(said: string, below?: number): void;
  /** How high a text becomes. */
  heightOf(said: string, width: number, style?: Style): number;
}

const LINE_GAP = 2.5;

/** @param fit puts a sign in place of letters that the font does not have */
export function sheetOf(doc: PDFKit.PDFDocument, fit: (text: string) => string): Sheet {
  const width = doc.page.width - 2 * MARGIN;
  const bottom = doc.page.height - MARGIN - FOOT / 2;
  const use = ({ face = 'plain', size = 10, color = LIGHT.ink }: Style): PDFKit.PDFDocument =>
    doc.font(face).fontSize(size).fillColor(color);
  const sheet: Sheet = {
    doc,
    width,
    room(height) {
      if (doc.y + height > bottom && doc.y > MARGIN + 1) {
        doc.addPage();
        doc.y = MARGIN;
      }
    },
    gap(height) {
      doc.y += height;
    },
    heightOf: (said, within, style = {}) => use(style).heightOfString(fit(said), { width: within, lineGap: LINE_GAP }),
    text(said, { indent = 0, link, ...style } = {}) {
      const height = sheet.heightOf(said, width - indent, style);
      sheet.room(Math.min(height, 200));
      use(style).text(fit(said), MARGIN + indent, doc.y, {
        width: width - indent,
        lineGap: LINE_GAP,
        ...(link === undefined ? {} : { link, underline: true }),
      });
    },
    row(cells, { line = true } = {}) {
      const inner = (cell: Cell): number => cell.width - 8;
      const height = Math.max(...cells.map((cell) => sheet.heightOf(cell.text, inner(cell), cell))) + 7;
      sheet.room(height);
      const top = doc.y;
      let x = MARGIN;
      for (const cell of cells) {
        use(cell).text(fit(cell.text), x, top + 4, { width: inner(cell), lineGap: LINE_GAP, align: cell.align ?? 'left' });
        x += cell.width;
      }
      doc.y = top + height;
      if (line)
        doc
          .moveTo(MARGIN, doc.y)
          .lineTo(MARGIN + width, doc.y)
          .lineWidth(0.5)
          .strokeColor(LIGHT.line)
          .stroke();
    },
    heading(said, below = 50) {
      // It never stands alone at the end of a page.
      sheet.room(30 + below);
      sheet.gap(doc.y > MARGIN + 1 ? 16 : 0);
      sheet.text(said, { face: 'bold', size: 13 });
      sheet.gap(4);
    },
  };
  return sheet;
}
