import type { Random } from './random.ts';
import { FOLLOWERS, type Vocabulary } from './words.ts';

/** Bytes that grow at their end. */
export class Output {
  #bytes = Buffer.allocUnsafe(1 << 16);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Room for `more` bytes; what is written there counts after {@link advance}. */
  reserve(more: number): { bytes: Buffer; at: number } {
    if (this.#length + more > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    return { bytes: this.#bytes, at: this.#length };
  }

  advance(to: number): void {
    this.#length = to;
  }

  text(text: string, encoding: 'utf8' | 'latin1' = 'utf8'): void {
    const { bytes, at } = this.reserve(text.length * 3);
    this.#length = at + bytes.write(text, at, encoding);
  }

  raw(data: Uint8Array): void {
    const { bytes, at } = this.reserve(data.length);
    bytes.set(data, at);
    this.#length = at + data.length;
  }

  /** A copy of what was written, and empty again. */
  take(): Buffer {
    const result = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return result;
  }
}

export interface TextShape {
  /** What stands between words: a space, or nothing for Japanese. */
  space: boolean;
  /** Lines are broken after so many bytes. */
  width: number;
  /** Put before each line, e.g. `> `. */
  prefix?: string;
  /** The byte put in place of an `e` now and then, e.g. 0xe9 for Latin-1 mail; must be above 127. */
  accent?: number;
}

/**
 * Writes about `size` bytes of running text: words that follow each other as the
 * vocabulary likes it, sentences, paragraphs, and now and then an identifier that stands nowhere else.
 */
export function writeText(out: Output, words: Vocabulary, random: Random, size: number, shape: TextShape): void {
  const { bytes, at: start } = out.reserve(size + 4096);
  const end = start + size;
  const { bytes: letters, at: offsets, table, followers } = words;
  const prefix = Buffer.from(shape.prefix ?? '');
  let [at, line, word, sentence] = [start, start, 0, 0];
  if (prefix.length > 0) at += prefix.copy(bytes, at);
  while (at < end) {
    const dice = random.next();
    word = ((dice & 0xf0000) < 0x60000 ? followers[word * FOLLOWERS + (dice & 7)] : table[dice & 0xffff]) ?? 0;
    const from = offsets[word] ?? 0;
    const to = offsets[word + 1] ?? 0;
    const first = at;
    for (let index = from; index < to; index++) bytes[at++] = letters[index] ?? 0;
    const spice = dice >>> 20;
    if (sentence === 0 && shape.space) bytes[first] = (bytes[first] ?? 0) & 0xdf;
    if (shape.accent !== undefined && spice < 400) accent(bytes, first, at, shape.accent);
    if (spice < 90) at += bytes.write(` ${identifier(random)}`, at, 'latin1');
    sentence++;
    const stop = sentence > 4 && (spice & 7) === 0;
    if (stop) {
      at += bytes.write(shape.space ? '.' : '。', at, 'utf8');
      sentence = 0;
    } else if (spice > 3900) at += bytes.write(shape.space ? ',' : '、', at, 'utf8');
    if (at - line > shape.width || (stop && spice < 1200)) {
      bytes[at++] = 10;
      if (stop && spice < 800) bytes[at++] = 10;
      line = at;
      if (prefix.length > 0) at += prefix.copy(bytes, at);
    } else if (shape.space) bytes[at++] = 32;
  }
  bytes[at++] = 10;
  out.advance(at);
}

function accent(bytes: Buffer, from: number, to: number, letter: number): void {
  for (let index = from; index < to; index++) {
    if (bytes[index] === 0x65) {
      bytes[index] = letter;
      return;
    }
  }
}

/** Something that stands nowhere else: a number, a date, an amount, a link, a reference. */
export function identifier(random: Random): string {
  const number = random.next();
  switch (random.int(6)) {
    case 0:
      return String(number);
    case 1:
      return `${2001 + (number % 26)}-${String(1 + (number % 12)).padStart(2, '0')}-${String(1 + (number % 28)).padStart(2, '0')}`;
    case 2:
      return `${(number % 1_000_000) / 100} EUR`;
    case 3:
      return `https://www.${random.hex(5)}.example/${random.hex(12)}?id=${number % 100_000}`;
    case 4:
      return `#${number.toString(36)}`;
    default:
      return random.hex(8 + (number % 24));
  }
}
