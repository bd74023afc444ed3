/** The files of the index: bytes that only grow, each known by its length and checksum, so that damage is seen. */
import { closeSync, ftruncateSync, fstatSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ioError, systemCode } from '../../../errors/error.ts';

export interface FileFacts {
  length: number;
  /** CRC-32 of the first `length` bytes. */
  crc: number;
}

export const NO_BYTES: FileFacts = { length: 0, crc: 0 };

/** Thrown where a file is not what it was: the index is then made anew. */
export class IndexDamage extends Error {}

/** Reads the first bytes of a file and compares them with their checksum. @throws IndexDamage */
export function readFacts(directory: string, name: string, facts: FileFacts): Buffer {
  const bytes = Buffer.allocUnsafeSlow(facts.length);
  if (facts.length === 0) return bytes;
  let fd: number;
  try {
    fd = openSync(join(directory, name), 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw new IndexDamage(name);
    throw ioError(error, 'read', join(directory, name));
  }
  try {
    for (let at = 0; at < bytes.length;) {
      const read = readSync(fd, bytes, at, Math.min(bytes.length - at, 1 << 30), at);
      if (read === 0) throw new IndexDamage(name);
      at += read;
    }
  } finally {
    closeSync(fd);
  }
  if (crc32(bytes) !== facts.crc) throw new IndexDamage(name);
  return bytes;
}

/** Appends to a file behind the bytes that count; what a killed run left there is cut off. */
export class Appender {
  readonly #path: string;
  readonly #fd: number;
  #facts: FileFacts;

  constructor(directory: string, name: string, facts: FileFacts) {
    this.#path = join(directory, name);
    try {
      this.#fd = openSync(this.#path, facts.length === 0 ? 'w' : 'r+', 0o600);
      if (fstatSync(this.#fd).size < facts.length) throw new IndexDamage(name);
      ftruncateSync(this.#fd, facts.length);
    } catch (error) {
      if (error instanceof IndexDamage || systemCode(error) === 'ENOENT') throw new IndexDamage(name);
      throw ioError(error, 'write', this.#path);
    }
    this.#facts = facts;
  }

  get length(): number {
    return this.#facts.length;
  }

  append(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at, bytes.length - at, this.#facts.length + at);
    } catch (error) {
      throw ioError(error, 'write', this.#path);
    }
    this.#facts = { length: this.#facts.length + bytes.length, crc: crc32(bytes, this.#facts.crc) };
  }

  close(): FileFacts {
    closeSync(this.#fd);
    return this.#facts;
  }
}

/** Writes a file whole. */
export function writeWhole(directory: string, name: string, bytes: Uint8Array): FileFacts {
  rmSync(join(directory, name), { force: true });
  const file = new Appender(directory, name, NO_BYTES);
  file.append(bytes);
  return file.close();
}

/** The bytes of a typed array. */
export function bytesOf(values: Float64Array | Int32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

export function floatsOf(bytes: Buffer): Float64Array {
  return new Float64Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 8));
}

export function integersOf(bytes: Buffer): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4));
}
