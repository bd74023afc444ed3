/** All indexes of a mailbox as they were at one moment. */
import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { systemCode } from '../../errors/error.ts';
import { sleep } from '../../system/clock.ts';
import type { FileSet } from '../file-set.ts';
import type { LiveStat } from '../live.ts';
import { FileOpener } from '../reach.ts';
import { liveStat, sameStat } from '../stat.ts';
import { isIndexName } from './names.ts';
import { readIndex } from './index-read.ts';
import { IndexDamage, type IndexState } from './index-state.ts';

/** Times that the indexes are read again while they change. */
const MAX_PASSES = 200;
/** Times that bytes which do not fit each other are read again: another process may be in the middle of writing. */
const MAX_TORN = 40;

export interface ReadIndexFile {
  stat: LiveStat;
  content: Buffer;
  /** Wall clock, microseconds, before it was read. */
  at: number;
}

export interface IndexCut {
  /** By the set that they lie in and their paths. */
  files: Map<FileSet, Map<string, ReadIndexFile>>;
  /** By the set and the path of the index without its ending; undefined where it can't be read as one. */
  states: Map<FileSet, Map<string, IndexState | undefined>>;
  /** Whether all of it held at one moment. */
  exact: boolean;
}

const ENDINGS = ['', '.log', '.log.2'];

/** Paths of the indexes that are listed, without `.log`. */
function indexesIn(set: FileSet): Set<string> {
  const indexes = new Set<string>();
  for (const path of set.paths()) if (isIndexName(path.slice(path.lastIndexOf('/') + 1))) indexes.add(path.replace(/\.log(\.2)?$/, ''));
  return indexes;
}

class Cut {
  readonly #set: FileSet;
  readonly #indexes: Set<string>;
  readonly files = new Map<string, ReadIndexFile>();

  constructor(set: FileSet) {
    this.#set = set;
    this.#indexes = indexesIn(set);
  }

  /** Reads what is not held as it is now. @returns how many files were read, or are gone */
  read(): number {
    const opener = new FileOpener();
    let changed = 0;
    try {
      for (const index of this.#indexes) for (const ending of ENDINGS) if (this.#readOne(`${index}${ending}`, opener)) changed++;
    } finally {
      opener.release();
    }
    return changed;
  }

  #readOne(path: string, opener: FileOpener): boolean {
    const held = this.files.get(path);
    const now = this.#set.statOf(path);
    if (now === undefined) return this.files.delete(path);
    if (held !== undefined && sameStat(held.stat, now)) return false;
    const at = this.#set.options.now();
    try {
      const fd = opener.open(this.#set.full(path));
      try {
        const stats = fstatSync(fd);
        if (!stats.isFile()) return this.files.delete(path);
        const content = readFileSync(fd);
        this.files.set(path, { stat: { ...liveStat(stats), size: content.length }, content, at });
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined) throw error;
      if (code !== 'ENOENT' && code !== 'ELOOP') this.#set.report(path, error, 'read');
      return this.files.delete(path);
    }
    return true;
  }

  /** What the indexes say. @returns how many do not fit their logs */
  parse(states: Map<string, IndexState | undefined>): number {
    let torn = 0;
    for (const path of this.#indexes) {
      const of = (ending: string): Buffer | undefined => this.files.get(`${path}${ending}`)?.content;
      try {
        const state = readIndex({ index: of(''), log: of('.log'), older: of('.log.2') });
        if (state !== undefined) states.set(path, state);
      } catch (error) {
        if (!(error instanceof IndexDamage)) throw error;
        states.set(path, undefined);
        torn++;
      }
    }
    return torn;
  }

  /** Makes sure that all is read again. */
  forget(): void {
    this.files.clear();
  }
}

/**
 * Reads all indexes again until none changed while they were read: then they held at one moment, and no message that was moved meanwhile is in
 * two folders or in none.
 */
export async function cutIndexes(sets: readonly FileSet[], signal: AbortSignal | undefined): Promise<IndexCut> {
  const cuts = new Map(sets.map((set) => [set, new Cut(set)]));
  let states: IndexCut['states'] = new Map();
  let exact = false;
  for (let pass = 1, torn = 0; pass <= MAX_PASSES; pass++) {
    signal?.throwIfAborted();
    let changed = 0;
    for (const cut of cuts.values()) changed += cut.read();
    // What was just read is proved by a second look at once.
    if (changed > 0) for (const cut of cuts.values()) if (cut.read() > 0) changed = -1;
    if (changed < 0) {
      await sleep(Math.min(20, pass));
      continue;
    }
    states = new Map();
    let unfit = 0;
    for (const [set, cut] of cuts) {
      const read = new Map<string, IndexState | undefined>();
      unfit += cut.parse(read);
      states.set(set, read);
    }
    exact = true;
    if (unfit === 0 || ++torn >= MAX_TORN) break;
    await sleep(10);
    for (const cut of cuts.values()) cut.forget();
  }
  if (!exact)
    for (const [set, cut] of cuts) {
      const read = new Map<string, IndexState | undefined>();
      cut.parse(read);
      states.set(set, read);
    }
  return { files: new Map(Array.from(cuts, ([set, cut]) => [set, cut.files])), states, exact };
}
