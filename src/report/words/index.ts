/**
 * What is said to people, in each language: the one catalogue. English is where the shape comes from; the types see to it that no other language lacks
 * anything. Messages of findings and errors are made in English, where they arise, and are translated here when they are shown.
 */
import type { Lang } from '../quantities.ts';
import { en } from './en/index.ts';
import { ja } from './ja/index.ts';

export type { Lang } from '../quantities.ts';

/** Texts, and functions that make them: numbers come as numbers, spans and times as text that is made up already. */
export type Words = typeof en;

const ALL: Readonly<Record<Lang, Words>> = { en, ja };

export function wordsOf(lang: Lang): Words {
  return ALL[lang];
}
