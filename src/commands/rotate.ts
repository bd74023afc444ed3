/** What `verify` does beside proving: choosing the mailboxes of this night, and writing down what was proved. */
import { ioError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { chooseRotation, proofsFile, readProofs, recordProof, seeMailboxes, writeProofs, type ProofLevel } from '../schedule/rotation.ts';
import { isoTime, now } from '../system/clock.ts';

export interface ProofBook {
  /** The mailboxes of this night, of all that the snapshot holds. */
  choose(names: readonly string[]): string[];
  /**
   * Writes down how it ended; where that can't be written, the proof is good all the same.
   * @param how `whole`: these are all mailboxes of the snapshot
   */
  record(names: readonly string[], how: { good: boolean; whole: boolean }): Promise<Finding | undefined>;
}

/** @param days within which every mailbox is to have its turn; undefined where all of them, or named ones, are proved */
export function proofBook(
  place: { state: string; repository: string; host: string },
  level: ProofLevel,
  days: number | undefined,
): ProofBook {
  const file = proofsFile(place.state, place.repository, place.host);
  const proofs = readProofs(file);
  return {
    choose(names) {
      seeMailboxes(proofs, names, now());
      return days === undefined ? [...names] : chooseRotation(proofs, days, now());
    },
    async record(names, { good, whole }) {
      const time = now();
      if (whole) seeMailboxes(proofs, names, time);
      recordProof(proofs, names, level, good, time);
      if (days !== undefined) proofs.rotated = isoTime(time);
      try {
        await writeProofs(file, proofs);
        return undefined;
      } catch (error) {
        return {
          severity: 'warning',
          code: 'proof-not-kept',
          message: `which mailboxes were proved could not be written down: ${ioError(error, 'write', file).message}`,
          hint: 'until it can be, the same mailboxes are proved each night',
          subject: file,
        };
      }
    },
  };
}
