import type { TextHelpers } from './types.ts';

/** How a run ended, for people. In English these are the words that `history --outcome` takes. */
export function stateText(state: string, text: TextHelpers): string {
  const word = text.lang === 'en' ? state : (text.words.report.state[state] ?? state);
  if (state === 'ok') return text.green(word);
  return state === 'running' ? text.cyan(word) : state === 'warning' ? text.yellow(word) : text.red(word);
}
