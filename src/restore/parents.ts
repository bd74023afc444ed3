/** Directories above the mailboxes, of which a snapshot says nothing: `example.org` in `example.org/alice/Maildir`. */
import type { RestorePlan } from './plan.ts';

export interface Parent {
  /** 0700 for those of one owner, else 0711: each owner can pass, nobody sees whose mail else is there. */
  mode: number;
  /** Who owns all that lies below; undefined where several do, and it stays with whoever restores. */
  owner: { user: string; group: string } | undefined;
}

/**
 * What such directories are to be, so that a mail server that runs as the owner of the mail reaches it: they belong to
 * the owner of what lies below them.
 * @param paths those of them that are made
 */
export function parentsOf(plan: RestorePlan, paths: readonly string[]): Map<string, Parent> {
  const parents = new Map<string, Parent | undefined>(paths.filter((path) => !plan.directories.has(path)).map((path) => [path, undefined]));
  for (const [path, { user, group }] of plan.directories) {
    for (let at = above(path); at !== ''; at = above(at)) {
      if (!parents.has(at)) continue;
      const known = parents.get(at);
      if (known === undefined) parents.set(at, { mode: 0o700, owner: { user, group } });
      else if (known.owner?.user !== user || known.owner.group !== group) parents.set(at, { mode: 0o711, owner: undefined });
    }
  }
  return new Map([...parents].map(([path, parent]) => [path, parent ?? { mode: 0o711, owner: undefined }]));
}

function above(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
