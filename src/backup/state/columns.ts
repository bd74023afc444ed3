/** Messages of one directory as columns of numbers: reading and writing 100,000 of them costs a tenth of what objects would. */
import { RenamedMessage, type LiveMessage, type LiveStat, type StoredPart } from '../../store/live.ts';

/** Size, mtime, ctime, birth and inode need more than 32 bits. */
const WIDE = 5;
/** Place, flags, uid, gid, and mode with {@link CUR}. */
const NARROW = 5;
const SHA = 32;
const SHA_WORDS = SHA / 4;
/** Beside the twelve bits of a mode: the message lies in `cur`. */
const CUR = 0x10000;
const ALIGNED = 8;

/** Bytes that so many messages take; a multiple of 8. */
export function columnsSize(count: number): number {
  const size = count * (WIDE * 8 + NARROW * 4 + SHA);
  return Math.ceil(size / ALIGNED) * ALIGNED;
}

/** Flags of messages, each kept once; columns hold their numbers. */
export class FlagTable {
  readonly list: string[];
  readonly #numbers = new Map<string, number>();

  constructor(list: readonly string[] = []) {
    this.list = [...list];
  }

  numberOf(flags: string): number {
    let number = this.#numbers.get(flags);
    if (number === undefined) {
      number = this.list.push(flags) - 1;
      this.#numbers.set(flags, number);
    }
    return number;
  }
}

/** The columns of one directory: views of one buffer. */
export class Columns {
  readonly wide: Float64Array;
  readonly narrow: Uint32Array;
  readonly shas: Buffer;
  /** The same memory: eight numbers are copied and compared faster than 32 bytes. */
  readonly #shaWords: Uint32Array;
  readonly flags: FlagTable;
  #hex: string | undefined;

  /** @param at where they begin, a multiple of 8 in the underlying memory */
  constructor(bytes: Buffer, at: number, count: number, flags: FlagTable) {
    const start = bytes.byteOffset + at;
    this.wide = new Float64Array(bytes.buffer, start, count * WIDE);
    this.narrow = new Uint32Array(bytes.buffer, start + count * WIDE * 8, count * NARROW);
    const from = at + count * (WIDE * 8 + NARROW * 4);
    this.shas = bytes.subarray(from, from + count * SHA);
    this.#shaWords = new Uint32Array(bytes.buffer, bytes.byteOffset + from, count * SHA_WORDS);
    this.flags = flags;
  }

  sha(row: number): string {
    this.#hex ??= this.shas.toString('hex');
    return this.#hex.slice(row * SHA * 2, (row + 1) * SHA * 2);
  }

  stat(row: number): LiveStat {
    const { wide, narrow } = this;
    const w = row * WIDE;
    const n = row * NARROW;
    return {
      mode: (narrow[n + 4] ?? 0) & 0o7777,
      uid: narrow[n + 2] ?? 0,
      gid: narrow[n + 3] ?? 0,
      size: wide[w] ?? 0,
      mtime: wide[w + 1] ?? 0,
      ctime: wide[w + 2] ?? 0,
      birth: wide[w + 3] ?? 0,
      ino: wide[w + 4] ?? 0,
    };
  }

  isIn(row: number): 'cur' | 'new' {
    return ((this.narrow[row * NARROW + 4] ?? 0) & CUR) === 0 ? 'new' : 'cur';
  }

  flagsOf(row: number): string {
    return this.flags.list[this.narrow[row * NARROW + 1] ?? 0] ?? '';
  }

  placeOf(row: number): number {
    return this.narrow[row * NARROW] ?? 0;
  }

  set(row: number, message: LiveMessage): void {
    const { wide, narrow } = this;
    const w = row * WIDE;
    const n = row * NARROW;
    const flags = this.flags.numberOf(message.flags);
    const kept = message instanceof RenamedMessage && message.seen === undefined ? message.was : message;
    if (kept instanceof KeptMessage) {
      const { columns: from, row: old } = kept;
      for (let at = 0; at < WIDE; at++) wide[w + at] = from.wide[old * WIDE + at] ?? 0;
      for (let at = 0; at < NARROW - 1; at++) narrow[n + at] = from.narrow[old * NARROW + at] ?? 0;
      narrow[n + 1] = flags;
      narrow[n + 4] = ((from.narrow[old * NARROW + 4] ?? 0) & ~CUR) | (message.in === 'cur' ? CUR : 0);
      this.#copySha(row, from, old);
      return;
    }
    const { stat } = message;
    wide[w] = stat.size;
    wide[w + 1] = stat.mtime;
    wide[w + 2] = stat.ctime;
    wide[w + 3] = stat.birth;
    wide[w + 4] = stat.ino;
    narrow[n] = message.place;
    narrow[n + 1] = flags;
    narrow[n + 2] = stat.uid;
    narrow[n + 3] = stat.gid;
    narrow[n + 4] = stat.mode | (message.in === 'cur' ? CUR : 0);
    // Of a message that was renamed neither the text of its SHA-256 is needed nor made.
    if (message instanceof RenamedMessage && message.was instanceof KeptMessage) this.#copySha(row, message.was.columns, message.was.row);
    else this.shas.write(message.sha, row * SHA, SHA, 'hex');
  }

  #copySha(row: number, from: Columns, old: number): void {
    for (let at = 0; at < SHA_WORDS; at++) this.#shaWords[row * SHA_WORDS + at] = from.#shaWords[old * SHA_WORDS + at] ?? 0;
  }

  /** Whether mode, owner, group and time are these. */
  isOwnedAs(row: number, { mode, uid, gid, mtime }: LiveStat): boolean {
    const { narrow } = this;
    const n = row * NARROW;
    return (
      ((narrow[n + 4] ?? 0) & 0o7777) === mode && narrow[n + 2] === uid && narrow[n + 3] === gid && this.wide[row * WIDE + 1] === mtime
    );
  }

  ino(row: number): number {
    return this.wide[row * WIDE + 4] ?? 0;
  }

  size(row: number): number {
    return this.wide[row * WIDE] ?? 0;
  }
}

/** A message as an earlier backup knew it: one row of columns, of which nothing is made until it is asked for. */
export class KeptMessage implements LiveMessage {
  readonly columns: Columns;
  readonly row: number;
  readonly rest?: StoredPart[];

  constructor(columns: Columns, row: number, rest?: StoredPart[]) {
    this.columns = columns;
    this.row = row;
    if (rest !== undefined) this.rest = rest;
  }

  get in(): 'cur' | 'new' {
    return this.columns.isIn(this.row);
  }

  get flags(): string {
    return this.columns.flagsOf(this.row);
  }

  get stat(): LiveStat {
    return this.columns.stat(this.row);
  }

  get ino(): number {
    return this.columns.ino(this.row);
  }

  get size(): number {
    return this.columns.size(this.row);
  }

  get sha(): string {
    return this.columns.sha(this.row);
  }

  get place(): number {
    return this.columns.placeOf(this.row);
  }
}
