/** Frames of zstd (RFC 8878), and the skippable frame that says where the last one begins. */
import { constants, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { MailrecoverError } from '../errors/error.ts';
import { release } from '../system/memory.ts';

/** Decompressed bytes after which a frame of a pack ends; larger ones compress 1 or 2 % better, and cost memory in every thread. */
export const FRAME_SIZE = 4 * 1024 * 1024;
/** No reader unpacks a frame that says it is larger than this. */
const MAX_FRAME = 64 * 1024 * 1024;
const WINDOW_LOG = 22;
const FOOTER_MAGIC = 0x184d2a5e;
export const FOOTER_SIZE = 16;

/** Compresses bytes into one frame whose header states their size. */
export function compressFrame(data: Uint8Array, level = 3): Buffer {
  const frame = compressBriefly(data, level);
  // What is kept shall take no more memory than it needs.
  const kept = Buffer.from(frame);
  release(frame);
  return kept;
}

/** As {@link compressFrame}; the result is a view of a buffer as large as `data`, to be released once it is used up. */
export function compressBriefly(data: Uint8Array, level: number): Buffer {
  const windowLog = Math.min(WINDOW_LOG, Math.max(10, Math.ceil(Math.log2(data.length + 1))));
  return zstdCompressSync(data, {
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_windowLog]: windowLog },
    pledgedSrcSize: data.length,
    chunkSize: Math.max(1024, data.length + (data.length >>> 7) + 512),
  });
}

/**
 * Decompresses one frame.
 * @param raw decompressed size in bytes, as the table states it; anything else is damage
 */
export function decompressFrame(frame: Uint8Array, raw: number, subject: string): Buffer {
  if (raw < 0 || raw > MAX_FRAME) throw damagedFrame(subject);
  let out: Buffer;
  try {
    out = zstdDecompressSync(frame, roomFor(raw));
  } catch (error) {
    throw damagedFrame(subject, error);
  }
  if (out.length !== raw) throw damagedFrame(subject);
  return out;
}

/** As {@link decompressFrame}, beside what this thread does: Node has threads for it that need not be started first. */
export function decompressBeside(frame: Uint8Array, raw: number, subject: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (raw < 0 || raw > MAX_FRAME) reject(damagedFrame(subject));
    else
      zstdDecompress(frame, roomFor(raw), (error, out) => {
        if (error === null && out.length === raw) resolve(out);
        else reject(damagedFrame(subject, error ?? undefined));
      });
  });
}

function roomFor(raw: number): { chunkSize: number; maxOutputLength: number } {
  return { chunkSize: Math.max(1024, raw + 64), maxOutputLength: Math.max(1, raw) };
}

function damagedFrame(subject: string, cause?: unknown): MailrecoverError {
  return new MailrecoverError('damage', `'${subject}' does not decompress: its bytes were changed`, { subject, cause });
}

/** Decompresses one frame whose size nobody stated, up to `limit` bytes. */
export function decompressBounded(frame: Uint8Array, limit: number, subject: string): Buffer {
  try {
    return zstdDecompressSync(frame, { maxOutputLength: limit });
  } catch (cause) {
    throw new MailrecoverError('damage', `'${subject}' does not decompress: its bytes were changed`, { subject, cause });
  }
}

/** The footer that names the offset of the table frame. */
export function encodeFooter(tableOffset: number): Buffer {
  const footer = Buffer.alloc(FOOTER_SIZE);
  footer.writeUInt32LE(FOOTER_MAGIC, 0);
  footer.writeUInt32LE(8, 4);
  footer.writeBigUInt64LE(BigInt(tableOffset), 8);
  return footer;
}

/** Reads the footer: the offset of the table frame in a stream of `size` bytes. */
export function decodeFooter(footer: Buffer, size: number, subject: string): number {
  const offset = footer.length === FOOTER_SIZE ? Number(footer.readBigUInt64LE(8)) : -1;
  if (offset < 0 || offset > size - FOOTER_SIZE || footer.readUInt32LE(0) !== FOOTER_MAGIC || footer.readUInt32LE(4) !== 8)
    throw new MailrecoverError('damage', `'${subject}' ends without its footer`, { subject });
  return offset;
}
