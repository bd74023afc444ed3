import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What a restore has to bring back of one file, as one line of text. */
export type TreeState = Map<string, string>;

export interface TreeOptions {
  /** Leave out what is not mail: names (not paths) of files that need not be the same. */
  without?: RegExp;
  /** Compare the times of directories, too. */
  directoryTimes?: boolean;
}

/**
 * A tree as `deepEqual` compares it: for each path its kind, mode, owner, time and content. Paths are bytes as Latin-1.
 * Of directories the time is left out, unless asked for.
 */
export function treeState(root: string, options: TreeOptions = {}): TreeState {
  const state: TreeState = new Map();
  walk(Buffer.from(root), '', options, state);
  return state;
}

function walk(directory: Buffer, below: string, options: TreeOptions, state: TreeState): void {
  for (const name of readdirSync(directory, 'buffer')) {
    const text = name.toString('latin1');
    if (options.without?.test(text) ?? false) continue;
    const path = Buffer.concat([directory, Buffer.from('/'), name]);
    const label = below === '' ? text : `${below}/${text}`;
    const stats = lstatSync(path, { bigint: true });
    const owner = `${(stats.mode & 0o7777n).toString(8)} ${stats.uid}:${stats.gid}`;
    const time = stats.mtimeNs / 1000n;
    if (stats.isDirectory()) {
      state.set(label, `directory ${owner}${(options.directoryTimes ?? false) ? ` ${time}` : ''}`);
      walk(path, label, options, state);
    } else if (stats.isSymbolicLink()) state.set(label, `link ${readlinkSync(path, 'latin1')}`);
    else if (stats.isFile()) state.set(label, `file ${owner} ${time} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`);
    else state.set(label, `special ${owner}`);
  }
}

/** What is different between two maps, one line each; empty when they are the same. */
export function differences<T>(expected: Map<string, T>, actual: Map<string, T>): string[] {
  const lines: string[] = [];
  for (const [key, value] of expected) {
    const other = actual.get(key);
    if (other === undefined) lines.push(`missing: ${key}`);
    else if (String(other) !== String(value)) lines.push(`different: ${key}\n  was ${String(value)}\n  is  ${String(other)}`);
  }
  for (const key of actual.keys()) if (!expected.has(key)) lines.push(`unexpected: ${key}`);
  return lines;
}
