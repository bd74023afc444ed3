/** Telling whether a mailbox of Dovecot's own formats changed, from the times of its indexes. */
import { createHash, type Hash } from 'node:crypto';
import { readdirSync, type Dirent } from 'node:fs';
import { systemCode } from '../../../errors/error.ts';
import { type ByteString, fsPath } from '../../../store/bytes.ts';
import { liveStat, lstatIfThere, provesStill } from '../../../store/stat.ts';
import type { MailboxPlace } from '../place.ts';

/** Every change stands in an index; messages of sdbox, and what Dovecot only remembers, say nothing more. */
const LEFT_OUT = /^u\.\d+$|^dovecot\.index\.(cache|thread)|\.lock$|^\.?temp\.|^dovecot\.(index|list\.index|map\.index)\.log\.2$/;

/**
 * One value for the times of all files that a change would touch.
 * @param now wall clock, microseconds
 * @param settle microseconds that the last change must be past
 * @returns undefined while something changed so lately that times prove nothing
 */
export function boxPrint({ root, index, control }: MailboxPlace, now: () => number, settle: number): string | undefined {
  const hash = createHash('sha256');
  for (const each of new Set([root, index, control])) if (each !== undefined && !walk(each, hash, now, settle)) return undefined;
  return hash.digest('hex');
}

function walk(path: ByteString, hash: Hash, now: () => number, settle: number): boolean {
  for (const entry of list(path)) {
    const { name } = entry;
    const full = `${path}/${name}`;
    if (entry.isDirectory()) {
      if (!walk(full, hash, now, settle)) return false;
      continue;
    }
    if (LEFT_OUT.test(name)) continue;
    const at = now();
    const stats = lstatIfThere(full);
    if (stats === undefined) return false;
    const stat = liveStat(stats);
    if (!provesStill(stat, at, settle)) return false;
    hash.update(`${full} ${stat.mtime} ${stat.ctime} ${stat.ino} ${stat.size}\n`, 'latin1');
  }
  return true;
}

function list(path: ByteString): Dirent[] {
  try {
    return readdirSync(fsPath(path), { withFileTypes: true, encoding: 'latin1' }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
    throw error;
  }
}
