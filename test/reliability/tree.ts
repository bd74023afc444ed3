/** Mailboxes as they lie on disk, for comparing what is live with what a restore brought. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../format/encoding.ts';

/** Kind, mode, owner, time (of files, in seconds) and SHA-256, as one line, by path. */
export type Tree = Map<string, string>;

/** All mailboxes below a directory (`DOMAIN/NAME/Maildir`). What lies in `tmp` is no mail yet. */
export function readTree(root: string, below = '', tree: Tree = new Map()): Tree {
  for (const name of readdirSync(join(root, below))) {
    const path = below === '' ? name : `${below}/${name}`;
    const stats = lstatSync(join(root, path));
    const line = `${(stats.mode & 0o7777).toString(8)} ${stats.uid}:${stats.gid}`;
    // Snapshots say nothing of the directories above mailboxes.
    if (stats.isDirectory()) {
      if (path.split('/').length > 2) tree.set(path, `directory ${line}`);
      if (name !== 'tmp') readTree(root, path, tree);
    } else tree.set(path, `file ${line} ${Math.round(stats.mtimeMs / 1000)} ${sha256(readFileSync(join(root, path)))}`);
  }
  return tree;
}

/** What is different, one line each. */
export function compareTrees(expected: Tree, actual: Tree): string[] {
  const lines: string[] = [];
  for (const [path, what] of expected)
    if (actual.get(path) !== what) lines.push(`${path}: was ${what}, is ${actual.get(path) ?? 'missing'}`);
  for (const path of actual.keys()) if (!expected.has(path)) lines.push(`${path}: is there, and was not`);
  return lines;
}
