/** Numbers for SHA-256 values, in little memory: the values lie one after the other, and a table of numbers finds them by their first bytes. */
const WIDTH = 32;

export class ShaTable {
  #bytes: Buffer;
  #count: number;
  #slots: Int32Array;

  /** @param bytes values that have the numbers 0, 1, 2 … */
  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.#bytes = bytes;
    this.#count = Math.floor(bytes.length / WIDTH);
    this.#slots = new Int32Array(0);
    this.#grow(this.#count);
  }

  get size(): number {
    return this.#count;
  }

  /** The value with a number, as a view. */
  at(number: number): Buffer {
    return this.#bytes.subarray(number * WIDTH, (number + 1) * WIDTH);
  }

  /** The number of a value. @returns -1 where it has none */
  numberOf(sha: Uint8Array): number {
    return (this.#slots[this.#slotOf(sha)] ?? 0) - 1;
  }

  /** The number of a value, which gets the next one where it has none. */
  add(sha: Uint8Array): number {
    const slot = this.#slotOf(sha);
    const found = (this.#slots[slot] ?? 0) - 1;
    if (found >= 0) return found;
    const number = this.#count++;
    if ((number + 1) * WIDTH > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(1024, number * 2) * WIDTH);
      this.#bytes.copy(larger, 0, 0, number * WIDTH);
      this.#bytes = larger;
    }
    this.#bytes.set(sha, number * WIDTH);
    this.#slots[slot] = number + 1;
    if (this.#count * 2 > this.#slots.length) this.#grow(this.#count);
    return number;
  }

  #slotOf(sha: Uint8Array): number {
    const mask = this.#slots.length - 1;
    const first = ((sha[0] ?? 0) | ((sha[1] ?? 0) << 8) | ((sha[2] ?? 0) << 16) | ((sha[3] ?? 0) << 24)) >>> 0;
    for (let slot = first & mask; ; slot = (slot + 1) & mask) {
      const number = (this.#slots[slot] ?? 0) - 1;
      if (number < 0 || this.at(number).equals(sha)) return slot;
    }
  }

  #grow(count: number): void {
    let size = 1024;
    while (size < count * 4) size *= 2;
    this.#slots = new Int32Array(size);
    for (let number = 0; number < count; number++) this.#slots[this.#slotOf(this.at(number))] = number + 1;
  }
}
