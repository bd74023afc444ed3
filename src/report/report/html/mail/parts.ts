/**
 * Pieces of HTML that mail programs agree on: tables, `bgcolor`, and longhand properties on the cells themselves. Outlook
 * lays mails out with Word, which knows no padding outside of cells, no `max-width` and no shorthand for fonts; Gmail
 * leaves the style sheet out for some accounts; so what must hold stands in each cell, and the style sheet only adds the
 * dark colours and the narrow screen.
 */
import type { Level } from '../../../metrics/model.ts';
import { type Markup, markup, type Piece, trusted } from '../markup.ts';
import { DARK, LIGHT, type Theme } from '../palette.ts';

export const WIDTH = 600;

/** Signs that no program turns into coloured pictures; a word stands beside each. */
export const MARKS: Readonly<Record<Level, string>> = { ok: '✓', warning: '!', failed: '✕' };

/** Short names of classes that the style sheet recolours in the dark. */
export const LEVEL_CLASS: Readonly<Record<Level, string>> = { ok: 'lo', warning: 'lw', failed: 'lf' };

const SIDE = 24;

/** One row of the mail over its whole width. */
export function row(
  content: Piece,
  { top = 0, bottom = 0, back = 'card' }: { top?: number; bottom?: number; back?: 'card' | Level } = {},
): Markup {
  const colour = back === 'card' ? LIGHT.card : LIGHT.levels[back].tint;
  const name = back === 'card' ? 'c' : `t${LEVEL_CLASS[back]}`;
  return markup`<tr><td class="${name} s" bgcolor="${colour}" style="padding-top:${top}px;padding-bottom:${bottom}px;padding-left:${SIDE}px;padding-right:${SIDE}px;background-color:${colour}">${content}</td></tr>\n`;
}

/** Text in a colour of its own, that the style sheet can change. */
export function text(
  content: Piece,
  { size = 14, weight = 'normal', name = 'k' }: { size?: number; weight?: 'normal' | 'bold'; name?: TextClass } = {},
): Markup {
  return markup`<p class="${name}" style="margin-top:0;margin-bottom:0;font-size:${size}px;line-height:${Math.round(size * 1.5)}px;font-weight:${weight};word-break:break-word;color:${inkOf(name, LIGHT)}">${content}</p>`;
}

/** A heading of a section. */
export function heading(content: Piece): Markup {
  return row(
    markup`<h2 class="k" style="margin-top:0;margin-bottom:0;font-size:18px;line-height:26px;font-weight:bold;color:${LIGHT.ink}">${content}</h2>`,
    { top: 28, bottom: 8 },
  );
}

/** A table for layout; programs that read aloud pass over it. */
export function layout(rows: Piece): Markup {
  return markup`<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="border-collapse:collapse">${rows}</table>`;
}

/** A command to be copied. Room around it is that of an outer cell: Outlook knows no other. */
export function command(line: string): Markup {
  const box = `padding-top:6px;padding-bottom:6px;padding-left:10px;padding-right:10px;background-color:${LIGHT.inset};color:${LIGHT.ink}`;
  const font = 'font-family:Consolas,Menlo,monospace;font-size:13px;line-height:20px;word-break:break-word';
  return layout(
    markup`<tr><td style="padding-top:4px;padding-bottom:6px">${layout(markup`<tr><td class="i k" bgcolor="${LIGHT.inset}" style="${box};${font}">${line}</td></tr>`)}</td></tr>`,
  );
}

/** A command within a sentence. */
export function inline(line: string): Markup {
  return markup`<span class="i k" style="background-color:${LIGHT.inset};color:${LIGHT.ink};font-family:Consolas,Menlo,monospace;font-size:13px">&nbsp;${line}&nbsp;</span>`;
}

/** Sign and word of a level. */
export function mark(level: Level, word: string): Markup {
  return markup`<b class="${LEVEL_CLASS[level]}" style="color:${LIGHT.levels[level].ink};white-space:nowrap">${MARKS[level]} ${word}</b>`;
}

export type TextClass = 'k' | 'm' | 'lo' | 'lw' | 'lf';

function inkOf(name: TextClass, theme: Theme): string {
  const levels = { lo: theme.levels.ok, lw: theme.levels.warning, lf: theme.levels.failed };
  return name === 'k' ? theme.ink : name === 'm' ? theme.muted : levels[name].ink;
}

const INKS = ['k', 'm', 'lo', 'lw', 'lf'] as const;

/** Adds to what stands in the cells: dark colours where the reader wants them, and less room at the sides of a telephone. */
export function mailStyle(): Markup {
  const { levels } = DARK;
  const rules = (before: string): string =>
    [
      ...INKS.map((name) => `${before}.${name}{color:${inkOf(name, DARK)} !important}`),
      `${before}.b{background-color:${DARK.page} !important}`,
      `${before}.c{background-color:${DARK.card} !important}`,
      `${before}.i{background-color:${DARK.inset} !important}`,
      `${before}.l{border-color:${DARK.line} !important}`,
      ...Object.entries(levels).map(
        ([level, { tint }]) => `${before}.t${LEVEL_CLASS[level as Level]}{background-color:${tint} !important}`,
      ),
    ].join('\n');
  return trusted(`<style>
:root{color-scheme:light dark;supported-color-schemes:light dark}
table{border-collapse:collapse}
@media (max-width:599px){.s{padding-left:16px !important;padding-right:16px !important}.n{display:none !important}}
@media (prefers-color-scheme:dark){
${rules('')}
}
${rules('[data-ogsc] ')}
</style>
<!--[if mso]><style>td{font-size:13px;line-height:19px}td,th,p,h1,h2,b,span{font-family:Arial,"Yu Gothic",Meiryo,sans-serif !important}</style><![endif]-->`);
}
