/** The files of one tree of a store whose formats keep messages in files of several, as they are captured. */
import type { Finding } from '../errors/finding.ts';
import { systemCode } from '../errors/error.ts';
import { unreadable } from './links.ts';
import type { ContentReader, LiveArea, LiveDir, LiveFile, LiveStat, ReadRequest } from './live.ts';
import { folderOf, listDirectory, readLink, type Listing } from './maildir/listing.ts';
import { liveStat, lstatIfThere, provesStill, sameStat } from './stat.ts';

/** Files that are asked for at once. */
const BATCH = 256;

export interface FileSetOptions {
  /** Absolute. */
  root: string;
  prior: LiveArea | undefined;
  deep: boolean;
  /** Microseconds. */
  settle: number;
  now: () => number;
  lost: (place: number) => boolean;
  read: ContentReader;
  /** How a file is cut. */
  kindOf: (path: string) => ReadRequest['kind'];
  isLeftOut: (name: string, type: 'file' | 'directory') => boolean;
  /** Files that never change under their name, as long as inode and times are the same. */
  isFixed?: (name: string) => boolean;
  /** The one file of the directory that counts; the directory itself belongs to others, too. */
  only?: string;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`;
}

export class FileSet {
  readonly findings: Finding[] = [];
  readonly options: FileSetOptions;
  listings = new Map<string, Listing>();
  readonly #files = new Map<string, LiveFile>();
  readonly #unreadable = new Set<string>();

  constructor(options: FileSetOptions) {
    this.options = options;
  }

  full(path: string): string {
    return path === '' ? this.options.root : `${this.options.root}/${path}`;
  }

  report(path: string, error: unknown, action: string): void {
    if (this.#unreadable.has(path)) return;
    this.#unreadable.add(path);
    this.findings.push(unreadable(error, action, this.full(path)));
  }

  /** Whether the tree is there at all. */
  get present(): boolean {
    return this.listings.has('');
  }

  /** Lists all directories anew. */
  list(): void {
    const { now, isLeftOut, only } = this.options;
    if (only !== undefined) {
      this.listings = this.#listOnly(only);
      return;
    }
    const listings = new Map<string, Listing>();
    const queue = [''];
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      let listing: Listing | undefined;
      try {
        listing = listDirectory(this.full(path), path, false, now, isLeftOut);
      } catch (error) {
        if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') continue;
        this.report(path, error, 'list');
        // What was seen of it stays.
        listing = this.listings.get(path);
      }
      if (listing === undefined) continue;
      listings.set(path, listing);
      for (const name of listing.directories) queue.push(join(path, name));
    }
    this.listings = listings;
  }

  #listOnly(name: string): Map<string, Listing> {
    const root = this.statOf('');
    if (root === undefined) return new Map();
    const files = lstatIfThere(this.full(name))?.isFile() === true ? [name] : [];
    const stat = { ...root, mtime: 0, ctime: 0, ino: 0, size: 0 };
    return new Map([['', { stat, at: this.options.now(), directories: [], files, links: [], messages: new Map(), special: [] }]]);
  }

  /** Paths of all files that are listed. */
  *paths(): Generator<string> {
    for (const [dir, { files }] of this.listings) for (const name of files) yield join(dir, name);
  }

  file(path: string): LiveFile | undefined {
    return this.#files.get(path);
  }

  statOf(path: string): LiveStat | undefined {
    const stats = lstatIfThere(this.full(path));
    return stats === undefined ? undefined : liveStat(stats);
  }

  /**
   * Captures files, and forgets all others. Those whose stat did not change since they were read are left alone.
   */
  async capture(paths: Iterable<string>): Promise<void> {
    const all = new Set(paths);
    for (const path of this.#files.keys()) if (!all.has(path)) this.#files.delete(path);
    await this.read([...all].filter((path) => !this.carry(path)));
  }

  /** Reads files, whatever is held of them. */
  async read(wanted: readonly string[]): Promise<void> {
    const batches: Promise<void>[] = [];
    for (let at = 0; at < wanted.length; at += BATCH) batches.push(this.#readBatch(wanted.slice(at, at + BATCH)));
    await Promise.all(batches);
  }

  async #readBatch(paths: readonly string[]): Promise<void> {
    const { read, kindOf, now, settle } = this.options;
    const at = now();
    const outcomes = await read(paths.map((path) => ({ path: this.full(path), kind: kindOf(path) })));
    for (const [index, path] of paths.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) continue;
      if ('parts' in outcome) this.#take(path, { ...outcome, settled: provesStill(outcome.stat, at, settle) });
      else this.missed(path, outcome.error);
    }
  }

  #take(path: string, file: LiveFile): void {
    const fixed = this.options.isFixed?.(path.slice(path.lastIndexOf('/') + 1)) === true;
    this.#files.set(path, fixed ? { ...file, settled: true, fixed } : file);
  }

  /** A file could not be read: what was known of it stays, unless it is gone. */
  missed(path: string, code: string): void {
    this.#files.delete(path);
    // Taken away, or being written: the caller looks again for what it needs.
    if (['ENOENT', 'ENOTDIR', 'EBUSY'].includes(code)) return;
    if (code !== 'EAGAIN') this.report(path, Object.assign(new Error(code), { code }), 'read');
    const before = this.#before(path);
    if (before !== undefined && !before.parts.some((part) => this.options.lost(part.place)))
      this.#files.set(path, { ...before, settled: false });
  }

  #before(path: string): LiveFile | undefined {
    return this.options.prior?.dirs.get(folderOf(path))?.files.get(path.slice(path.lastIndexOf('/') + 1));
  }

  /** Takes over what is known of a file that did not change, or is gone. @returns false where it has to be read */
  carry(path: string): boolean {
    const { deep, lost } = this.options;
    const stat = this.statOf(path);
    if (stat === undefined) {
      this.#files.delete(path);
      return true;
    }
    const held = this.#files.get(path);
    // What holds messages only grows: a size that is the same says the same bytes, however fresh they are.
    if (held !== undefined) return (held.settled || held.records !== undefined) && sameStat(held.stat, stat);
    const before = this.#before(path);
    if (before === undefined || deep || !before.settled || !sameStat(before.stat, stat) || before.parts.some((part) => lost(part.place)))
      return false;
    this.#files.set(path, before);
    return true;
  }

  /** Stores bytes that were read already. */
  async give(given: readonly { path: string; content: Buffer; stat: LiveStat; at: number }[]): Promise<void> {
    const { read, settle } = this.options;
    const wanted = given.filter(({ path, stat }) => {
      const before = this.#before(path);
      // The very bytes that were stored before, as far as stats tell.
      if (before === undefined || this.options.deep || !before.settled || !sameStat(before.stat, stat)) return true;
      if (before.parts.some((part) => this.options.lost(part.place))) return true;
      this.#files.set(path, before);
      return false;
    });
    const outcomes = await read(
      wanted.map(({ path, content, stat }) => ({ path: this.full(path), kind: 'file', given: { content, stat } })),
    );
    for (const [index, { path, at }] of wanted.entries()) {
      const outcome = outcomes[index];
      if (outcome !== undefined && 'parts' in outcome)
        this.#files.set(path, { ...outcome, settled: provesStill(outcome.stat, at, settle) });
    }
  }

  /** What was captured, as the backup keeps it. */
  result(): LiveArea {
    const dirs = new Map<string, LiveDir>();
    for (const [path, listing] of this.listings) {
      const dir: LiveDir = {
        stat: listing.stat,
        settled: provesStill(listing.stat, listing.at, this.options.settle) && !this.#unreadable.has(path),
        files: new Map(),
        links: new Map(),
        messages: new Map(),
      };
      for (const name of listing.files) {
        const file = this.#files.get(join(path, name));
        if (file !== undefined) dir.files.set(name, file);
      }
      for (const name of listing.links) this.#takeLink(path, name, dir);
      dirs.set(path, dir);
    }
    for (const path of this.#unreadable) {
      const dir = dirs.get(folderOf(path));
      if (dir !== undefined) dir.settled = false;
    }
    return { dirs };
  }

  #takeLink(dir: string, name: string, into: LiveDir): void {
    const path = join(dir, name);
    try {
      const stat = this.statOf(path);
      if (stat !== undefined) into.links.set(name, { to: readLink(this.full(path)), stat });
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'EINVAL') this.report(path, error, 'read the link');
    }
  }
}
