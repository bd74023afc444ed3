/** Where an export goes: nothing that is there is overwritten. Paths are byte strings. */
import { closeSync, futimesSync, openSync, readdirSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { ioError, MailrecoverError, systemCode } from '../../../errors/error.ts';
import { type ByteString, displayBytes, fsPath } from '../../../store/bytes.ts';
import { makePath } from '../../../system/files.ts';

/** Makes the directory, or takes one that is empty. @throws MailrecoverError `refused`, `io`, `no-space` */
export function emptyDirectory(path: ByteString): void {
  const subject = displayBytes(path);
  try {
    makePath(fsPath(path));
    if (readdirSync(fsPath(path)).length === 0) return;
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw ioError(error, 'make the directory', subject);
  }
  throw new MailrecoverError('refused', `'${subject}' is there already and is no empty directory`, {
    hint: 'name another place with --to',
    subject,
  });
}

/** A file that was not there before. */
export class NewFile {
  readonly #path: ByteString;
  readonly #fd: number;

  /** @throws MailrecoverError `refused` where something is there */
  constructor(path: ByteString) {
    this.#path = path;
    try {
      this.#fd = openSync(fsPath(path), 'wx', 0o600);
    } catch (error) {
      const subject = displayBytes(path);
      if (systemCode(error) !== 'EEXIST') throw ioError(error, 'write', systemCode(error) === 'ENOENT' ? dirname(subject) : subject);
      throw new MailrecoverError('refused', `'${subject}' is there already`, { hint: 'name another place with --to', subject });
    }
  }

  write(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at);
    } catch (error) {
      throw ioError(error, 'write', displayBytes(this.#path));
    }
  }

  /** @param mtime seconds since 1970 */
  close(mtime?: number): void {
    try {
      if (mtime !== undefined) futimesSync(this.#fd, mtime, mtime);
    } finally {
      closeSync(this.#fd);
    }
  }
}

/** Writes a whole file that was not there before. */
export function writeNew(path: ByteString, content: Uint8Array, mtime: number): void {
  const file = new NewFile(path);
  try {
    file.write(content);
  } finally {
    file.close(mtime);
  }
}

export function makeFolder(path: ByteString): void {
  try {
    makePath(fsPath(path));
  } catch (error) {
    throw ioError(error, 'make the directory', displayBytes(path));
  }
}
