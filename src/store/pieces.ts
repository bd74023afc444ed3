/** Files that hold several messages, cut at them. */
import { readSync } from 'node:fs';
import type { LiveRecord } from './live.ts';

/** Lengths of the parts of a file, one after the other, and the messages that they make up. */
export interface Pieces {
  lengths: number[];
  records: LiveRecord[];
}

/** What lies between messages is cut into parts of at most this size where it is much: an unknown or damaged file. */
const LARGEST_GAP = 1024 * 1024;

/** Puts pieces together. Gaps between messages become parts of their own. */
export class PieceList {
  readonly pieces: Pieces = { lengths: [], records: [] };
  #end = 0;

  /** All up to here is no message. */
  gap(to: number): void {
    while (this.#end < to) this.#push(Math.min(LARGEST_GAP, to - this.#end));
  }

  /** A part of a message. @returns its number */
  part(from: number, to: number): number {
    this.gap(from);
    this.#push(to - from);
    return this.pieces.lengths.length - 1;
  }

  #push(length: number): void {
    this.pieces.lengths.push(length);
    this.#end += length;
  }
}

/** Reads an open file at any place, some of it at once. Offsets are bytes. */
export class FileWindow {
  readonly #fd: number;
  readonly #buffer: Buffer;
  #start = 0;
  #length = 0;
  readonly size: number;

  /** @param size what lies behind it is not read */
  constructor(fd: number, size: number, window: number) {
    this.#fd = fd;
    this.size = size;
    this.#buffer = Buffer.allocUnsafe(window);
  }

  /** Up to `length` bytes from an offset on; fewer at the end of the file, or where the window is smaller. Valid until the next call. */
  at(offset: number, length: number): Buffer {
    const wanted = Math.max(0, Math.min(length, this.size - offset, this.#buffer.length));
    if (offset < this.#start || offset + wanted > this.#start + this.#length) this.#fill(offset);
    const from = offset - this.#start;
    return this.#buffer.subarray(from, Math.min(from + wanted, this.#length));
  }

  #fill(offset: number): void {
    this.#start = offset;
    this.#length = 0;
    const room = Math.max(0, Math.min(this.#buffer.length, this.size - offset));
    while (this.#length < room) {
      const got = readSync(this.#fd, this.#buffer, this.#length, room - this.#length, offset + this.#length);
      if (got === 0) break;
      this.#length += got;
    }
  }
}
