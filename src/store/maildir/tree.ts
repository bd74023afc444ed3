/** The directories of one area of a live store, listed again wherever something may have moved. */
import { systemCode } from '../../errors/error.ts';
import type { LiveArea, LiveDir } from '../live.ts';
import { liveStat, lstatIfThere, provesStill, sameStat } from '../stat.ts';
import { folderOf, listDirectory, messageDirectory, type Listing } from './listing.ts';

/** File times are as coarse as the kernel's tick, which comes late where the machine is busy: a listing this soon after a change may have missed another. */
const TICK = 100_000;

export interface TreeOptions {
  /** Absolute path of the area's root. */
  root: string;
  /** Whether it is a Maildir, or a plain tree of files (control files, Sieve). */
  maildir: boolean;
  prior: LiveArea | undefined;
  /** List everything, whatever the directories' times say. */
  deep: boolean;
  /** Wall clock, microseconds. */
  now: () => number;
  /** Which top-level names belong to the area; all where absent. */
  only?: (name: string) => boolean;
}

/** Where a listing shows a message. */
export interface Seen {
  in: 'cur' | 'new';
  flags: string;
}

export class ListedTree {
  readonly listings = new Map<string, Listing>();
  readonly #options: TreeOptions;
  readonly #report: (path: string, error: unknown) => void;
  readonly #distrusted = new Set<string>();
  #children: Map<string, string[]> | undefined;

  /** @param report gets directories that can't be listed */
  constructor(options: TreeOptions, report: (path: string, error: unknown) => void) {
    this.#options = options;
    this.#report = report;
  }

