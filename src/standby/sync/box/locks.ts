/** Lock files of a Dovecot that was killed: it would wait for their owner for minutes, three of them for a `.newlock` (measured, 2.3.19). */
import { unlinkSync } from 'node:fs';
import { systemCode } from '../../../errors/error.ts';
import { Handles, namesIn } from '../../../restore/live/aside.ts';
import { type ByteString, fsPath } from '../../../store/bytes.ts';
import { lstatIfThere } from '../../../store/stat.ts';
import type { MailboxPlace } from '../place.ts';

/** Removes them from a mailbox of the standby. Only under the lock of its mail: then nobody uses it. */
export function dropLocks({ root, index, control }: MailboxPlace): void {
  const handles = new Handles();
  try {
    for (const each of new Set([root, index, control]))
      if (each !== undefined && lstatIfThere(each)?.isDirectory() === true) walk(each, handles);
  } finally {
    handles.close();
  }
}

function walk(path: ByteString, handles: Handles): void {
  for (const name of namesIn(path)) {
    const full = `${path}/${name}`;
    // What `lstat` calls a directory is none that a link leads to.
    if (lstatIfThere(full)?.isDirectory() === true) walk(full, handles);
    else if (/\.(new)?lock$/.test(name)) remove(`${handles.at(path)}/${name}`);
  }
}

function remove(path: ByteString): void {
  try {
    unlinkSync(fsPath(path));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}
