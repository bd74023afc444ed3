/** Writing restored files. Paths are absolute byte strings below a directory that the caller made. */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchownSync,
  fsyncSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
  lutimesSync,
  lchownSync,
  fchmodSync,
} from 'node:fs';
import { MailrecoverError, systemCode } from '../../errors/error.ts';
import { type ByteString, displayBytes, fsPath } from '../../store/bytes.ts';

export interface FileFacts {
  mode: number;
  /** undefined leaves the owner as it comes. */
  uid: number | undefined;
  gid: number | undefined;
  /** Microseconds. */
  mtime: number;
}

/**
 * Seconds for `utimes`: half a microsecond more, so that a float that is cut off still gives the same microsecond. As text
 * before 1970, since Node takes a negative number for the present.
 */
export function timeToSet(mtime: number): number | string {
  const seconds = (mtime + 0.5) / 1e6;
  return seconds < 0 ? String(seconds) : seconds;
}

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Whether what is there is the file as it should be: a run before this one had finished it. */
export function isThere(path: string, size: number, facts: FileFacts): boolean {
  const stats = lstatSync(fsPath(path), { throwIfNoEntry: false });
  const owned = (facts.uid === undefined || stats?.uid === facts.uid) && (facts.gid === undefined || stats?.gid === facts.gid);
  return (
    owned &&
    stats !== undefined &&
    stats.isFile() &&
    stats.size === size &&
    Math.floor(stats.mtimeMs * 1000) === facts.mtime &&
    (stats.mode & 0o7777) === facts.mode
  );
}

/**
 * Writes a file that is not there yet. The time is set last: a file that a killed run left half-written is known by it.
 * @param resume whether a file of that name may be there, from a run before
 * @param size of all content, where that can be gone through but once
 * @returns false where it was there, complete
 */
export function writeFile(path: string, content: Iterable<Uint8Array>, facts: FileFacts, resume: boolean, size?: number): boolean {
  const name = fsPath(path);
  if (resume) {
    if (isThere(path, size ?? lengthOf(content), facts)) return false;
    try {
      unlinkSync(name);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
    }
  }
  const fd = openSync(name, CREATE, facts.mode);
  try {
    fillFile(fd, content, facts);
  } finally {
    closeSync(fd);
  }
  return true;
}

/** Writes into a new file that is open, and gives it its owner and time. */
function fillFile(fd: number, content: Iterable<Uint8Array>, facts: FileFacts): void {
  for (const part of content) for (let at = 0; at < part.length;) at += writeSync(fd, part, at);
  // Special bits are dropped by open, and by chown.
  if (facts.uid !== undefined || facts.gid !== undefined) fchownSync(fd, facts.uid ?? -1, facts.gid ?? -1);
  if ((facts.mode & ~0o777) !== 0) fchmodSync(fd, facts.mode);
  const time = timeToSet(facts.mtime);
  futimesSync(fd, time, time);
}

/**
 * Replaces a small file in one step: written aside, synced, and given the old one's name. The directory is synced by the caller.
 * @param directory one that is held open (`throughHandle`): its owner may change what its path means
 * @throws the system's error
 */
export function replaceFileIn(directory: ByteString, name: ByteString, content: Uint8Array, facts: FileFacts): void {
  // A name that Dovecot and backups take for what it is: one of a file that is being replaced.
  const temporary = fsPath(`${directory}/.temp.mailrecover.${process.pid}.${name}`);
  rmSync(temporary, { force: true });
  // Everything goes through the descriptor, since the owner of the directory may put a link under that name.
  const fd = openSync(temporary, CREATE, facts.mode);
  try {
    fillFile(fd, [content], facts);
    fchmodSync(fd, facts.mode);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, fsPath(`${directory}/${name}`));
}

function lengthOf(content: Iterable<Uint8Array>): number {
  let size = 0;
  for (const part of content) size += part.length;
  return size;
}

/** Makes a directory for the time of the restore; one that is there must be a directory, not a link to one. */
export function makeRestoreDirectory(path: string): void {
  const name = fsPath(path);
  try {
    mkdirSync(name, 0o700);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST' || !lstatSync(name).isDirectory()) throw error;
  }
}

/** Gives a directory its owner, mode and time, once nothing more is written into it. */
export function finishDirectory(path: string, facts: FileFacts): void {
  const name = fsPath(path);
  if (facts.uid !== undefined || facts.gid !== undefined) chownSync(name, facts.uid ?? -1, facts.gid ?? -1);
  chmodSync(name, facts.mode);
  const time = timeToSet(facts.mtime);
  utimesSync(name, time, time);
}

/** Gives a directory above the mailboxes its mode, and its owner where it has one. */
export function openParent(path: string, mode: number, owner: Pick<FileFacts, 'uid' | 'gid'> | undefined): void {
  const name = fsPath(path);
  if (owner !== undefined && (owner.uid !== undefined || owner.gid !== undefined)) chownSync(name, owner.uid ?? -1, owner.gid ?? -1);
  chmodSync(name, mode);
}

/** Makes a symbolic link; it is never followed. */
export function makeLink(path: string, to: string, facts: Omit<FileFacts, 'mode'>, resume: boolean): void {
  const name = fsPath(path);
  if (resume && lstatSync(name, { throwIfNoEntry: false })?.isSymbolicLink() === true) unlinkSync(name);
  symlinkSync(fsPath(to), name);
  if (facts.uid !== undefined || facts.gid !== undefined) lchownSync(name, facts.uid ?? -1, facts.gid ?? -1);
  const time = timeToSet(facts.mtime);
  lutimesSync(name, time, time);
}

/** Why a file could not be written, for people. */
export function writeProblem(error: unknown, path: string): MailrecoverError {
  const code = systemCode(error);
  const subject = displayBytes(path);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new MailrecoverError('no-space', `the file system is full, at '${subject}'`, {
      hint: 'make room and run the same command again: it goes on where it stopped',
      subject,
    });
  return new MailrecoverError('io', `unable to write '${subject}': ${code ?? String(error)}`, { subject, cause: error });
}

/** Does something to a path; what goes wrong is said in words. */
export function attempt(path: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    throw writeProblem(error, path);
  }
}