  #full(path: string): string {
    return path === '' ? this.#options.root : `${this.#options.root}/${path}`;
  }

  /**
   * Lists what may have changed since the last call (at first: since the prior backup).
   * @returns the number of directories in which something may have moved meanwhile. When it is 0 all listings held at one and the same
   * moment, the one at which this call began: each was taken before, and its directory had not changed after.
   */
  list(): number {
    const seen = new Set<string>();
    const queue = [''];
    let moved = 0;
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      const before = this.listings.get(path);
      const listing = this.#listOne(path, before);
      if (listing === undefined) continue;
      seen.add(path);
      if (listing !== before && (before === undefined || messageDirectory(path) !== undefined || !sameNames(before, listing))) moved++;
      // Mail goes from `new` to `cur`: listed in this order it is seen at least once.
      const inOrder = listing.directories.toSorted((a, b) => Number(a === 'new') - Number(b === 'new'));
      for (const name of inOrder) queue.push(path === '' ? name : `${path}/${name}`);
    }
    for (const path of this.listings.keys()) {
      if (seen.has(path)) continue;
      this.listings.delete(path);
      moved++;
    }
    return moved;
  }

  /** Lists one directory, unless its time stamps prove that the listing at hand still holds. */
  #listOne(path: string, before: Listing | undefined): Listing | undefined {
    const full = this.#full(path);
    try {
      if (before !== undefined && !this.#distrusted.has(path) && provesStill(before.stat, before.at, TICK)) {
        const stats = lstatIfThere(full);
        if (stats !== undefined && stats.isDirectory() && sameStat(liveStat(stats), before.stat)) return before;
      }
      const { maildir, now, only } = this.#options;
      const listing = (before === undefined ? this.#fromPrior(path) : undefined) ?? listDirectory(full, path, maildir, now);
      if (listing === undefined) return undefined;
      this.#distrusted.delete(path);
      if (path === '' && only !== undefined) keepOnly(listing, only);
      this.listings.set(path, listing);
      return listing;
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      this.#report(path, error);
      // What was seen of it stays.
      return before;
    }
  }

  /** A listing made from the prior backup, where the directory's time stamps prove that nothing changed in it. */
  #fromPrior(path: string): Listing | undefined {
    const prior = this.#options.prior?.dirs.get(path);
    if (prior === undefined || !prior.settled || this.#options.deep) return undefined;
    const at = this.#options.now();
    const stats = lstatIfThere(this.#full(path));
    if (stats === undefined || !sameStat(liveStat(stats), prior.stat)) return undefined;
    const where = this.#options.maildir ? messageDirectory(path) : undefined;
    const before = this.#options.prior?.dirs.get(folderOf(path))?.messages;
    let messages: ReadonlyMap<string, string> | undefined;
    return {
      stat: liveStat(stats),
      at,
      directories: this.#priorChildren().get(path) ?? [],
      files: [...prior.files.keys()],
      links: [...prior.links.keys()],
      /** Made only where it is needed: of a folder in which nothing changed it is not. */
      get messages() {
        return (messages ??= messagesIn(before, where));
      },
      unchanged: true,
      special: [],
    };
  }

  #priorChildren(): Map<string, string[]> {
    if (this.#children === undefined) {
      this.#children = new Map();
      for (const path of this.#options.prior?.dirs.keys() ?? []) {
        if (path === '') continue;
        const parent = folderOf(path);
        const held = this.#children.get(parent);
        const name = path.slice(path.lastIndexOf('/') + 1);
        if (held === undefined) this.#children.set(parent, [name]);
        else held.push(name);
      }
    }
    return this.#children;
  }

  /** Something showed that the listings of a folder no longer hold: they are taken anew whatever the times say. */
  distrust(folder: string): void {
    for (const where of ['cur', 'new']) {
      const path = folder === '' ? where : `${folder}/${where}`;
      if (this.listings.has(path)) this.#distrusted.add(path);
    }
  }

  /** Goes through the messages of a folder as the latest listings show them; one that is in both counts in `cur`. */
  eachMessage(folder: string, visit: (base: string, where: Seen['in'], flags: string) => void): void {
    const [fresh, seen] = this.listingsOf(folder);
    for (const [base, flags] of fresh?.messages ?? []) if (seen?.messages.has(base) !== true) visit(base, 'new', flags);
    for (const [base, flags] of seen?.messages ?? []) visit(base, 'cur', flags);
  }

  /** How many {@link eachMessage} visits. */
  countOf(folder: string): number {
    const [fresh, seen] = this.listingsOf(folder);
    let count = seen?.messages.size ?? 0;
    for (const base of fresh?.messages.keys() ?? []) if (seen?.messages.has(base) !== true) count++;
    return count;
  }

  /** Whether the latest listings of a folder show a message. */
  shows(folder: string, base: string): boolean {
    const [fresh, seen] = this.listingsOf(folder);
    return seen?.messages.has(base) === true || fresh?.messages.has(base) === true;
  }

  /** The listings that {@link eachMessage} goes by: as long as they are the same objects it gives the same. */
  listingsOf(folder: string): readonly [Listing | undefined, Listing | undefined] {
    const below = folder === '' ? '' : `${folder}/`;
    return [this.listings.get(`${below}new`), this.listings.get(`${below}cur`)];
  }

  /** Folders that hold a `cur` or a `new`. */
  folders(): Set<string> {
    const folders = new Set<string>();
    if (this.#options.maildir)
      for (const path of this.listings.keys()) if (path !== '' && messageDirectory(path) !== undefined) folders.add(folderOf(path));
    return folders;
  }
}

function messagesIn(folder: LiveDir['messages'] | undefined, where: Seen['in'] | undefined): Map<string, string> {
  const messages = new Map<string, string>();
  for (const [base, message] of folder ?? []) if (message.in === where) messages.set(base, message.flags);
  return messages;
}

/** Whether two listings of a directory that holds no messages show the same: Dovecot's locks and indexes come and go there all the time. */
function sameNames(a: Listing, b: Listing): boolean {
  return a.stat.ino === b.stat.ino && same(a.directories, b.directories) && same(a.files, b.files) && same(a.links, b.links);
}

function same(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  const names = new Set(a);
  return b.every((name) => names.has(name));
}

function keepOnly(listing: Listing, only: (name: string) => boolean): void {
  listing.directories = listing.directories.filter(only);
  listing.files = listing.files.filter(only);
  listing.links = listing.links.filter(only);
  listing.special = [];
}
