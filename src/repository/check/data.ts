/** Reading every object and comparing its SHA-256 with its name: needs no key. */
import { createHash } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import type { Progress } from '../../system/progress.ts';
import { inParallel } from '../in-parallel.ts';
import type { Target } from '../target.ts';
import type { Ledger } from './ledger.ts';
import type { Listing } from './listing.ts';

/** Bytes asked for at once. */
const STEP = 8 * 1024 * 1024;

/** SHA-256 of an object as it is stored, and how many bytes it has, in pieces of constant memory. */
async function hashObject(target: Target, path: string): Promise<{ sha: string; size: number }> {
  const hash = createHash('sha256');
  for (let at = 0; ; at += STEP) {
    const piece = await target.getRange(path, at, at + STEP);
    hash.update(piece);
    if (piece.length < STEP) return { sha: hash.digest('hex'), size: at + piece.length };
  }
}

const NAMED_BY_HASH = new Set(['pack', 'tags', 'catalog']);

/** Paths of the packs, tags and catalogs of a listing. */
export function dataObjects(listing: Listing): string[] {
  return [...listing.kinds].filter(([, kind]) => NAMED_BY_HASH.has(kind)).map(([path]) => path);
}

/** Reads all packs, tags and catalogs, and notes those whose bytes are not what their names say. */
export async function checkData(target: Target, listing: Listing, ledger: Ledger, progress: Progress, signal?: AbortSignal): Promise<void> {
  const paths = dataObjects(listing);
  progress.phase('reading objects', { items: paths.length, bytes: paths.reduce((sum, path) => sum + (listing.sizes.get(path) ?? 0), 0) });
  await inParallel(paths, 4, async (path) => {
    signal?.throwIfAborted();
    try {
      const { sha, size } = await hashObject(target, path);
      progress.advance(1, size);
      if (!path.slice(path.lastIndexOf('/') + 1).startsWith(sha))
        ledger.damaged(path, 'has other bytes than its name says', { hint: STORE_AGAIN });
    } catch (error) {
      if (!(error instanceof MailrecoverError) || error.code === 'unreachable' || error.code === 'key') throw error;
      if (error.code === 'not-found') ledger.missing(path, STORE_MISSING);
      else ledger.damaged(path, `can not be read: ${error.message}`, { hint: STORE_AGAIN });
    }
  });
}

/** What to do about an object that is named by its hash. */
export const STORE_AGAIN =
  "put it back from another copy of the repository; or move it away, then 'mailrecover backup' stores again what of it still lies in the mail store";
/** The same for one that is not there. */
export const STORE_MISSING =
  "put it back from another copy of the repository; 'mailrecover backup' stores again what of it still lies in the mail store";
