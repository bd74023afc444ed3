/**
 * Backups every few minutes leave many small packs. Their messages are read again from the live store and written together, as if the packs
 * were lost: this host has no key to read packs, and needs none.
 */
import type { Tally } from './run.ts';
import { eachPlace } from './mailboxes.ts';
import { DamagedState, mailboxKey, type MailboxState, type StateDirectory, type StateIndex } from './state/state.ts';

/** Packs from this size on (decompressed) are left as they are. */
const LARGE = 16 * 1024 * 1024;
/** Packs of one size class that are merged at once. Each message is so rewritten at most once a class. */
const TOGETHER = 8;
/** Below TOGETHER times this lies the lowest class. Were it wider, the same mail would be written again each time that a few more small packs are there. */
const SMALLEST = 4 * 1024;

function sizeClass(raw: number): number {
  return Math.max(0, Math.floor(Math.log(raw / SMALLEST) / Math.log(TOGETHER)));
}

/** A pack of this many bytes as stored is taken for a full one, where nobody knows how large it was: mail hardly shrinks to a sixteenth. */
const STORED_LARGE = 1024 * 1024;

/**
 * How large a pack counts that is known by its tags alone, decompressed. Too small a guess would have full packs merged: all mail would be read and
 * stored once more by the backup after the one that found the local state lost.
 */
export function rawOfAdopted(size: number): number {
  return size >= STORED_LARGE ? LARGE : size * 4;
}

/** Numbers of the packs that this run should write together anew. */
export function packsToMerge(index: StateIndex): Set<number> {
  const classes = new Map<number, number[]>();
  for (const [number, pack] of index.packs.entries()) {
    if (pack === null || pack.live <= 0 || pack.raw >= LARGE || pack.mailboxes === undefined) continue;
    const key = sizeClass(pack.raw);
    classes.set(key, [...(classes.get(key) ?? []), number]);
  }
  const chosen = new Set<number>();
  for (const numbers of classes.values()) if (numbers.length >= TOGETHER) for (const number of numbers) chosen.add(number);
  return chosen;
}

/**
 * A pack of which less than this part of the entries is needed is written anew: what the newest snapshot needs then has at most about twice its size.
 * With mail of which most lives a few days that stored 11 % more in a hundred nights, and 3.9 times the live mail was needed at most, in place of 6.9.
 */
const SPARSE = 0.5;
/** Decompressed bytes of sparse packs that one run takes up, so that none takes much longer than others. */
const SPARSE_AT_ONCE = 1024 * 1024 * 1024;

/**
 * Numbers of the packs of which so little is still needed that it should be written anew: prune removes whole packs alone, and has no key
 * to look into them. For runs that list everything as it is. How often an entry is used stands for how many are, so packs with messages
 * that lie in many folders may stay.
 */
export function sparsePacks(index: StateIndex): Set<number> {
  const sparse = [...index.packs.entries()].flatMap(([number, pack]) =>
    pack !== null && pack.live > 0 && pack.entries !== undefined && pack.live < pack.entries * SPARSE
      ? [{ number, raw: pack.raw, share: pack.live / pack.entries }]
      : [],
  );
  const chosen = new Set<number>();
  let bytes = 0;
  for (const { number, raw } of sparse.sort((a, b) => a.share - b.share)) {
    if ((bytes += raw) > SPARSE_AT_ONCE && chosen.size > 0) break;
    chosen.add(number);
  }
  return chosen;
}

/**
 * Takes up how the use of packs changed.
 * @throws DamagedState where all must be counted anew, and what is kept of some mailboxes can't be read
 */
export function applyTally(state: StateDirectory, index: StateIndex, tally: Tally): void {
  if (tally.broken) {
    countAnew(state, index);
    return;
  }
  for (const [number, change] of tally.live) {
    const pack = index.packs[number];
    if (pack !== null && pack !== undefined) pack.live += change;
  }
  for (const [number, owners] of tally.owners) {
    const pack = index.packs[number];
    if (pack === null || pack === undefined || pack.raw >= LARGE) continue;
    pack.mailboxes = [...new Set([...(pack.mailboxes ?? []), ...owners])];
  }
}

/** Counts the use of packs from what is kept of the mailboxes: with a mailbox whose state was damaged, what it used before is not known. */
function countAnew(state: StateDirectory, index: StateIndex): void {
  const damaged = new Set<string>();
  for (const pack of index.packs) {
    if (pack === null) continue;
    pack.live = 0;
    if (pack.raw < LARGE) pack.mailboxes = [];
  }
  for (const mailbox of index.mailboxes) {
    const key = mailboxKey(mailbox);
    const areas = state.loadMailbox(mailbox);
    if (areas === undefined) damaged.add(key);
    for (const area of areas ?? [])
      eachPlace(area, (place, count) => {
        const pack = index.packs[place];
        if (pack === null || pack === undefined) return;
        pack.live += count;
        if (pack.mailboxes !== undefined && pack.mailboxes.at(-1) !== key) pack.mailboxes.push(key);
      });
  }
  if (damaged.size > 0) throw new DamagedState(damaged);
}

/** Whether something of a mailbox lies in one of these packs. */
export function usesPacks(index: StateIndex, packs: ReadonlySet<number>, prior: MailboxState): boolean {
  for (const number of packs) {
    const pack = index.packs[number];
    if (pack === null || pack === undefined || pack.live <= 0) continue;
    if (pack.mailboxes === undefined || pack.mailboxes.includes(mailboxKey(prior))) return true;
  }
  return false;
}
