import { createCipheriv, createHash } from 'node:crypto';
import type { Random } from './random.ts';
import type { Vocabulary } from './words.ts';

const LINE = 76;
const ZEROS = Buffer.alloc(1 << 20);

/** One writer's habits: which words of a language they prefer, and turns of phrase they repeat. */
export interface Voice {
  vocabulary: Vocabulary;
  topics: Uint16Array;
  phrases: Uint16Array[];
}

/** Builds one message after the other in the same memory. */
export class MessageWriter {
  bytes = Buffer.allocUnsafe(1 << 20);
  length = 0;
  lines = 0;
  /** What was written before and may be quoted. */
  quotable: string[] = [];

  reset(): void {
    this.length = 0;
    this.lines = 0;
  }

  room(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.length + count));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }

  /** Appends text; its line ends are counted, as Dovecot's `W=` needs them. */
  text(value: string): void {
    this.room(value.length * 3);
    for (let at = value.indexOf('\n'); at >= 0; at = value.indexOf('\n', at + 1)) this.lines++;
    this.length += this.bytes.write(value, this.length);
  }

  /** About `size` bytes of prose in lines of 72, each begun with `quote`. */
  prose(size: number, voice: Voice, random: Random, quote = ''): void {
    this.room(size * 2 + 4096);
    const { bytes, starts, zipf } = voice.vocabulary;
    const end = this.length + size;
    let lineEnd = 0;
    while (this.length < end) {
      if (this.length >= lineEnd) {
        if (lineEnd) this.text(random.below(9) === 0 ? `.\n${quote}\n` : '\n');
        this.text(quote);
        lineEnd = this.length + 64;
        this.room(512);
      }
      const dice = random.next();
      const kind = dice >>> 28;
      if (kind < 3) {
        const phrase = voice.phrases[(dice & 0xffffff) % voice.phrases.length];
        for (const word of phrase ?? []) this.#word(bytes, starts, word);
      } else if (kind < 5) this.#word(bytes, starts, voice.topics[(dice & 0xffff) % voice.topics.length] ?? 0);
      else this.#word(bytes, starts, zipf[dice & 0xffff] ?? 0);
    }
    this.text('.\n');
  }

  #word(bytes: Uint8Array, starts: Uint32Array, word: number): void {
    const end = starts[word + 1] ?? 0;
    for (let at = starts[word] ?? 0; at < end; at++) this.bytes[this.length++] = bytes[at] ?? 0;
  }

  /** `size` bytes that do not compress, known by `seed` alone, in base64 lines of 76 characters (RFC 2045 section 6.8). */
  base64(size: number, seed: string): void {
    const key = createHash('sha256').update(seed).digest();
    const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16));
    const encoded = Math.ceil(size / 3) * 4;
    this.room(encoded + Math.ceil(encoded / LINE) + 8);
    // whole lines at a time: 57 bytes make a line
    const step = 57 * 8192;
    for (let at = 0; at < size; at += step) {
      const piece = cipher.update(ZEROS.subarray(0, Math.min(step, size - at)));
      const line = Buffer.from(piece.toString('base64'), 'latin1');
      for (let start = 0; start < line.length; start += LINE) {
        this.length += line.copy(this.bytes, this.length, start, Math.min(line.length, start + LINE));
        this.bytes[this.length++] = 10;
        this.lines++;
      }
    }
  }
}
