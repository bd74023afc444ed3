import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What a restore has to bring back of one file or directory. */
export interface TreeEntry {
  /** Kind, mode, owner and the SHA-256 of the content, as one line of text. */
  what: string;
  /** Microseconds since 1970; undefined where it is not compared. */
  time: bigint | undefined;
}

export interface TreeOptions {
  /** Names (not paths) of files that need not be the same. */
  without?: RegExp;
  /** Compare the times of directories, too. */
  directoryTimes?: boolean;
}

/** All that lies below a directory, by path; paths are bytes as Latin-1. */
export function treeState(root: string, options: TreeOptions = {}): Map<string, TreeEntry> {
  const state = new Map<string, TreeEntry>();
  walk(Buffer.from(root), '', options, state);
  return state;
}

function walk(directory: Buffer, below: string, options: TreeOptions, state: Map<string, TreeEntry>): void {
  for (const name of readdirSync(directory, 'buffer')) {
    const text = name.toString('latin1');
    if (options.without?.test(text) ?? false) continue;
    const path = Buffer.concat([directory, Buffer.from('/'), name]);
    const label = below === '' ? text : `${below}/${text}`;
    const stats = lstatSync(path, { bigint: true });
    const owner = `${(stats.mode & 0o7777n).toString(8)} ${stats.uid}:${stats.gid}`;
    const time = stats.mtimeNs / 1000n;
    if (stats.isDirectory()) {
      state.set(label, { what: `directory ${owner}`, time: (options.directoryTimes ?? false) ? time : undefined });
      walk(path, label, options, state);
    } else if (stats.isSymbolicLink()) state.set(label, { what: `link ${readlinkSync(path, 'latin1')}`, time: undefined });
    else if (stats.isFile())
      state.set(label, { what: `file ${owner} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`, time });
    else state.set(label, { what: `special ${owner}`, time: undefined });
  }
}

/** What is different between two trees, one line each; empty when they are the same. Node's times are exact to 1 µs only. */
export function treeDifferences(expected: Map<string, TreeEntry>, actual: Map<string, TreeEntry>): string[] {
  const lines = differences(texts(expected), texts(actual));
  for (const [path, { time }] of expected) {
    const other = actual.get(path)?.time;
    if (time === undefined || other === undefined) continue;
    const apart = time - other;
    if (apart > 1n || apart < -1n) lines.push(`time: ${path} is ${other}, was ${time}`);
  }
  return lines;
}

function texts(state: Map<string, TreeEntry>): Map<string, string> {
  return new Map([...state].map(([path, { what }]) => [path, what]));
}

/** What is different between two maps of text, one line each; empty when they are the same. */
export function differences(expected: Map<string, string>, actual: Map<string, string>): string[] {
  const lines: string[] = [];
  for (const [key, value] of expected) {
    const other = actual.get(key);
    if (other === undefined) lines.push(`missing: ${key}`);
    else if (other !== value) lines.push(`different: ${key}\n  was ${value}\n  is  ${other}`);
  }
  for (const key of actual.keys()) if (!expected.has(key)) lines.push(`unexpected: ${key}`);
  return lines;
}
