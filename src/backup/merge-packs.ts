/**
 * Backups every few minutes leave many small packs. Their messages are read again from the live store and written together, as if the packs
 * were lost: this host has no key to read packs, and needs none.
 */
import type { Tally } from './read-mailboxes.ts';
import { eachPlace } from './mailboxes.ts';
import { DamagedState, mailboxKey, type StateDirectory, type StateIndex } from './state/state.ts';

/** Packs from this size on (decompressed) are left as they are. */
const LARGE = 16 * 1024 * 1024;
/** Packs of one size class that are merged at once. Each message is so rewritten at most once a class. */
const TOGETHER = 8;
/** Below TOGETHER times this lies the lowest class. Were it wider, the same mail would be written again each time that a few more small packs are there. */
const SMALLEST = 4 * 1024;

function sizeClass(raw: number): number {
  return Math.max(0, Math.floor(Math.log(raw / SMALLEST) / Math.log(TOGETHER)));
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
      eachPlace(area, (place) => {
        const pack = index.packs[place];
        if (pack === null || pack === undefined) return;
        pack.live++;
        if (pack.mailboxes !== undefined && pack.mailboxes.at(-1) !== key) pack.mailboxes.push(key);
      });
  }
  if (damaged.size > 0) throw new DamagedState(damaged);
}
