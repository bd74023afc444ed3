import { cutMessages } from '../store/cut.ts';
import type { ContentReader, CutKind, ReadOutcome, ReadRequest, StoredPart } from '../store/live.ts';
import { FileOpener, withFile } from '../store/reach.ts';
import { lstatIfThere, liveStat } from '../store/stat.ts';

const NOWHERE: StoredPart = { sha: '0'.repeat(64), place: -1 };

/** Stands in for the reader in a dry run: looks at files, and where their messages begin and end; stores nothing. */
export const dryReader: ContentReader = (requests) => Promise.resolve(requests.map(look));

function look({ path, kind, given, sought }: ReadRequest): ReadOutcome {
  if (sought !== undefined) return { error: 'ENOENT' };
  if (given !== undefined) return { stat: given.stat, parts: [NOWHERE] };
  if (kind !== 'message' && kind !== 'file') return lookInside(path, kind);
  const stats = lstatIfThere(path);
  return stats === undefined ? { error: 'ENOENT' } : { stat: liveStat(stats), parts: [NOWHERE] };
}

function lookInside(path: string, kind: CutKind): ReadOutcome {
  const opener = new FileOpener();
  try {
    return withFile(opener, path, (fd, stats) => {
      const { lengths, records } = cutMessages(kind, fd, stats.size);
      return { stat: liveStat(stats), parts: lengths.map(() => NOWHERE), records };
    });
  } finally {
    opener.release();
  }
}
