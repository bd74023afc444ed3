/**
 * How a lock is taken, one step on the file system after the other. Each `yield` is a place where other processes may go ahead, or this one may
 * die; tests try all of them.
 *
 * The lock is a file that gets its name by link(2), so one of many gets it. Each has an id that no other ever has, and while its process lives,
 * nobody but that process takes it away. One whose process is dead is replaced by rename(2), by whoever first put a *claim* on its id, by link(2)
 * again. A claim whose process is dead is overcome by a claim on the claim's id, and so on: whoever holds the last one of such a chain is the only
 * living process that may replace the lock. It looks once more whether the lock is still that one: ids do not come back, so if it is, nobody else can
 * change it; if not, the claims mean nothing any more.
 */

/** Who holds a lock, as its file says. */
export interface Holder {
  pid: number;
  start: string;
  since: string;
  what: string;
  /** No other lock ever has it. */
  id: string;
  /** Of the machine; absent where it has none. */
  machine?: string;
}

/** What is done on the file system; names are those behind that of the lock. */
export interface LockFiles {
  /** Writes a file that has this name and no other. */
  write: (suffix: string, holder: Holder) => void;
  /** @returns whether the name was free; undefined where the file itself is gone */
  link: (from: string, to: string) => boolean | undefined;
  /** @returns whether the file was there */
  rename: (from: string, to: string) => boolean;
  remove: (suffix: string) => void;
  /** Who holds what has this name: undefined where nothing has. What nobody can read has a holder that is dead. */
  read: (suffix: string) => Holder | undefined;
  isAlive: (holder: Holder) => boolean;
  /** Names of claims that are there. */
  claims: () => string[];
}

export const CLAIM = '.dead-';

/** How the attempt ended: taken, held by another, or so many others at it at once that it was given up. */
export type Outcome = { taken: true } | { taken: false; by: Holder | undefined };

const ATTEMPTS = 8;

/** @param own suffix of a file that no other process uses */
export function* takeSteps(files: LockFiles, own: string, mine: Holder): Generator<string, Outcome> {
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      yield 'write';
      files.write(own, mine);
      yield 'link';
      const linked = files.link(own, '');
      if (linked === true) return { taken: true };
      if (linked === undefined) continue;
      yield 'read';
      const held = files.read('');
      if (held === undefined) continue;
      if (files.isAlive(held)) return { taken: false, by: held };
      const outcome = yield* replaceSteps(files, own, held);
      if (outcome !== undefined) return outcome;
    }
    return { taken: false, by: undefined };
  } finally {
    files.remove(own);
  }
}

/** Replaces the lock of a dead process. @returns undefined where it is no longer there */
function* replaceSteps(files: LockFiles, own: string, dead: Holder): Generator<string, Outcome | undefined> {
  let claim = CLAIM + dead.id;
  for (;;) {
    yield 'claim';
    const won = files.link(own, claim);
    if (won === undefined) return undefined;
    if (won) break;
    yield 'read claim';
    const claimant = files.read(claim);
    // It was taken away: whoever held it is through.
    if (claimant === undefined) return undefined;
    if (files.isAlive(claimant)) return { taken: false, by: claimant };
    claim = CLAIM + claimant.id;
  }
  let replaced = false;
  try {
    yield 'read again';
    const isStill = files.read('')?.id === dead.id;
    yield 'rename';
    replaced = isStill && files.rename(own, '');
  } finally {
    // A claim of a living process that wants nothing any more would be in the way of all others.
    if (!replaced) files.remove(claim);
  }
  if (!replaced) return undefined;
  // As long as this lock is held, no claim that is there means anything: the locks that they are on are gone.
  yield 'look for claims';
  for (const old of files.claims()) {
    yield 'remove claim';
    files.remove(old);
  }
  return { taken: true };
}

/** Gives back the lock: while its process lives nobody else takes it away. */
export function* releaseSteps(files: LockFiles, mine: Holder): Generator<string, void> {
  yield 'read own';
  if (files.read('')?.id !== mine.id) return;
  yield 'remove';
  files.remove('');
}
