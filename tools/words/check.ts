/** Whether the catalogue has all that the program says, and nothing else. */
import { template } from '../../src/report/words/catalogue.ts';
import { MESSAGES } from '../../src/report/words/ja/messages/index.ts';
import { SCREENS } from '../../src/report/words/ja/screens/index.ts';
import { toldTexts } from './extract.ts';

/** What is missing, incomplete or left over, one line each; empty where all is well. @param root the directory above src */
export function wordsProblems(root: string): string[] {
  const told = toldTexts(root);
  const messages = byText(MESSAGES);
  const screens = byText([...MESSAGES, ...SCREENS]);
  const texts = new Set(told.map(({ english }) => english));
  return [
    ...told.flatMap(({ english, where, screen, forms }) => {
      const says = (screen ? screens : messages).get(english);
      const folder = `src/report/words/ja/${screen ? 'screens' : 'messages'}`;
      if (says === undefined) return [`${where}: no Japanese below ${folder} for ${JSON.stringify(english)}`];
      const [parts, shown] = [partsIn(english), partsIn(says)];
      const left = [...parts].filter((part) => !shown.has(part) && !forms.includes(part));
      const strange = [...shown].filter((part) => !parts.has(part));
      return left.length + strange.length === 0 ? [] : [`${where}: the Japanese of ${JSON.stringify(english)} has other parts: ${says}`];
    }),
    ...[...screens.keys()].filter((english) => !texts.has(english)).map((english) => `nobody says ${JSON.stringify(english)} any more`),
  ];
}

function byText(entries: readonly (readonly [string, string])[]): Map<string, string> {
  return new Map(
    entries.map((entry) => {
      const { english, says } = template(...entry);
      return [english, says];
    }),
  );
}

function partsIn(text: string): Set<number> {
  return new Set([...text.matchAll(/\{(-?\d+)\}/g)].map(([, part]) => Number(part)));
}
