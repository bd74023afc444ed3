/** Appends the columns of records to the files of the index. */
import type { HeaderResult } from './job.ts';
import { Appender, bytesOf, type FileFacts } from './files.ts';
import { COLUMNS, fileOf, TEXTS, type Column, type Manifest } from './manifest.ts';

/** Base names that are written at once. */
const TOGETHER = 10_000;

export class RecordWriter {
  readonly #files: Record<Column, Appender>;
  #count: number;

  constructor(directory: string, manifest: Pick<Manifest, 'generation' | 'columns'>) {
    const open = (column: Column): [Column, Appender] => [
      column,
      new Appender(directory, fileOf(manifest.generation, column), manifest.columns[column]),
    ];
    this.#files = Object.fromEntries(COLUMNS.map(open)) as Record<Column, Appender>;
    this.#count = manifest.columns.dates.length / 8;
  }

  /** How many records there are: the number that the next one gets. */
  get count(): number {
    return this.#count;
  }

  append({ shas, dates, ends, texts }: Omit<HeaderResult, 'id' | 'error'>): void {
    const begins = TEXTS.map((column) => this.#files[column].length);
    const shifted = ends.map((end, at) => end + (begins[at % TEXTS.length] ?? 0));
    this.#files.shas.append(shas);
    this.#files.dates.append(bytesOf(dates));
    this.#files.ends.append(bytesOf(shifted));
    for (const [at, column] of TEXTS.entries()) this.#files[column].append(texts[at] ?? new Uint8Array());
    this.#count += dates.length;
  }

  /** Appends the base names from a number on. */
  appendBases(bases: readonly string[], first: number): void {
    for (let at = first; at < bases.length; at += TOGETHER)
      this.#files.bases.append(Buffer.from(`${bases.slice(at, at + TOGETHER).join('\n')}\n`, 'latin1'));
  }

  close(): Record<Column, FileFacts> {
    return Object.fromEntries(COLUMNS.map((column) => [column, this.#files[column].close()])) as Record<Column, FileFacts>;
  }
}
