import { MESSAGES } from './ja/messages/index.ts';
import type { Lang } from './index.ts';

interface Pattern {
  matches: RegExp;
  names: readonly string[];
  says: string;
}

let patterns: readonly Pattern[] | undefined;

/** Messages may quote each other (`x: y`), so what stands for a part is translated, too, this often. */
const DEEPEST = 3;

/** A message that was made in English, in another language; as it is where nobody has translated it. */
export function inLanguage(lang: Lang, message: string, depth = 0): string {
  if (lang === 'en' || depth > DEEPEST) return message;
  patterns ??= MESSAGES.map(([english, says]) => patternOf(english, says));
  for (const { matches, names, says } of patterns) {
    const found = matches.exec(message);
    if (found === null) continue;
    const parts = new Map(names.map((name, index) => [name, inLanguage(lang, found[index + 1] ?? '', depth + 1)]));
    return says.replace(/\{(\w+)\}/g, (_, name: string) => parts.get(name) ?? '');
  }
  return message;
}

/** `{name}` stands for anything. */
function patternOf(english: string, says: string): Pattern {
  const names: string[] = [];
  const source = english.split(/(\{\w+\})/).map((part) => {
    if (!/^\{\w+\}$/.test(part)) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    names.push(part.slice(1, -1));
    return '(.*?)';
  });
  return { matches: new RegExp(`^${source.join('')}$`, 's'), names, says };
}
