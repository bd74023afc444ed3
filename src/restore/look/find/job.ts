/** Reads the headers that are wanted of one pack. Synchronous; runs in a reading thread or in the main thread. */
import type { ErrorCode } from '../../../errors/codes.ts';
import { MailrecoverError } from '../../../errors/error.ts';
import type { Identity } from '../../../repository/age/keys.ts';
import { openPack, type OpenPack } from '../../../repository/pack/reader.ts';
import { release } from '../../../system/memory.ts';
import { HEAD_BYTES, readHeaders, type MessageHeaders } from '../../../store/message/headers.ts';
import { fold, foldMessageId, oneLine } from './fold.ts';
import { TEXTS } from './manifest.ts';

export interface HeaderJob {
  id: number;
  pack: string;
  bytes: Uint8Array;
  /** SHA-256 of the entries that are wanted, 32 bytes each. */
  shas: Uint8Array;
}

/** Columns of the records that were found, as they stand in the index. */
export interface HeaderResult {
  id: number;
  /** SHA-256 of the records. */
  shas: Uint8Array;
  dates: Float64Array;
  /** Where each text ends, counted from the beginning of `texts[column]`; one number a text column and record. */
  ends: Float64Array;
  texts: Uint8Array[];
  /** What ended the job early, or that nothing of the pack could be read. */
  error?: { code: ErrorCode; message: string; hint: string | undefined };
}

/** The setting of a reading thread. */
export interface ReaderSetup {
  /** Secret keys of the identities, PKCS #8 in DER; undefined for a repository in clear. */
  identities: Uint8Array[] | undefined;
}

/** Collects the columns of records. */
export class RecordColumns {
  readonly #shas: Uint8Array[] = [];
  readonly #dates: number[] = [];
  readonly #ends: number[] = [];
  readonly #texts: string[][] = TEXTS.map(() => []);
  readonly #lengths = TEXTS.map(() => 0);

  add(sha: Uint8Array, headers: Partial<MessageHeaders>): void {
    const { messageId = '', from = '', to = '', subject = '', date } = headers;
    const shown = [messageId, from, subject].map(oneLine).join('\t');
    const values = [foldMessageId(messageId), fold(from), fold(to), fold(subject), shown];
    this.#shas.push(Uint8Array.from(sha));
    this.#dates.push(date === undefined ? Number.NaN : Date.parse(date));
    for (const [column, value] of values.entries()) {
      const line = `${value}\n`;
      this.#texts[column]?.push(line);
      this.#ends.push((this.#lengths[column] = (this.#lengths[column] ?? 0) + Buffer.byteLength(line)));
    }
  }

  result(id: number): HeaderResult {
    return {
      id,
      shas: Buffer.concat(this.#shas),
      dates: Float64Array.from(this.#dates),
      ends: Float64Array.from(this.#ends),
      texts: this.#texts.map((lines) => Buffer.from(lines.join(''))),
    };
  }
}

export function runHeaderJob(job: HeaderJob, identities: readonly Identity[] | undefined): HeaderResult {
  const columns = new RecordColumns();
  const hex = Buffer.from(job.shas.buffer, job.shas.byteOffset, job.shas.byteLength).toString('hex');
  const wanted = new Set<string>();
  for (let at = 0; at < hex.length; at += 64) wanted.add(hex.slice(at, at + 64));
  let pack: OpenPack | undefined;
  try {
    pack = openPack(Buffer.from(job.bytes.buffer, job.bytes.byteOffset, job.bytes.byteLength), identities, job.pack, true);
    for (const entry of pack.table.entries) {
      if (!wanted.has(entry.sha)) continue;
      let head: Buffer;
      try {
        head = pack.head(entry, HEAD_BYTES);
      } catch (error) {
        if (error instanceof MailrecoverError && error.code === 'damage') continue;
        throw error;
      }
      columns.add(Buffer.from(entry.sha, 'hex'), readHeaders(head));
      wanted.delete(entry.sha);
    }
    return columns.result(job.id);
  } catch (error) {
    const known = error instanceof MailrecoverError;
    const message = error instanceof Error ? error.message : String(error);
    return { ...columns.result(job.id), error: { code: known ? error.code : 'bug', message, hint: known ? error.hint : undefined } };
  } finally {
    pack?.close();
    release(job.bytes);
  }
}
