/**
 * Opening what lies in a store so that its owner can't put something else in its place meanwhile: a directory that becomes a link between
 * being listed and being read would else have the backup, often run as root, take other people's files for this one's mail.
 * A directory is opened once, it is seen that it is the place that was asked for, and files are reached through it.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync, type Stats } from 'node:fs';
import { systemCode } from '../errors/error.ts';
import { type ByteString, fsPath } from './bytes.ts';

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The directory of an open file, as a path: the kernel leads right to it, whatever its names mean by now (proc_pid_fd(5)). */
export function throughHandle(fd: number): ByteString {
  return `/proc/self/fd/${fd}`;
}

/**
 * Opens a directory that must lie where its path says, without any link on the way.
 * @param path absolute, without links when it was found
 * @returns a file descriptor, for the caller to close
 * @throws the system's error; `ENOENT` too where another directory is reached than the one that is named
 */
export function openDirectory(path: ByteString): number {
  const fd = openSync(fsPath(path), DIRECTORY);
  try {
    const real = readlinkSync(throughHandle(fd), { encoding: 'latin1' });
    if (real === path) return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  throw Object.assign(new Error(`ENOENT: a link leads away from '${path}'`), { code: 'ENOENT', syscall: 'open', path });
}

/** Opens files, one directory after the other; files of one directory that are asked for in a row share its handle. */
export class FileOpener {
  #directory: { path: ByteString; fd: number } | undefined;

  /**
   * Opens a file for reading.
   * @param path absolute, without links when it was found
   * @returns a file descriptor, for the caller to close
   * @throws the system's error: `ELOOP` where the name is a link, `ENOENT` too where a link leads to another directory
   */
  open(path: ByteString): number {
    const slash = path.lastIndexOf('/');
    const parent = path.slice(0, Math.max(1, slash));
    if (this.#directory?.path !== parent) {
      this.release();
      this.#directory = { path: parent, fd: openDirectory(parent) };
    }
    return openSync(fsPath(`${throughHandle(this.#directory.fd)}/${path.slice(slash + 1)}`), FILE);
  }

  /** Lets go of the directory that was read last; to be called before its names may mean others. */
  release(): void {
    if (this.#directory !== undefined) closeSync(this.#directory.fd);
    this.#directory = undefined;
  }
}

/**
 * Opens a file for as long as it is used.
 * @returns what came of it, or the code of the system's error, such as `ENOENT`
 */
export function withFile<T>(opener: FileOpener, path: ByteString, use: (fd: number, stats: Stats) => T): T | { error: string } {
  let fd: number | undefined;
  try {
    fd = opener.open(path);
    return use(fd, fstatSync(fd));
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    return { error: code };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
