/**
 * Which entries earlier runs stored, and in which pack: sorted tables on disk, looked up with one or two small reads each, so that memory
 * does not grow with the mail; small ones are read whole. Each record is a tag and a pack number.
 */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { TAG_SIZE } from '../../repository/tags.ts';
import { free } from '../../system/memory.ts';

export const RECORD = TAG_SIZE + 4;
/** Records looked at at once around the place where a tag should lie. */
const WINDOW = 64;
/** Bytes up to which a table is read whole, and after how many lookups: that costs as much as some hundred reads. */
const SMALL_TABLE = 8 * 1024 * 1024;
const SOME_LOOKUPS = 64;

/** CRC-8 (ITU-T I.432.1) of a pack number: no single bit that a disk turns makes another number that passes. */
function checkOf(pack: number): number {
  let crc = pack << 8;
  for (let bit = 23; bit >= 0; bit--) if ((crc & (1 << (bit + 8))) !== 0) crc ^= 0x107 << bit;
  return crc & 0xff;
}

/** Writes the record of a tag: that, then the pack number in 24 bits and its check. */
export function writeRecord(into: Buffer, at: number, tag: Uint8Array, pack: number): void {
  into.set(tag, at);
  into.writeUIntLE(pack, at + TAG_SIZE, 3);
  into[at + TAG_SIZE + 3] = checkOf(pack);
}

/** The pack number of the record at an offset, or undefined where the record is damaged. */
export function packOf(records: Buffer, at: number): number | undefined {
  const pack = records.readUIntLE(at + TAG_SIZE, 3);
  return records[at + TAG_SIZE + 3] === checkOf(pack) ? pack : undefined;
}

/** Groups up to this size are sorted in place. */
const SMALL_GROUP = 8;

function insertionSort(order: Uint32Array, start: number, end: number, compare: (a: number, b: number) => number): void {
  for (let at = start + 1; at < end; at++) {
    const index = order[at] ?? 0;
    let to = at;
    for (; to > start && compare(order[to - 1] ?? 0, index) > 0; to--) order[to] = order[to - 1] ?? 0;
    order[to] = index;
  }
}

/** Sorts records by tag; of equal tags the later one stays. */
export function sortRecords(records: Buffer): Buffer {
  const compare = (a: number, b: number): number =>
    records.compare(records, b * RECORD, b * RECORD + TAG_SIZE, a * RECORD, a * RECORD + TAG_SIZE);
  const inOrder = (a: number, b: number): number => compare(a, b) || b - a;
  // Tags are as good as random, so few have the same first two bytes.
  const { order, ends } = byPrefix(records);
  let start = 0;
  for (let group = 0; start < order.length; group++) {
    const end = ends[group] ?? 0;
    if (end - start > SMALL_GROUP) order.subarray(start, end).sort(inOrder);
    else if (end - start > 1) insertionSort(order, start, end, inOrder);
    start = end;
  }
  const sorted = Buffer.allocUnsafe(records.length);
  let at = 0;
  let before = -1;
  for (const index of order) {
    if (before >= 0 && records.readUInt32BE(index * RECORD) === records.readUInt32BE(before * RECORD) && compare(index, before) === 0)
      continue;
    at += records.copy(sorted, at, index * RECORD, index * RECORD + RECORD);
    before = index;
  }
  return sorted.subarray(0, at);
}

/** The numbers of the records, in the order of the first two bytes of their tags, and where each such group ends. */
function byPrefix(records: Buffer): { order: Uint32Array; ends: Uint32Array } {
  const count = records.length / RECORD;
  const ends = new Uint32Array(0x10000);
  const prefix = (index: number): number => records.readUInt16BE(index * RECORD);
  for (let index = 0; index < count; index++) ends[prefix(index)] = (ends[prefix(index)] ?? 0) + 1;
  let total = 0;
  for (let group = 0; group < ends.length; group++) {
    const size = ends[group] ?? 0;
    ends[group] = total;
    total += size;
  }
  const order = new Uint32Array(count);
  for (let index = 0; index < count; index++) {
    const group = prefix(index);
    const place = ends[group] ?? 0;
    order[place] = index;
    ends[group] = place + 1;
  }
  return { order, ends };
}

/** Merges sorted tables, which are used up then; of equal tags the one in the later table stays. */
export function mergeTables(tables: readonly Buffer[]): Buffer {
  const all = Buffer.allocUnsafeSlow(tables.reduce((sum, table) => sum + table.length, 0));
  let at = 0;
  for (const table of tables) {
    at += table.copy(all, at);
    free(table);
  }
  const sorted = sortRecords(all);
  free(all);
  return sorted;
}

function readRecords(fd: number, start: number, into: Buffer): Buffer {
  readSync(fd, into, 0, into.length, start * RECORD);
  return into;
}

class Table {
  readonly #fd: number;
  readonly #count: number;
  readonly #window = Buffer.allocUnsafe(WINDOW * RECORD);
  #lookups = 0;
  #whole: Buffer | undefined;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
    this.#count = Math.floor(fstatSync(this.#fd).size / RECORD);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Records from `start` up to `end`. */
  #records(start: number, end: number): Buffer {
    if (this.#whole !== undefined) return this.#whole.subarray(start * RECORD, end * RECORD);
    return readRecords(this.#fd, start, this.#window.subarray(0, (end - start) * RECORD));
  }

  /** Tags are as good as random, so the place of one among the others can be guessed. */
  lookup(tag: Buffer): number | undefined {
    if (++this.#lookups === SOME_LOOKUPS && this.#count * RECORD <= SMALL_TABLE)
      this.#whole = readRecords(this.#fd, 0, Buffer.allocUnsafeSlow(this.#count * RECORD));
    let low = 0;
    let high = this.#count;
    const first = tag.readUInt32BE(0);
    let guess = Math.floor((first / 2 ** 32) * this.#count);
    while (low < high) {
      const start = Math.max(low, Math.min(guess - WINDOW / 2, high - WINDOW));
      const end = Math.min(high, start + WINDOW);
      const window = this.#records(start, end);
      const at = (index: number): number => window.compare(tag, 0, TAG_SIZE, index * RECORD, index * RECORD + TAG_SIZE);
      if (at(0) > 0) high = start;
      else if (at(end - start - 1) < 0) low = end;
      else {
        // Most are told apart by their first four bytes, which takes a hundredth of the time of comparing them.
        let index = 0;
        while (window.readUInt32BE(index * RECORD) < first) index++;
        for (; index < end - start && window.readUInt32BE(index * RECORD) === first; index++)
          if (at(index) === 0) return packOf(window, index * RECORD);
        return undefined;
      }
      guess = (low + high) >>> 1;
    }
    return undefined;
  }
}

/** Looks tags up in several tables, the newest first. */
export class KnownEntries {
  readonly #tables: Table[];
  readonly #lost: ReadonlySet<number>;

  /** @param lost packs that are no longer there: what they held is not known */
  constructor(paths: readonly string[], lost: ReadonlySet<number>) {
    this.#tables = paths.map((path) => new Table(path)).reverse();
    this.#lost = lost;
  }

  lookup(tag: Buffer): number | undefined {
    for (const table of this.#tables) {
      const pack = table.lookup(tag);
      if (pack !== undefined && !this.#lost.has(pack)) return pack;
    }
    return undefined;
  }

  close(): void {
    for (const table of this.#tables.splice(0)) table.close();
  }
}

export function readTable(path: string): Buffer {
  return readFileSync(path);
}
