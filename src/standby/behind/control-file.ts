/** Putting a control file of a folder in place in one step, as its owner's. */
import { closeSync, fchmodSync, fchownSync, fsyncSync, openSync, renameSync, statSync, utimesSync, writeSync } from 'node:fs';
import { systemCode, ioError } from '../../errors/error.ts';
import type { Handles } from '../../restore/live/aside.ts';
import { type ByteString, displayBytes, fsPath } from '../../store/bytes.ts';
import { lstatIfThere } from '../../store/stat.ts';
import { syncDirectorySync } from '../../system/files.ts';

/** @param directory of the control files; a file that is not there yet belongs to whom that belongs to */
export function putControlFile(handles: Handles, directory: ByteString, name: string, bytes: Uint8Array): void {
  const at = handles.at(directory);
  const old = lstatIfThere(`${directory}/${name}`);
  const { uid, gid, mode } = old ?? statSync(fsPath(directory));
  const temporary = fsPath(`${at}/.temp.mailrecover.${process.pid}.${name}`);
  try {
    const fd = openSync(temporary, 'w', 0o600);
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
      if (process.getuid?.() === 0) fchownSync(fd, uid, gid);
      fchmodSync(fd, mode & 0o666);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    // Dovecot knows by seconds whether a file changed.
    if (old !== undefined && Math.floor(old.mtimeMs / 1000) >= Math.floor(statSync(temporary).mtimeMs / 1000)) {
      const later = Math.floor(old.mtimeMs / 1000) + 1;
      utimesSync(temporary, later, later);
    }
    renameSync(temporary, fsPath(`${at}/${name}`));
    syncDirectorySync(at);
  } catch (error) {
    throw systemCode(error) === undefined ? error : ioError(error, 'write', displayBytes(`${directory}/${name}`));
  }
}
