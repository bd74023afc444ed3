/** Signs of the levels for the page: told apart by their shape, with a word beside them. */
import type { Level } from '../../metrics/model.ts';
import { type Markup, markup, trusted } from './markup.ts';
import type { Words } from '../../words/index.ts';

const SHAPES: Readonly<Record<Level, string>> = {
  ok: '<circle cx="8" cy="8" r="8"/><path d="M4.4 8.3l2.4 2.4 4.8-5.2"/>',
  warning:
    '<path class="solid" d="M8 .6c.6 0 1 .3 1.3.8l6.3 11.8c.6 1.1-.1 2.3-1.3 2.3H1.7C.5 15.5-.2 14.3.4 13.2L6.7 1.4C7 .9 7.4.6 8 .6z"/><path d="M8 5.4v4.1M8 12.2v.3"/>',
  failed: '<path class="solid" d="M4.9 0h6.2L16 4.9v6.2L11.1 16H4.9L0 11.1V4.9z"/><path d="M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6"/>',
};

/** The shapes, once on a page, for {@link sign} to show. */
export function signShapes(): Markup {
  const symbols = Object.entries(SHAPES).map(([level, shape]) => `<symbol id="sign-${level}" viewBox="0 0 16 16">${shape}</symbol>`);
  return trusted(`<svg class="shapes" aria-hidden="true" width="0" height="0">${symbols.join('')}</svg>`);
}

/** The sign alone; a word must stand beside it. */
export function sign(level: Level): Markup {
  return trusted(`<svg class="sign" aria-hidden="true" width="16" height="16"><use href="#sign-${level}"/></svg>`);
}

/** Sign and word. */
export function badge(level: Level, words: Words['page'], word: string = words.levels[level]): Markup {
  return markup`<span class="badge ${level}">${sign(level)}${word}</span>`;
}
