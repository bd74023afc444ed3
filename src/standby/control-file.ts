/** Putting a control file of a folder in place in one step, as its owner's. */
import { statSync, type Stats } from 'node:fs';
import { systemCode, ioError } from '../errors/error.ts';
import type { Handles } from '../restore/live/aside.ts';
import { replaceFileIn } from '../restore/write/files.ts';
import { type ByteString, displayBytes, fsPath } from '../store/bytes.ts';
import { lstatIfThere } from '../store/stat.ts';
import { now } from '../system/clock.ts';
import { syncDirectorySync } from '../system/files.ts';

const SECOND = 1_000_000;

/** @param directory of the control files; a file that is not there yet belongs to whom that belongs to */
export function putControlFile(handles: Handles, directory: ByteString, name: string, bytes: Uint8Array): void {
  try {
    const at = handles.at(directory);
    const old = lstatIfThere(`${at}/${name}`);
    const { uid, gid, mode } = old ?? statSync(fsPath(at));
    const owner = process.getuid?.() === 0 ? { uid, gid } : { uid: undefined, gid: undefined };
    replaceFileIn(at, name, bytes, { mode: mode & 0o666, mtime: laterThan(old), ...owner });
    syncDirectorySync(at);
  } catch (error) {
    throw systemCode(error) === undefined ? error : ioError(error, 'write', displayBytes(`${directory}/${name}`));
  }
}

/** Dovecot knows by seconds whether a file changed. @returns microseconds */
function laterThan(old: Stats | undefined): number {
  const at = now() * 1000;
  const second = old === undefined ? -Infinity : Math.floor(old.mtimeMs / 1000);
  return Math.floor(at / SECOND) > second ? at : (second + 1) * SECOND;
}
