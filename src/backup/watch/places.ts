/** Which directories of a store are watched. Paths are text: names that are no UTF-8 are not watched. */
import { toText } from '../../store/bytes.ts';
import { fixedPart, parsePattern } from '../../store/pattern.ts';

export interface WatchedRoot {
  /** The fixed part of a pattern. */
  root: string;
  /** How many levels below it the last one with a variable lies: there mailboxes come and go; 0 where there is none. */
  variable: number;
}

/** Where the mailboxes of a pattern begin; undefined where its fixed part is no UTF-8. */
export function watchedRoot(pattern: string): WatchedRoot | undefined {
  const parsed = parsePattern(pattern);
  const root = toText(fixedPart(parsed));
  const variable = parsed.components.slice(parsed.fixed).findLastIndex(({ literal }) => literal === undefined) + 1;
  return root === undefined ? undefined : { root, variable };
}

/** What is watched for mailboxes that come and go: directories down to those that hold the last level with a variable. */
export function watchesAbove({ root, variable }: WatchedRoot): { root: string; depth: number } | undefined {
  return variable === 0 ? undefined : { root, depth: variable - 1 };
}

/** Directories that hold messages; deliveries in `tmp` are not complete. */
export function isMessageDirectory(name: string): boolean {
  return name === 'cur' || name === 'new';
}
