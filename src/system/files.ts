/**
 * Durable writes: everything that must survive a power cut goes through here.
 * A write is a temporary file in the same directory, fsync, rename, fsync of
 * the directory; a reader sees the old content or the new one, never a part.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { link, mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ioError, systemCode } from '../errors/error.ts';

/** How names of unfinished writes begin. */
export const TEMPORARY_PREFIX = '.tmp-';

function temporaryBeside(path: string): string {
  return join(dirname(path), TEMPORARY_PREFIX + randomBytes(8).toString('hex'));
}

/** Makes what was done to the names in `directory` survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** {@link syncDirectory}, for callers that can't wait. */
export function syncDirectorySync(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

async function writeAll(handle: FileHandle, data: Uint8Array | string): Promise<void> {
  await handle.writeFile(data);
}

/**
 * Writes a file durably and in one step. An existing file of that name is replaced.
 * @param data bytes, or text as UTF-8
 * @throws MailrecoverError `no-space` or `io`; the temporary file is removed then
 */
export async function writeDurable(path: string, data: Uint8Array | string, mode = 0o600): Promise<void> {
  await writeAside(path, data, mode, async (temporary) => {
    await rename(temporary, path);
    return true;
  });
}

/**
 * The same for a file that must not be there yet: of several that write it at the same moment, one does.
 * @returns false where the name is taken; what is there is left alone
 */
export async function writeNewDurable(path: string, data: Uint8Array | string, mode = 0o600): Promise<boolean> {
  if ((await ifPresent(() => stat(path))) !== undefined) return false;
  return writeAside(path, data, mode, (temporary) => nameNew(temporary, path));
}

/** Writes under a temporary name, lets `name` give it its own, and makes both durable. */
async function writeAside(
  path: string,
  data: Uint8Array | string,
  mode: number,
  name: (temporary: string) => Promise<boolean>,
): Promise<boolean> {
  const temporary = temporaryBeside(path);
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await writeAll(handle, data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    const named = await name(temporary);
    await syncDirectory(dirname(path));
    return named;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw ioError(error, 'write', path);
  }
}

/** Gives a file a name that must be free: `rename` would take it from another, a second link does not. */
async function nameNew(temporary: string, path: string): Promise<boolean> {
  let named = true;
  try {
    await link(temporary, path);
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (['EPERM', 'ENOSYS', 'EOPNOTSUPP', 'EMLINK'].includes(code)) {
      // A file system without links: FAT, and some behind FUSE.
      await rename(temporary, path);
      return true;
    }
    if (code !== 'EEXIST') throw error;
    named = false;
  }
  await rm(temporary);
  return named;
}

/**
 * Replaces a file in one step, without waiting for the disk: for caches whose
 * readers check what they read.
 */
export function replaceFile(path: string, data: Uint8Array | string | Iterable<Uint8Array>, mode = 0o600): void {
  const temporary = temporaryBeside(path);
  try {
    if (typeof data === 'string' || data instanceof Uint8Array) writeFileSync(temporary, data, { mode });
    else writePieces(temporary, data, mode);
    renameSync(temporary, path);
  } catch (error) {
    throw ioError(error, 'write', path);
  }
}

function writePieces(path: string, pieces: Iterable<Uint8Array>, mode: number): void {
  const file = openSync(path, 'wx', mode);
  try {
    for (const piece of pieces) writeFileSync(file, piece);
  } finally {
    closeSync(file);
  }
}

/** Appends to a file and waits until it is on the disk. */
export function appendDurable(path: string, data: string, mode = 0o600): void {
  try {
    const fd = openSync(path, 'a', mode);
    try {
      writeFileSync(fd, data);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw ioError(error, 'append to', path);
  }
}

/**
 * Makes a directory and its parents durably; one that is there already is left as it is. One at a time: where the system says
 * that a directory which is there is not (in /proc), Node's `recursive` never ends.
 */
export async function makeDirectory(path: string, mode = 0o700): Promise<void> {
  const missing: string[] = [];
  try {
    for (let at = path; (await ifPresent(() => stat(at))) === undefined; at = dirname(at)) missing.push(at);
    for (const made of missing.toReversed()) {
      await mkdir(made, { mode }).catch((error: unknown) => {
        if (systemCode(error) !== 'EEXIST') throw error;
      });
      await syncDirectory(dirname(made));
    }
  } catch (error) {
    throw ioError(error, 'make the directory', path);
  }
}

/**
 * Makes a directory that is there survive a power cut, with those above it up to `top`: a run that was killed, or made it without
 * waiting for the disk, may have left it unsynced.
 */
export async function anchorDirectory(path: string, top: string): Promise<void> {
  for (let at = path; at !== top && at !== dirname(at); at = dirname(at)) {
    try {
      await syncDirectory(dirname(at));
    } catch (error) {
      // A parent that may be passed but not listed is the administrator's, and older than this.
      if (systemCode(error) !== 'EACCES') throw ioError(error, 'sync', dirname(at));
    }
  }
}

/**
 * Makes a directory and its parents, without waiting for the disk; see {@link makeDirectory} for why one at a time.
 * @param path absolute; a Buffer where its name is no text
 * @throws the system's error
 */
export function makePath(path: string | Buffer): void {
  const missing: Buffer[] = [];
  for (let at = Buffer.from(path); statSync(at, { throwIfNoEntry: false }) === undefined;) {
    missing.push(at);
    const slash = at.lastIndexOf('/');
    at = slash < 0 ? Buffer.from('.') : at.subarray(0, Math.max(1, slash));
  }
  for (const made of missing.toReversed()) {
    try {
      mkdirSync(made, { mode: 0o700 });
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
  }
}

/** Makes a directory and its parents, without waiting for the disk. */
export function makeCacheDirectory(path: string): void {
  try {
    makePath(path);
  } catch (error) {
    throw ioError(error, 'make the directory', path);
  }
}

/** Resolves to undefined where `read` fails because the file is not there. */
export async function ifPresent<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
