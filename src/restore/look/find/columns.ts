/** The index as a search reads it: only the columns that it needs, each compared with its checksum. */
import { floatsOf, integersOf, readFacts } from './files.ts';
import { decodeGroups, type Group } from './history.ts';
import { fileOf, TEXTS, type Column, type TextColumn } from './manifest.ts';
import type { OpenIndex } from './open.ts';

export class IndexColumns {
  readonly #index: OpenIndex;
  readonly #loaded = new Map<Column, Buffer>();
  #ends: Float64Array | undefined;

  constructor(index: OpenIndex) {
    this.#index = index;
  }

  get records(): number {
    return this.#index.manifest.columns.dates.length / 8;
  }

  load(column: Column): Buffer {
    const { directory, manifest } = this.#index;
    let bytes = this.#loaded.get(column);
    if (bytes === undefined)
      this.#loaded.set(column, (bytes = readFacts(directory, fileOf(manifest.generation, column), manifest.columns[column])));
    return bytes;
  }

  rows(): Int32Array {
    const { directory, manifest } = this.#index;
    return integersOf(readFacts(directory, manifest.rows.name, manifest.rows));
  }

  groups(): Group[] {
    const { directory, manifest } = this.#index;
    return decodeGroups(readFacts(directory, manifest.groups.name, manifest.groups).toString('latin1'));
  }

  dates(): Float64Array {
    return floatsOf(this.load('dates'));
  }

  /** Where the text of a record ends, with its line feed. */
  end(column: TextColumn, record: number): number {
    this.#ends ??= floatsOf(this.load('ends'));
    return record < 0 ? 0 : (this.#ends[record * TEXTS.length + TEXTS.indexOf(column)] ?? 0);
  }

  text(column: TextColumn, record: number): string {
    return this.load(column).toString('utf8', this.end(column, record - 1), this.end(column, record) - 1);
  }

  /** SHA-256 of a record's bytes, 64 hex digits. */
  sha(record: number): string {
    return this.load('shas').toString('hex', record * 32, (record + 1) * 32);
  }

  /** The records whose text holds these bytes (`whole`: is them). */
  having(column: TextColumn, wanted: string, whole: boolean): Uint8Array {
    const text = this.load(column);
    const found = new Uint8Array(this.records);
    const needle = Buffer.from(whole ? `${wanted}\n` : wanted);
    if (needle.length === 0) return found.fill(1);
    for (let at = text.indexOf(needle); at >= 0;) {
      const record = this.#recordAt(column, at);
      if (!whole || at === this.end(column, record - 1)) found[record] = 1;
      at = text.indexOf(needle, whole ? at + 1 : this.end(column, record));
    }
    return found;
  }

  /** The record in whose text a byte lies. */
  #recordAt(column: TextColumn, at: number): number {
    let low = 0;
    let high = this.records - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.end(column, middle) > at) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
