import { partsOf, template, type Template } from './catalogue.ts';
import { ofOne } from './en/one.ts';
import { MESSAGES } from './ja/messages/index.ts';
import { SHAPES } from './ja/messages/shapes.ts';
import { SCREENS } from './ja/screens/index.ts';
import type { Lang } from './index.ts';

/** Messages quote each other (`x: y`), so what stands for a part is translated, too, this often. */
const DEEPEST = 4;

/** A template with fewer letters of its own fits too much of what others say. */
const TELLING = 5;

interface Catalogue {
  /** What screens say, by the English text with its parts numbered, `{0} of {1}`. */
  screens: ReadonlyMap<string, string>;
  /** Messages in the same form. */
  exact: ReadonlyMap<string, string>;
  /** Messages with parts, the one with most letters, and then most parts, first: it says most exactly what a text is. */
  patterns: readonly Template[];
  shapes: readonly Template[];
}

let japanese: Catalogue | undefined;

function catalogue(): Catalogue {
  if (japanese !== undefined) return japanese;
  const messages = MESSAGES.map(([english, says]) => template(english, says));
  const screens = SCREENS.map(([english, says]) => template(english, says));
  const shapes = SHAPES.map(([english, says]) => template(english, says));
  const byText = (all: readonly Template[]): Map<string, string> => new Map(all.map(({ english, says }) => [english, says]));
  const patterns = [...messages, ...shapes].filter(({ pieces, weight }) => pieces.length > 1 && weight >= TELLING);
  return (japanese = {
    exact: byText([...messages, ...shapes]),
    screens: byText([...messages, ...screens]),
    patterns: patterns.toSorted((a, b) => b.weight - a.weight || b.pieces.length - a.pieces.length),
    shapes,
  });
}

/** A template in another language; in English where nobody has translated it. Parts are given in the language already. */
export function sayIn(lang: Lang, parts: readonly string[], values: readonly (string | number)[]): string {
  const english = parts.map((part, index) => (index === 0 ? part : `{${index - 1}}${part}`)).join('');
  if (lang === 'en') return inEnglish(english, values);
  const [before, text, after] = trimmed(english);
  const says = catalogue().screens.get(text);
  return filled(says === undefined ? english : `${before}${says}${after}`, values);
}

/** Only numbers are looked at: what else is put in may be anybody's text. */
function inEnglish(english: string, values: readonly (string | number)[]): string {
  const isNumber = (value: string | number): boolean => /^[\d,]+$/.test(String(value));
  if (!values.some((value) => String(value) === '1')) return filled(english, values);
  const numbers = english.replace(/\{(\d+)\}/g, (part, index: string) => {
    const value = values[Number(index)] ?? '';
    return isNumber(value) ? String(value) : part;
  });
  return filled(ofOne(numbers), values);
}

/** A message that was made in English, in another language; as it is where nobody has translated it. */
export function inLanguage(lang: Lang, message: string): string {
  return lang === 'en' ? ofOne(message) : translated(message, 0);
}

function translated(message: string, depth: number): string {
  if (depth > DEEPEST || !/[A-Za-z]{2}/.test(message)) return message;
  const { exact, patterns, shapes } = catalogue();
  const [before, text, after] = trimmed(message);
  const whole = exact.get(text);
  if (whole !== undefined) return whole.startsWith(' ') ? `${whole}${after}` : `${before}${whole}${after}`;
  for (const { pieces, says } of patterns) {
    const parts = partsOf(text, pieces);
    if (parts !== undefined) return `${before}${filled(says, within(parts, depth))}${after}`;
  }
  for (const { pieces, says } of shapes) {
    const parts = partsOf(text, pieces);
    const values = parts === undefined ? [] : within(parts, depth);
    if (values.some((value, index) => value !== parts?.[index]?.text)) return `${before}${filled(says, values)}${after}`;
  }
  const rest = /^([:;,] )(.+)$/s.exec(message);
  return rest === null ? message : `${rest[1] ?? ''}${translated(rest[2] ?? '', depth + 1)}`;
}

function within(parts: readonly { text: string; quoted: boolean }[], depth: number): string[] {
  return parts.map(({ text, quoted }) => (quoted ? text : translated(text, depth + 1)));
}

function trimmed(text: string): [before: string, text: string, after: string] {
  const inner = text.trim();
  const at = text.indexOf(inner);
  return [text.slice(0, at), inner, text.slice(at + inner.length)];
}

function filled(says: string, values: readonly (string | number)[]): string {
  return says.replace(/\{(\d+)\}/g, (_, index: string) => String(values[Number(index)] ?? ''));
}
