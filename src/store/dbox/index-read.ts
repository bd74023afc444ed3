/** An index with its logs, as they were read at one moment. */
import { parseIndexFile } from './index-file.ts';
import { parseLogHead, replayLog } from './index-log.ts';
import { emptyIndex, IndexDamage, type IndexState } from './index-state.ts';

export interface IndexBytes {
  index?: Buffer | undefined;
  log?: Buffer | undefined;
  /** `dovecot.index.log.2`: the log before, after a rotation. */
  older?: Buffer | undefined;
}

/**
 * The state that an index and its logs make together.
 * @returns undefined where there is neither
 * @throws {IndexDamage} where they do not fit each other, or something was being written
 */
export function readIndex({ index, log, older }: IndexBytes): IndexState | undefined {
  const head = log === undefined ? undefined : parseLogHead(log);
  if (log !== undefined && log.length > 0 && head === undefined) throw new IndexDamage('the log of the index is damaged');
  if (index === undefined && head === undefined) return undefined;
  const before = older === undefined ? undefined : parseLogHead(older);
  const parsed = index === undefined ? undefined : parseIndexFile(index);
  const state = parsed?.state ?? emptyIndex();
  if (log === undefined || head === undefined) return state;
  const place = parsed?.log ?? {
    sequence: before !== undefined && before.sequence === head.previous ? before.sequence : head.sequence,
    offset: 0,
  };
  if (parsed !== undefined && parsed.indexId !== head.indexId) {
    // The index of a mailbox that was made anew: the log alone counts.
    throw new IndexDamage('the index and its log are not of one mailbox');
  }
  if (place.sequence === head.sequence) apply(state, log, Math.max(place.offset, head.size));
  else if (older !== undefined && before !== undefined && place.sequence === before.sequence && head.previous === before.sequence) {
    apply(state, older, Math.max(place.offset, before.size));
    apply(state, log, head.size);
  } else if (place.sequence < head.sequence || parsed === undefined) throw new IndexDamage('a log that the index goes on in is missing');
  return state;
}

function apply(state: IndexState, log: Buffer, from: number): void {
  if (from > log.length) throw new IndexDamage('the log of the index is shorter than the index says');
  if (replayLog(state, log, from) < log.length) throw new IndexDamage('the log of the index ends within a record');
}
