/**
 * Backups every few minutes leave many small packs. Their messages are read again from the live store and written together, as if the packs
 * were lost: this host has no key to read packs, and needs none.
 */
import type { Tally } from './read-mailboxes.ts';
import type { StateIndex } from './state/state.ts';

/** Packs from this size on (decompressed) are left as they are. */
const LARGE = 16 * 1024 * 1024;
/** Packs of one size class that are merged at once. Each message is so rewritten at most once a class. */
const TOGETHER = 8;
const SMALLEST = 64 * 1024;

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

/** Takes up how the use of packs changed. */
export function applyTally(index: StateIndex, tally: Tally): void {
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
