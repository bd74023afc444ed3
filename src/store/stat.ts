/** Stats as plain data, with times in microseconds. */
import { lstatSync, type Stats } from 'node:fs';
import { systemCode } from '../errors/error.ts';
import { fsPath } from './bytes.ts';
import type { LiveStat } from './live.ts';

/** As {@link LiveStat} has times. */
export const micros = (ms: number): number => Math.floor(ms * 1000);

export function liveStat(stats: Stats): LiveStat {
  return {
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    size: stats.size,
    mtime: micros(stats.mtimeMs),
    ctime: micros(stats.ctimeMs),
    birth: micros(stats.birthtimeMs),
    ino: stats.ino,
  };
}

/** `lstat` of a byte-string path; undefined where nothing is there. */
export function lstatIfThere(path: string): Stats | undefined {
  try {
    return lstatSync(fsPath(path), { throwIfNoEntry: false });
  } catch (error) {
    if (systemCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Whether nothing that a change would touch differs: same file, same times, same size. */
export function sameStat(a: LiveStat, b: LiveStat): boolean {
  return a.mtime === b.mtime && a.ctime === b.ctime && a.ino === b.ino && a.size === b.size;
}

/** Whether a file that was renamed or flagged still holds the bytes that were read: all but its ctime agree. */
export function sameBytes(a: LiveStat, b: LiveStat): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtime === b.mtime && a.birth === b.birth;
}

/** Times so far ahead of the clock are of a clock that was wrong: a change now would not give them again. */
const FAR_AHEAD = 3_600_000_000;

/**
 * Whether a directory or file that still has this stat did not change since it was read at `at`.
 * Times are as coarse as the kernel's tick, or the server's clock: a change just before the read can hide another just after it.
 * Only the ctime counts: the system sets it with every change, and nobody else can.
 * @param window microseconds that the last change must be past
 */
export function provesStill(stat: LiveStat, at: number, window: number): boolean {
  return at - stat.ctime > window || stat.ctime - at > FAR_AHEAD;
}
