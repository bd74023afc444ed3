import { constants, gunzipSync, zstdDecompressSync } from 'node:zlib';

/**
 * How much of a gzip file is opened for its header: first a good piece, then one that cannot grow beyond the limit
 * (deflate makes at most 1032 bytes of one).
 */
const GZIP_HEADS = [16_384, 1000] as const;

/** More than this of decompressed bytes is not read for a header. */
const UNPACKED_HEAD = 1 << 20;

/**
 * The beginning of a compressed message, from the first bytes of its file; undefined when these are damaged, or too
 * few.
 */
export function unpackHead(head: Buffer, format: 'gzip' | 'zstd'): Buffer | undefined {
  return format === 'gzip' ? gunzipHead(head) : unzstdHead(head);
}

function gunzipHead(head: Buffer): Buffer | undefined {
  for (const size of GZIP_HEADS) {
    try {
      // Flushing at the end instead of finishing lets a stream that was cut off give what it has.
      return gunzipSync(head.subarray(0, size), { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: UNPACKED_HEAD });
    } catch {
      // Too long, or damaged: the smaller piece tells.
    }
  }
  return undefined;
}

function unzstdHead(head: Buffer): Buffer | undefined {
  const end = firstBlockEnd(head);
  if (end === undefined || end > head.length) return undefined;
  try {
    const opened = zstdDecompressSync(head.subarray(0, end), { finishFlush: constants.ZSTD_e_flush, maxOutputLength: UNPACKED_HEAD });
    return opened.length > 0 ? opened : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Where the first block of a zstd frame ends (RFC 8878 sections 3.1.1.1 and 3.1.1.2): a block is decoded whole or not
 * at all, and holds at most 128 KiB.
 */
function firstBlockEnd(head: Buffer): number | undefined {
  const descriptor = head[4];
  if (descriptor === undefined) return undefined;
  const single = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const block = 5 + (single ? 0 : 1) + dictionary + contentSize;
  if (head.length < block + 3) return undefined;
  const header = head.readUIntLE(block, 3);
  const runLength = ((header >> 1) & 3) === 1;
  return block + 3 + (runLength ? 1 : header >> 3);
}

/**
 * A whole compressed message.
 * @throws what node:zlib throws, for damaged data and for more than `limit` bytes
 */
export function unpack(bytes: Buffer, format: 'gzip' | 'zstd', limit: number): Buffer {
  return format === 'gzip' ? gunzipSync(bytes, { maxOutputLength: limit }) : zstdDecompressSync(bytes, { maxOutputLength: limit });
}
