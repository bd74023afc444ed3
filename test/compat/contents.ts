import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface ExpectedSnapshot {
  id: string;
  contents: Record<string, string>;
}

export interface Expected {
  /** The host's public signing key, in hex. */
  signingKey: string;
  recipients: string[];
  /** Oldest first. */
  snapshots: ExpectedSnapshot[];
}

/** What lies below a directory, without owners, so that it is the same for whoever restores it: mode, time in microseconds, SHA-256. */
export function contents(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(root, { recursive: true, encoding: 'latin1' }).toSorted()) {
    const path = Buffer.from(`${root}/${name}`, 'latin1');
    const stats = lstatSync(path, { bigint: true });
    const mode = (stats.mode & 0o7777n).toString(8);
    if (stats.isSymbolicLink()) found[name] = `link ${readlinkSync(path, 'latin1')}`;
    else if (stats.isDirectory()) found[name] = `directory ${mode}`;
    else found[name] = `file ${mode} ${stats.mtimeNs / 1000n} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
  }
  return found;
}
