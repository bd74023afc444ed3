import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { fsPath } from '../../store/bytes.ts';
import type { LiteralSink } from './reader.ts';
import type { MessageBody } from './types.ts';

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

/** Reads the pieces of a message, one after the other. */
class BodyReader {
  private readonly fd: number;
  private readonly ranges: { at: number; length: number }[] | undefined;
  private closed = false;

  /** @throws the system's error when the file cannot be opened */
  constructor({ path, ranges }: MessageBody) {
    this.fd = openSync(fsPath(path), constants.O_RDONLY | constants.O_NOFOLLOW);
    this.ranges = ranges?.map((range) => ({ ...range }));
  }

  /** @returns bytes that now stand in the buffer; 0 at the end */
  read(into: Buffer): number {
    if (this.ranges === undefined) return readSync(this.fd, into, 0, into.length, null);
    for (let [range] = this.ranges; range !== undefined; [range] = this.ranges) {
      const got = range.length === 0 ? 0 : readSync(this.fd, into, 0, Math.min(into.length, range.length), range.at);
      range.at += got;
      range.length -= got;
      if (got > 0) return got;
      this.ranges.shift();
    }
    return 0;
  }

  /** Safe to call more than once. */
  close(): void {
    if (!this.closed) closeSync(this.fd);
    this.closed = true;
  }
}

/**
 * Compares a literal with a file while it arrives, in constant memory. Errors of reading are kept for `result`, so that the rest of the literal is
 * still taken off the wire.
 */
export class BodyComparison implements LiteralSink {
  private readonly body: BodyReader;
  private readonly hash: Hash = createHash('sha256');
  private fileSize = 0;
  private servedSize = 0;
  private afterCr = false;
  private same = true;
  /** Wire bytes of the file that the server has not sent yet. */
  private wire: Buffer = NOTHING;
  private error: unknown;

  /** @throws the system's error when the file cannot be opened */
  constructor(body: MessageBody) {
    this.body = new BodyReader(body);
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
    this.body.close();
  }

  private more(): boolean {
    const length = this.body.read(shared.file);
    if (length === 0) return false;
    this.hash.update(shared.file.subarray(0, length));
    const wireLength = toWire(shared.file, length, this.afterCr, shared.wire);
    this.afterCr = shared.file[length - 1] === CR;
    this.fileSize += length;
    this.servedSize += wireLength;
    this.wire = shared.wire.subarray(0, wireLength);
    return true;
  }
}

/** SHA-256 (hex) and size of a file that is not served byte for byte. */
export function hashBody(of: MessageBody): { sha256: string; fileSize: number } {
  const body = new BodyReader(of);
  try {
    const hash = createHash('sha256');
    let fileSize = 0;
    for (let length; (length = body.read(shared.file)) > 0; fileSize += length) hash.update(shared.file.subarray(0, length));
    return { sha256: hash.digest('hex'), fileSize };
  } finally {
    body.close();
  }
}
