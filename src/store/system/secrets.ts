/** What must not lie readable in a repository, or in a report. */
import { closeSync, openSync, readSync } from 'node:fs';
import { fsPath } from '../bytes.ts';
import type { Named } from './types.ts';

const LOOKED_AT = 64 * 1024;
/** Private keys as PEM (RFC 7468) and as age writes them. */
const KEYS = /-----BEGIN [A-Z ]*PRIVATE KEY-----|AGE-SECRET-KEY-1/;
const WORLD_READABLE = 0o004;

/** Whether content begins with, or holds near its beginning, a private key. */
export function holdsKey(content: string): boolean {
  return KEYS.test(content);
}

/** Whether a file of this mode is for some eyes only: who made it so meant it. */
export function isPrivateMode(mode: number): boolean {
  return (mode & WORLD_READABLE) === 0;
}

/** Whether a file holds secrets: by who named it, by its mode, or by a private key in it. One that can't be read does. */
export function isSecret(path: string, mode: number, by: Named): boolean {
  if (by.secret === true || isPrivateMode(mode)) return true;
  try {
    const fd = openSync(fsPath(path), 'r');
    try {
      const start = Buffer.alloc(LOOKED_AT);
      return holdsKey(start.toString('latin1', 0, readSync(fd, start, 0, LOOKED_AT, 0)));
    } finally {
      closeSync(fd);
    }
  } catch {
    return true;
  }
}
