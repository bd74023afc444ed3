import { createCipheriv } from 'node:crypto';

/** A random source that gives the same sequence for the same seed, on every machine (sfc32). */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  constructor(seed: string) {
    // Four FNV-1a hashes with different bases spread the seed over the state.
    const state = [0x811c9dc5, 0x1000193, 0x9e3779b9].map((basis) => {
      let hash = basis;
      for (let index = 0; index < seed.length; index++) hash = Math.imul(hash ^ seed.charCodeAt(index), 0x01000193);
      return hash | 0;
    });
    [this.#a, this.#b, this.#c] = [state[0] ?? 1, state[1] ?? 2, state[2] ?? 3];
    for (let round = 0; round < 12; round++) this.next();
  }

  /** The next unsigned 32-bit number. */
  next(): number {
    const sum = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** A number from 0 up to and without 1. */
  float(): number {
    return this.next() / 4294967296;
  }

  /** A whole number from 0 up to and without `below`. */
  int(below: number): number {
    return Math.floor(this.float() * below);
  }

  chance(probability: number): boolean {
    return this.float() < probability;
  }

  /** A number from the standard normal distribution (Box-Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.float())) * Math.cos(2 * Math.PI * this.float());
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(items.length)];
    if (item === undefined) throw new RangeError('pick from an empty list');
    return item;
  }

  /** So many lower-case hexadecimal digits. */
  hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += this.next().toString(16).padStart(8, '0');
    return text.slice(0, digits);
  }

  /** So many bytes that do not compress: of this source, or for many of them the key stream of AES-128-CTR, which is faster. */
  bytes(count: number): Buffer {
    if (count > 2048) return createCipheriv('aes-128-ctr', this.bytes(16), Buffer.alloc(16)).update(Buffer.alloc(count));
    const bytes = Buffer.alloc(count + 3);
    for (let index = 0; index < count; index += 4) bytes.writeUInt32LE(this.next(), index);
    return bytes.subarray(0, count);
  }
}
