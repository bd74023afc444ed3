/** Which directories of a store are watched, and which mailbox a path belongs to. Paths are text: names that are no UTF-8 are not watched. */
import { toText } from '../../store/bytes.ts';
import { fixedPart, parsePattern } from '../../store/pattern.ts';

export interface WatchedRoot {
  root: string;
  /** The levels from there to a mailbox: a name that must be there, or undefined for any. */
  levels: readonly (string | undefined)[];
}

/** Where the mailboxes of a pattern begin. undefined where its fixed part is no UTF-8. */
export function watchedRoot(pattern: string): WatchedRoot | undefined {
  const parsed = parsePattern(pattern);
  const root = toText(fixedPart(parsed));
  const levels = parsed.components.slice(parsed.fixed).map(({ literal }) => (literal === undefined ? undefined : toText(literal)));
  return root === undefined ? undefined : { root, levels };
}

/** What a path is to a store: above its mailboxes, a mailbox or something in one (with its path), or nothing of it. */
export type Belonging = { is: 'above' } | { is: 'inside'; mailbox: string; depth: number } | undefined;

export function belongs({ root, levels }: WatchedRoot, path: string): Belonging {
  if (path === root) return levels.length === 0 ? { is: 'inside', mailbox: root, depth: 0 } : { is: 'above' };
  const prefix = root === '/' ? '/' : `${root}/`;
  // Also a mount point's way down to it.
  if (!path.startsWith(prefix)) return root.startsWith(`${path}/`) ? { is: 'above' } : undefined;
  const names = path.slice(prefix.length).split('/');
  for (const [at, level] of levels.entries()) {
    const name = names[at];
    if (name === undefined) return { is: 'above' };
    if (level === undefined ? name.startsWith('.') || name === 'lost+found' : name !== level) return undefined;
  }
  return { is: 'inside', mailbox: `${prefix}${names.slice(0, levels.length).join('/')}`, depth: names.length - levels.length };
}

/** Directories that hold messages; deliveries in `tmp` are not complete. */
export function isMessageDirectory(name: string): boolean {
  return name === 'cur' || name === 'new';
}
