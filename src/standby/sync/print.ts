/** Telling whether a mailbox changed from times alone, without listing its messages. */
import { createHash } from 'node:crypto';
import { readdirSync, type Dirent } from 'node:fs';
import { systemCode } from '../../errors/error.ts';
import { type ByteString, fsPath } from '../../store/bytes.ts';
import { contentsLeftOut, leftOut } from '../../store/maildir/leftout.ts';
import { liveStat, lstatIfThere, provesStill } from '../../store/stat.ts';
import type { SyncedArea } from './model.ts';

export interface PrintArea {
  area: SyncedArea;
  root: ByteString;
  only?: (name: ByteString) => boolean;
}

/**
 * One value for the times of all directories of messages and all files beside them. It is to be taken before a mailbox is read: what changes later
 * changes it.
 * @param now wall clock, microseconds
 * @param settle microseconds that the last change must be past to be told from one that comes after
 * @returns undefined while something changed so lately that times prove nothing
 */
export function printOf(areas: readonly PrintArea[], now: () => number, settle: number): string | undefined {
  const hash = createHash('sha256');
  for (const { area, root, only } of areas) {
    hash.update(`${area} ${root}\n`, 'latin1');
    if (!walk(root, '', area === 'mail', only, (line) => hash.update(line, 'latin1'), now, settle)) return undefined;
  }
  return hash.digest('hex');
}

function walk(
  root: ByteString,
  path: ByteString,
  maildir: boolean,
  only: ((name: ByteString) => boolean) | undefined,
  tell: (line: string) => void,
  now: () => number,
  settle: number,
): boolean {
  const full = path === '' ? root : `${root}/${path}`;
  for (const entry of list(full)) {
    const { name } = entry;
    if (path === '' && only !== undefined && !only(name)) continue;
    const isDirectory = entry.isDirectory();
    if (leftOut(name, isDirectory ? 'directory' : 'file') !== undefined) continue;
    const below = path === '' ? name : `${path}/${name}`;
    const holdsMessages = maildir && isDirectory && (name === 'cur' || name === 'new');
    if (isDirectory && !holdsMessages) {
      tell(`d ${below}\n`);
      if (!(maildir && contentsLeftOut(name)) && !walk(root, below, maildir, undefined, tell, now, settle)) return false;
      continue;
    }
    const at = now();
    const stats = lstatIfThere(`${full}/${name}`);
    if (stats === undefined) return false;
    const stat = liveStat(stats);
    if (!provesStill(stat, at, settle)) return false;
    tell(`${below} ${stat.mtime} ${stat.ctime} ${stat.ino} ${stat.size} ${stat.mode}\n`);
  }
  return true;
}

function list(path: ByteString): Dirent[] {
  try {
    return readdirSync(fsPath(path), { withFileTypes: true, encoding: 'latin1' }).sort((a, b) =>
      a.name < b.name ? -1 : a.name > b.name ? 1 : 0,
    );
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
    throw error;
  }
}
