/** Cuts files that are no messages into parts, so that a small change to a large file stays small. */

/** Files up to this size are one part. */
const WHOLE = 64 * 1024;
const SMALLEST = 16 * 1024;
const LARGEST = 256 * 1024;
/** One line in this many ends a part, as long as it is neither too small nor too large. */
const ODDS = 256;
const NEWLINE = 10;

/**
 * Lengths of the parts of a file. Parts end with a line whose content says so, so that lines
 * added or removed elsewhere (as Dovecot does in its uidlist) leave other parts as they were.
 */
export function cutLengths(content: Buffer): number[] {
  if (content.length === 0) return [];
  if (content.length <= WHOLE) return [content.length];
  const lengths: number[] = [];
  let start = 0;
  while (start < content.length) {
    const end = partEnd(content, start);
    lengths.push(end - start);
    start = end;
  }
  return lengths;
}

function partEnd(content: Buffer, start: number): number {
  const limit = Math.min(content.length, start + LARGEST);
  let line = content.indexOf(NEWLINE, Math.min(content.length, start + SMALLEST)) + 1;
  while (line > 0 && line < limit) {
    const next = content.indexOf(NEWLINE, line) + 1;
    if (next === 0 || next > limit) break;
    // FNV-1a over the line (draft-eastlake-fnv).
    let hash = 0x811c9dc5;
    for (let at = line; at < next; at++) hash = Math.imul(hash ^ (content[at] ?? 0), 0x01000193);
    if ((hash >>> 0) % ODDS === 0) return next;
    line = next;
  }
  return limit;
}
