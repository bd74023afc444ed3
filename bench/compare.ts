import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Relative paths of the files that only one of two trees has, or whose bytes or modification times (to the second) differ. */
export function differences(left: string, right: string): string[] {
  const files = (root: string) => walk(root).map((path) => relative(root, path));
  const [a, b] = [files(left), new Set(files(right))];
  const wrong = a.filter((path) => !b.has(path));
  if (b.size > a.length - wrong.length) wrong.push(`${b.size - a.length + wrong.length} more files`);
  for (const path of a) {
    if (!b.has(path)) continue;
    const [one, two] = [join(left, path), join(right, path)];
    const same =
      readFileSync(one).equals(readFileSync(two)) && Math.floor(statSync(one).mtimeMs / 1000) === Math.floor(statSync(two).mtimeMs / 1000);
    if (!same) wrong.push(path);
  }
  return wrong;
}

/** The sizes of all files of a tree, or of a file, added up. */
export function treeSize(path: string): number {
  return walk(path).reduce((sum, file) => sum + statSync(file).size, 0);
}

function walk(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const inner = join(path, entry.name);
    return entry.isDirectory() ? walk(inner) : [inner];
  });
}
