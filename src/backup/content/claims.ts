/**
 * Which entries this run stores already, shared by the threads that read: an open-addressing table in shared memory.
 * A thread that wants to store an entry claims its tag first; exactly one wins.
 */
import { TAG_SIZE } from '../../repository/tags.ts';

/** 32-bit words a slot: four of the tag, one of the place (plus one; zero while the claim is being made). */
const WORDS = TAG_SIZE / 4 + 1;
const HEAD = 1;
/** Part of the slots that may be taken; what is claimed while all threads come to rest must fit into the others. */
const FULL = 0.65;

export class ClaimTable {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #slots: number;

  private constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
    this.#slots = (this.#words.length - HEAD) / WORDS;
  }

  /** A table with room for `entries`. */
  static create(entries: number): ClaimTable {
    return ClaimTable.#withSlots(Math.ceil(entries / FULL));
  }

  static #withSlots(slots: number): ClaimTable {
    return new ClaimTable(new SharedArrayBuffer((HEAD + slots * WORDS) * 4));
  }

  static open(memory: SharedArrayBuffer): ClaimTable {
    return new ClaimTable(memory);
  }

  /** How many entries are claimed. */
  get size(): number {
    return Atomics.load(this.#words, 0);
  }

  /** Whether it should be replaced by a larger one before many more are claimed. */
  get crowded(): boolean {
    return this.size > this.#slots * FULL;
  }

  /**
   * Claims a tag for a place.
   * @returns undefined when the claim is won, else the place of whoever claimed it before
   */
  claim(tag: Buffer, place: number): number | undefined {
    const words = this.#words;
    const first = tag.readInt32LE(0) | 1;
    const second = tag.readInt32LE(4);
    const third = tag.readInt32LE(8);
    const fourth = tag.readInt32LE(12);
    for (let slot = tag.readUInt32LE(4) % this.#slots; ; slot = (slot + 1) % this.#slots) {
      const at = HEAD + slot * WORDS;
      const found = Atomics.compareExchange(words, at, 0, first);
      if (found === 0) {
        words[at + 1] = second;
        words[at + 2] = third;
        words[at + 3] = fourth;
        Atomics.store(words, at + 4, place + 1);
        Atomics.add(words, 0, 1);
        return undefined;
      }
      if (found !== first) continue;
      let taken = Atomics.load(words, at + 4);
      while (taken === 0) taken = Atomics.load(words, at + 4);
      if (words[at + 1] === second && words[at + 2] === third && words[at + 3] === fourth) return taken - 1;
    }
  }

  /** A larger table with the same claims. No other thread may be claiming meanwhile. */
  grown(): ClaimTable {
    const larger = ClaimTable.#withSlots(this.#slots * 2);
    const tag = Buffer.alloc(TAG_SIZE);
    for (let at = HEAD; at < this.#words.length; at += WORDS) {
      const taken = this.#words[at + 4] ?? 0;
      if (taken === 0) continue;
      for (let word = 0; word < 4; word++) tag.writeInt32LE(this.#words[at + word] ?? 0, word * 4);
      larger.claim(tag, taken - 1);
    }
    return larger;
  }
}
