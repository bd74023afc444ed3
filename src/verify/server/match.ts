import { type ByteString, displayBytes } from '../../store/bytes.ts';
import type { Fetched } from './fetch.ts';
import type { ExpectedFolder, ExpectedMessage } from './types.ts';

/** A served message; `expected` is absent for one that nobody expects. */
export interface Pair {
  uid: number;
  served: Fetched;
  expected?: ExpectedMessage;
}

/**
 * Finds out which served message is which expected one: by what stands in the file's name, not by its UID, so that two messages whose UIDs were exchanged are
 * seen as such. Only where the server has no name for a message does its UID decide.
 */
export function pairUp(
  rows: readonly Fetched[],
  folder: ExpectedFolder,
  guids: ReadonlyMap<ByteString, string>,
): { pairs: Pair[]; missing: ExpectedMessage[] } {
  const byName = new Map<string, ExpectedMessage[]>();
  const byUid = new Map<number, ExpectedMessage>();
  for (const message of folder.messages) {
    const name = guids.get(message.base) ?? message.base;
    const same = byName.get(name);
    if (same === undefined) byName.set(name, [message]);
    else same.push(message);
    if (message.uid !== undefined) byUid.set(message.uid, message);
  }
  const taken = new Set<ExpectedMessage>();
  const pairs: Pair[] = [];
  for (const served of rows) {
    if (served.uid === undefined) continue;
    const candidates = named(served) ? (byName.get(served.guid ?? '') ?? []) : [byUid.get(served.uid)];
    const free = candidates.filter((one) => one !== undefined && !taken.has(one));
    const expected = free.find((one) => one?.uid === served.uid) ?? free[0];
    if (expected === undefined) pairs.push({ uid: served.uid, served });
    else {
      taken.add(expected);
      pairs.push({ uid: served.uid, served, expected });
    }
  }
  return { pairs, missing: folder.messages.filter((message) => !taken.has(message)) };
}

function named(served: Fetched): boolean {
  return served.guid !== undefined && served.guid !== '';
}

/** The flags of one side that the other lacks. System flags are the same in any case; `\Recent` belongs to the session. */
export function flagDifference(expected: readonly string[], served: readonly string[]): { lacks: string[]; extra: string[] } {
  const canonical = (flag: string): string => (flag.startsWith('\\') ? flag.toLowerCase() : flag);
  // Keywords come as bytes; the catalog has them as text.
  const shown = served.map(displayBytes);
  const want = new Set(expected.map(canonical));
  const have = new Set(shown.map(canonical));
  want.delete('\\recent');
  have.delete('\\recent');
  return {
    lacks: expected.filter((flag) => want.has(canonical(flag)) && !have.has(canonical(flag))),
    extra: shown.filter((flag) => have.has(canonical(flag)) && !want.has(canonical(flag))),
  };
}
