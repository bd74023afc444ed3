/** Reading on in a log file that grows, and is rotated. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { ioError, systemCode } from '../../errors/error.ts';

/** How far it was read. */
export interface Cursor {
  inode: number;
  offset: number;
}

const CHUNK = 1024 * 1024;
/** So much at most at once. */
const MAX_BYTES = 16 * 1024 * 1024;

export interface ReadOn {
  lines: string[];
  cursor: Cursor;
  /** Whether its end was reached. */
  whole: boolean;
}

/**
 * Reads what came since.
 * @param from undefined for the end of the file: what stands there is of before
 * @returns undefined where there is no such file
 */
export function readOn(path: string, from: Cursor | undefined): ReadOn | undefined {
  const now = inodeOf(path);
  if (now === undefined) return undefined;
  if (from === undefined) return { lines: [], cursor: { inode: now.inode, offset: now.size }, whole: true };
  if (from.inode === now.inode && from.offset <= now.size) return read(path, from);
  // Rotated: the rest of the old file first, where it lies beside it still; truncated in place: from the beginning.
  const before = [`${path}.1`, `${path}.0`].find((each) => inodeOf(each)?.inode === from.inode);
  if (before === undefined || from.inode === now.inode) return read(path, { inode: now.inode, offset: 0 });
  const rest = read(before, from);
  if (rest === undefined || !rest.whole) return rest;
  const next = read(path, { inode: now.inode, offset: 0 });
  return next === undefined ? rest : { ...next, lines: [...rest.lines, ...next.lines] };
}

/** The whole lines of a file, a part of it in memory at a time; none where it is not there. */
export function* linesIn(path: string): Generator<string> {
  for (let offset = 0; ;) {
    const part = read(path, { inode: 0, offset });
    if (part === undefined) return;
    yield* part.lines;
    if (part.whole || part.lines.length === 0) return;
    offset = part.cursor.offset;
  }
}

function inodeOf(path: string): { inode: number; size: number } | undefined {
  try {
    const { ino, size } = statSync(path);
    return { inode: ino, size };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw ioError(error, 'read', path);
  }
}

/** Whole lines only: the rest of one is read with the next. */
function read(path: string, { inode, offset }: Cursor): ReadOn | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw ioError(error, 'read', path);
  }
  try {
    const size = fstatSync(fd).size;
    const parts: Buffer[] = [];
    let at = offset;
    while (at < size && at - offset < MAX_BYTES) {
      const part = Buffer.alloc(Math.min(CHUNK, size - at));
      const got = readSync(fd, part, 0, part.length, at);
      if (got === 0) break;
      parts.push(part.subarray(0, got));
      at += got;
    }
    const bytes = Buffer.concat(parts);
    const end = bytes.lastIndexOf(0x0a) + 1;
    return {
      lines: bytes.subarray(0, end).toString('utf8').split('\n').slice(0, -1),
      cursor: { inode, offset: offset + end },
      whole: at >= size,
    };
  } finally {
    closeSync(fd);
  }
}
