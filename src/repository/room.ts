import { release } from '../system/memory.ts';

/** Bytes that are added bit by bit. The memory is its own, never of a shared pool: threads hand it over whole. */
export class Room {
  #memory: Buffer;
  #used = 0;

  /** @param size bytes that it will hold, more or less; what is not used costs nothing */
  constructor(size: number) {
    this.#memory = Buffer.allocUnsafeSlow(size);
  }

  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#used);
  }

  add(bytes: Buffer): void {
    if (this.#used + bytes.length > this.#memory.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (this.#used + bytes.length));
      this.bytes.copy(larger);
      release(this.#memory);
      this.#memory = larger;
    }
    this.#used += bytes.copy(this.#memory, this.#used);
  }
}
