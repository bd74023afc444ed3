import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { ByteString } from '../../store/bytes.ts';
import { fsPath } from '../../store/bytes.ts';
import type { LiteralSink } from './reader.ts';

/** What became of one message's body. */
export interface BodyResult {
  /** SHA-256 of the file in the scratch copy, hex. */
  sha256: string;
  /** Bytes of that file. */
  fileSize: number;
  /** Bytes that a server has to serve for it: the file with CRLF at the ends of its lines. That is also its RFC822.SIZE. */
  servedSize: number;
  /** Whether exactly these bytes were served. */
  same: boolean;
}

const NOTHING = Buffer.alloc(0);
const CHUNK = 1 << 18;
const CR = 13;
const LF = 10;

/** Used by all comparisons, which are synchronous and end before the next one needs them. */
const shared = { file: Buffer.allocUnsafe(CHUNK), wire: Buffer.allocUnsafe(2 * CHUNK) };

/**
 * Turns stored bytes into those that IMAP serves: a LF that no CR precedes becomes CRLF, a NUL, which no literal may hold, becomes 0x80 (Dovecot's
 * istream-crlf.c and istream-nonuls.c), all else stays as it is.
 * @param afterCr whether the byte before these was a CR
 * @returns how many bytes now stand in `wire`, which must have room for twice as many
 */
export function toWire(stored: Buffer, length: number, afterCr: boolean, wire: Buffer): number {
  let to = 0;
  let before = afterCr ? CR : 0;
  for (let at = 0; at < length; at++) {
    const byte = stored[at] as number;
    if (byte === LF && before !== CR) wire[to++] = CR;
    wire[to++] = byte === 0 ? 0x80 : byte;
    before = byte;
  }
  return to;
}

/**
 * Compares a literal with a file while it arrives, in constant memory. Errors of reading are kept for `result`, so that the rest of the literal is
 * still taken off the wire.
 */
export class BodyComparison implements LiteralSink {
  private readonly fd: number;
  private readonly hash: Hash = createHash('sha256');
  private fileSize = 0;
  private servedSize = 0;
  private afterCr = false;
  private same = true;
  private ended = false;
  /** Wire bytes of the file that the server has not sent yet. */
  private wire: Buffer = NOTHING;
  private error: unknown;

  /** @throws the system's error when the file cannot be opened */
  constructor(path: ByteString) {
    this.fd = openSync(fsPath(path), constants.O_RDONLY | constants.O_NOFOLLOW);
  }

  write(served: Buffer): void {
    if (this.error !== undefined) return;
    try {
      this.compare(served);
    } catch (error) {
      this.error = error;
    }
  }

  private compare(served: Buffer): void {
    let at = 0;
    while (this.same && at < served.length) {
      if (this.wire.length === 0 && !this.more()) {
        this.same = false;
        return;
      }
      const length = Math.min(this.wire.length, served.length - at);
      this.same = this.wire.compare(served, at, at + length, 0, length) === 0;
      this.wire = this.wire.subarray(length);
      at += length;
    }
    // What is left stands in the shared buffer, which the next chunk of another session may overwrite.
    if (this.wire.length > 0) this.wire = Buffer.from(this.wire);
  }

  end(): void {}

  /**
   * To be called once, after the literal: reads the rest of the file, and closes it.
   * @throws the system's error when the file could not be read
   */
  result(): BodyResult {
    try {
      if (this.error !== undefined) throw this.error;
      if (this.wire.length > 0) this.same = false;
      while (this.more()) this.same = false;
    } finally {
      this.close();
    }
    return { sha256: this.hash.digest('hex'), fileSize: this.fileSize, servedSize: this.servedSize, same: this.same };
  }

  /** Safe to call more than once. */
  close(): void {
    if (!this.ended) closeSync(this.fd);
    this.ended = true;
  }

  private more(): boolean {
    const length = readSync(this.fd, shared.file, 0, CHUNK, null);
    if (length === 0) return false;
    this.hash.update(length === CHUNK ? shared.file : shared.file.subarray(0, length));
    const wireLength = toWire(shared.file, length, this.afterCr, shared.wire);
    this.afterCr = shared.file[length - 1] === CR;
    this.fileSize += length;
    this.servedSize += wireLength;
    this.wire = shared.wire.subarray(0, wireLength);
    return true;
  }
}

/** SHA-256 (hex) and size of a file that is not served byte for byte. */
export function hashFile(path: ByteString): { sha256: string; fileSize: number } {
  const fd = openSync(fsPath(path), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const hash = createHash('sha256');
    let fileSize = 0;
    for (let length; (length = readSync(fd, shared.file, 0, CHUNK, null)) > 0; fileSize += length)
      hash.update(shared.file.subarray(0, length));
    return { sha256: hash.digest('hex'), fileSize };
  } finally {
    closeSync(fd);
  }
}
