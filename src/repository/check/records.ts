/** Records: each one's hash and signature, and what they say of snapshots that are not there. */
import { MailrecoverError } from '../../errors/error.ts';
import { decodeRecord, parseRecordPath, type StoredRecord } from '../care/record.ts';
import { mergeSpans, spansOf, type Span } from '../retention/spans.ts';
import { hostFingerprint } from '../signing.ts';
import type { Target } from '../target.ts';
import type { Ledger } from './ledger.ts';
import type { Listing } from './listing.ts';
import { readObject } from './small.ts';
import type { SnapshotHead } from './snapshots.ts';

const FORGED = 'find out who wrote it; nothing follows what it says';

/**
 * Reads every record. One that is damaged, or signed by a key that nobody here trusts and that signed no snapshot, is noted.
 * @returns those that can be read
 */
export async function checkRecords(
  target: Target,
  listing: Listing,
  heads: readonly SnapshotHead[],
  trusted: ReadonlySet<string>,
  ledger: Ledger,
): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  const writers = new Set(heads.map(({ key }) => key));
  for (const [path, kind] of listing.kinds) {
    const ref = kind === 'record' ? parseRecordPath(path) : undefined;
    if (ref === undefined) continue;
    const bytes = await readObject(target, path, ledger);
    if (bytes === undefined) continue;
    try {
      const record = decodeRecord(bytes, ref);
      if (trusted.has(record.key) || writers.has(record.key)) records.push(record);
      else ledger.damaged(path, `is signed by a key that nobody trusts here: ${record.key}`, { hint: FORGED });
    } catch (error) {
      if (!(error instanceof MailrecoverError)) throw error;
      ledger.damaged(path, `can not be believed: ${error.message}`, { hint: FORGED });
    }
  }
  return records;
}

/** What is not there on purpose. A chain's own key, and keys that are trusted, may say so. */
export function forgottenSpans(records: readonly StoredRecord[], trusted: ReadonlySet<string>): Span[] {
  return mergeSpans(
    records
      .filter(({ kind }) => kind === 'forget')
      .flatMap((record) => spansOf(record).filter(({ chain }) => trusted.has(record.key) || hostFingerprint(record.key) === chain)),
  );
}
