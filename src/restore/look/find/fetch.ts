/** Fetches the headers of messages that are not in the index yet, pack by pack. */
import { MailrecoverError } from '../../../errors/error.ts';
import { objectPath } from '../../../repository/names.ts';
import { readPackTable } from '../../../repository/pack/reader.ts';
import type { IndexOptions } from './options.ts';
import { RecordColumns, type HeaderResult } from './job.ts';
import { startReaders } from './readers.ts';
import type { RecordWriter } from './records.ts';
import type { ShaTable } from './sha-table.ts';

/** Packs from which on threads are worth their start. */
const FEW = 3;

/** Numbers of the bytes that are wanted of each pack, by its name. */
export type PackWants = Map<string, number[]>;

export function addWant(wants: PackWants, pack: string, number: number): void {
  const held = wants.get(pack);
  if (held === undefined) wants.set(pack, [number]);
  else held.push(number);
}

/**
 * Reads packs and appends a record for each message that was found.
 * @param onRecord gets the number of the bytes and that of their record
 * @returns the numbers for which nothing could be read
 */
export async function fetchHeaders(
  options: IndexOptions,
  wants: PackWants,
  table: ShaTable,
  writer: RecordWriter,
  onRecord: (number: number, record: number) => void,
): Promise<number[]> {
  const { repository, identities, progress, signal } = options;
  const readers = startReaders(wants.size < FEW ? 0 : options.threads, identities);
  const queue = [...wants];
  const left: number[] = [];
  const take = (numbers: readonly number[], result: HeaderResult): void => {
    const { error } = result;
    if (error !== undefined && error.code !== 'damage')
      throw new MailrecoverError(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint });
    const found = new Set<number>();
    for (let at = 0, record = writer.count; at < result.shas.length; at += 32, record++) {
      const number = table.numberOf(result.shas.subarray(at, at + 32));
      found.add(number);
      onRecord(number, record);
    }
    writer.append(result);
    for (const number of numbers) if (!found.has(number)) left.push(number);
    progress.advance(numbers.length, 0);
  };
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < queue.length) {
      const id = next++;
      const [pack, numbers] = queue[id] as [string, number[]];
      signal?.throwIfAborted();
      let bytes: Buffer;
      try {
        bytes = await repository.target.get(objectPath('pack', pack));
      } catch (error) {
        if (!(error instanceof MailrecoverError) || !['not-found', 'io'].includes(error.code)) throw error;
        for (const number of numbers) left.push(number);
        continue;
      }
      const shas = Buffer.concat(numbers.map((number) => table.at(number)));
      take(numbers, await readers.run({ id, pack, bytes, shas }));
    }
  };
  try {
    await Promise.all(Array.from({ length: readers.atOnce }, work));
  } finally {
    await readers.close();
  }
  return left;
}

/** Looks for bytes in packs where nobody said that they are. */
export async function lookElsewhere(
  options: IndexOptions,
  numbers: readonly number[],
  packs: Iterable<string>,
  table: ShaTable,
): Promise<PackWants> {
  const wants: PackWants = new Map();
  const missing = new Map(numbers.map((number) => [Buffer.from(table.at(number)).toString('hex'), number]));
  for (const pack of packs) {
    if (missing.size === 0) break;
    try {
      const { entries } = await readPackTable(options.repository.target, objectPath('pack', pack), options.identities);
      for (const { sha } of entries) {
        const number = missing.get(sha);
        if (number === undefined) continue;
        addWant(wants, pack, number);
        missing.delete(sha);
      }
    } catch (error) {
      if (!(error instanceof MailrecoverError) || !['damage', 'not-found', 'io'].includes(error.code)) throw error;
    }
  }
  return wants;
}

/** Records for messages of which no header can be read. */
export function emptyRecords(numbers: readonly number[], table: ShaTable): HeaderResult {
  const columns = new RecordColumns();
  for (const number of numbers) columns.add(table.at(number), {});
  return columns.result(0);
}
