/** Reads files for an area of the server, and carries over what did not change, or can't be read this time. */
import { ioError, systemCode } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { type ByteString, displayBytes } from '../bytes.ts';
import type { ContentReader, LiveArea, LiveFile } from '../live.ts';
import { liveStat, lstatIfThere, provesStill, sameStat } from '../stat.ts';
import { parentOf } from './tree.ts';

export interface ReadOptions {
  read: ContentReader;
  /** Wall clock, microseconds. */
  now: () => number;
  /** Microseconds for which a time stamp proves nothing. */
  settle: number;
  /** Read everything, whatever the times say. */
  deep: boolean;
  /** Places whose content must be stored again. */
  lost: (place: number) => boolean;
  /** Those of them that are gone for good. */
  gone: (place: number) => boolean;
  signal?: AbortSignal;
}

/** Files that are read together: reports and signals get their turn between. */
const TOGETHER = 256;

function fileOf(area: LiveArea | undefined, path: ByteString): LiveFile | undefined {
  return area?.dirs.get(parentOf(path))?.files.get(path.slice(path.lastIndexOf('/') + 1));
}

/**
 * Reads files into an area. One that was there before and can't be read now stays as it was, and is named.
 * @param area has the directories of all files already
 * @param at where a file of the area lies, absolute
 */
export async function readFiles(
  area: LiveArea,
  paths: readonly ByteString[],
  at: (path: ByteString) => ByteString,
  prior: LiveArea | undefined,
  options: ReadOptions,
): Promise<{ findings: Finding[]; vanished: ByteString[] }> {
  const findings: Finding[] = [];
  const vanished: ByteString[] = [];
  const put = (path: ByteString, file: LiveFile): void => {
    area.dirs.get(parentOf(path))?.files.set(path.slice(path.lastIndexOf('/') + 1), file);
  };
  const unreadable = (path: ByteString, error: unknown): void => {
    const subject = displayBytes(at(path));
    findings.push({ severity: 'error', code: 'unreadable', message: ioError(error, 'read', subject).message, subject });
    const before = fileOf(prior, path);
    if (before !== undefined && !before.parts.some(({ place }) => options.gone(place))) put(path, { ...before, settled: false });
  };
  const wanted: ByteString[] = [];
  for (const path of paths) {
    try {
      const before = fileOf(prior, path);
      const stats = lstatIfThere(at(path));
      const stands =
        stats !== undefined &&
        before?.settled === true &&
        !options.deep &&
        sameStat(before.stat, liveStat(stats)) &&
        !before.parts.some(({ place }) => options.lost(place));
      if (stands) put(path, before);
      else wanted.push(path);
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      unreadable(path, error);
    }
  }
  for (let from = 0; from < wanted.length; from += TOGETHER) {
    options.signal?.throwIfAborted();
    const some = wanted.slice(from, from + TOGETHER);
    const time = options.now();
    const outcomes = await options.read(some.map((path) => ({ path: at(path), kind: 'file' })));
    for (const [index, path] of some.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) continue;
      if (!('error' in outcome)) put(path, { ...outcome, settled: provesStill(outcome.stat, time, options.settle) });
      else if (outcome.error === 'ENOENT' || outcome.error === 'ENOTDIR') vanished.push(path);
      else unreadable(path, Object.assign(new Error(outcome.error), { code: outcome.error }));
    }
  }
  return { findings, vanished };
}
