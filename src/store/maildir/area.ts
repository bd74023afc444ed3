import type { Finding } from '../../errors/finding.ts';
import { ioError, systemCode } from '../../errors/error.ts';
import { displayBytes } from '../bytes.ts';
import type { ContentReader, LiveArea, LiveDir, LiveFile, LiveMessage, LiveStat, ReadRequest } from '../live.ts';
import { liveStat, lstatIfThere, sameBytes, sameStat } from '../stat.ts';
import { folderOf, listDirectory, messageDirectory, readLink, type Listing } from './listing.ts';

/** Files of one mailbox are asked for in batches of this many. */
const BATCH = 256;
/** File times are as coarse as the kernel's tick: a listing this soon after a change may have missed another. */
const TICK = 20_000;

export interface AreaOptions {
  /** Absolute path of the area's root. */
  root: string;
  /** Whether it is a Maildir, or a plain tree of files (control files, Sieve). */
  maildir: boolean;
  prior: LiveArea | undefined;
  /** List and stat everything, whatever the directories' times say. */
  deep: boolean;
  /** Microseconds that a change must be past before a time stamp proves that nothing changed since. */
  settle: number;
  read: ContentReader;
  /** Wall clock, microseconds. */
  now: () => number;
  /** Places whose content is no longer stored: what lies there is read again. */
  lost: (place: number) => boolean;
  /** Which top-level names belong to the area; all where absent. */
  only?: (name: string) => boolean;
}

/**
 * Reads one area of a live mailbox. A single pass over a Maildir that is being used loses mail (files are
 * renamed under the walk), so the caller lists again, by {@link list}, until nothing moves any more; each call
 * reads again only the directories whose time stamps do not prove that they stand still.
 */
export class AreaReader {
  readonly findings: Finding[] = [];
  readonly #options: AreaOptions;
  readonly #listings = new Map<string, Listing>();
  readonly #messages = new Map<string, Map<string, LiveMessage>>();
  readonly #absent = new Map<string, Map<string, number>>();
  readonly #files = new Map<string, LiveFile>();
  readonly #unreadable = new Set<string>();
  readonly #restless = new Set<string>();
  #inodes: Map<number, LiveMessage> | undefined;

  constructor(options: AreaOptions) {
    this.#options = options;
  }

  #full(path: string): string {
    return path === '' ? this.#options.root : `${this.#options.root}/${path}`;
  }

  #report(path: string, error: unknown, action: string): void {
    if (this.#unreadable.has(path)) return;
    this.#unreadable.add(path);
    const subject = displayBytes(this.#full(path));
    this.findings.push({ severity: 'error', code: 'unreadable', message: ioError(error, action, subject).message, subject });
  }

  /**
   * Lists what may have changed since the last call (at first: since the prior backup).
   * @returns the number of directories in which something may have moved meanwhile; 0 once all stands still
   */
  list(): number {
    const seen = new Set<string>();
    const queue = [''];
    let moved = 0;
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      const before = this.#listings.get(path);
      const { listing, fresh } = this.#listOne(path, before);
      if (listing === undefined) continue;
      seen.add(path);
      if (fresh) moved++;
      for (const name of listing.directories) queue.push(path === '' ? name : `${path}/${name}`);
    }
    for (const path of this.#listings.keys()) {
      if (seen.has(path)) continue;
      this.#listings.delete(path);
      moved++;
    }
    this.#countAbsent();
    return moved;
  }

  /** Lists one directory, unless its time stamps prove that the listing at hand still holds. */
  #listOne(path: string, before: Listing | undefined): { listing: Listing | undefined; fresh: boolean } {
    const full = this.#full(path);
    try {
      if (before !== undefined && !this.#restless.has(path)) {
        const stats = lstatIfThere(full);
        const still = stats !== undefined && stats.isDirectory() && sameStat(liveStat(stats), before.stat);
        if (still && before.at - Math.max(before.stat.mtime, before.stat.ctime) > TICK) return { listing: before, fresh: false };
      }
      const listing = (before === undefined ? this.#fromPrior(path) : undefined) ?? listDirectory(full, path, this.#options.maildir, this.#options.now);
      this.#restless.delete(path);
      if (listing === undefined) return { listing, fresh: true };
      if (path === '' && this.#options.only !== undefined) keepOnly(listing, this.#options.only);
      this.#listings.set(path, listing);
      return { listing, fresh: true };
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return { listing: undefined, fresh: true };
      this.#report(path, error, 'list');
      return { listing: undefined, fresh: false };
    }
  }

  /** A listing made from the prior backup, where the directory's time stamps prove that nothing changed in it. */
  #fromPrior(path: string): Listing | undefined {
    const prior = this.#options.prior?.dirs.get(path);
    if (prior === undefined || !prior.settled || this.#options.deep) return undefined;
    const at = this.#options.now();
    const stats = lstatIfThere(this.#full(path));
    if (stats === undefined || !sameStat(liveStat(stats), prior.stat)) return undefined;
    const listing: Listing = {
      stat: liveStat(stats),
      at,
      directories: [],
      files: [...prior.files.keys()],
      links: [...prior.links.keys()],
      messages: new Map(),
      special: [],
    };
    const where = this.#options.maildir ? messageDirectory(path) : undefined;
    if (where !== undefined)
      for (const [base, message] of this.#options.prior?.dirs.get(folderOf(path))?.messages ?? [])
        if (message.in === where) listing.messages.set(base, message.flags);
    listing.directories = this.#priorChildren().get(path) ?? [];
    return listing;
  }

  #children: Map<string, string[]> | undefined;
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

  /** Messages of a folder as the latest listings show them. */
  #listed(folder: string): Map<string, { in: 'cur' | 'new'; flags: string }> {
    const all = new Map<string, { in: 'cur' | 'new'; flags: string }>();
    for (const where of ['new', 'cur'] as const) {
      const listing = this.#listings.get(folder === '' ? where : `${folder}/${where}`);
      for (const [base, flags] of listing?.messages ?? []) all.set(base, { in: where, flags });
    }
    return all;
  }

  #folders(): Set<string> {
    const folders = new Set<string>();
    if (this.#options.maildir) for (const path of this.#listings.keys()) if (path !== '' && messageDirectory(path) !== undefined) folders.add(folderOf(path));
    return folders;
  }

  /** A captured message is given up only when two listings in a row do not show it: a rename can hide a file from one. */
  #countAbsent(): void {
    for (const [folder, captured] of this.#messages) {
      const listed = this.#listed(folder);
      const absent = this.#absent.get(folder) ?? new Map<string, number>();
      this.#absent.set(folder, absent);
      for (const base of captured.keys()) {
        if (listed.has(base)) {
          absent.delete(base);
          continue;
        }
        const times = (absent.get(base) ?? 0) + 1;
        if (times >= 2) {
          captured.delete(base);
          absent.delete(base);
        } else {
          absent.set(base, times);
          this.#disturb(folder);
        }
      }
    }
  }

  #disturb(folder: string): void {
    for (const where of ['cur', 'new']) this.#restless.add(folder === '' ? where : `${folder}/${where}`);
  }

  /** Whether some directory must be listed again whatever its time stamps say. */
  get restless(): boolean {
    return this.#restless.size > 0;
  }

  /**
   * Captures the messages that the listings show and that are not captured yet.
   * @param known only base names for which it is true are taken; all where absent
   */
  async captureMessages(known?: (folder: string, base: string) => boolean): Promise<void> {
    const wanted: { folder: string; base: string; in: 'cur' | 'new'; flags: string; path: string }[] = [];
    for (const folder of this.#folders()) {
      let captured = this.#messages.get(folder);
      if (captured === undefined) this.#messages.set(folder, (captured = new Map()));
      const prior = this.#options.prior?.dirs.get(folder)?.messages;
      for (const [base, place] of this.#listed(folder)) {
        const held = captured.get(base);
        if (held !== undefined) {
          if (held.in !== place.in || held.flags !== place.flags) captured.set(base, { ...held, in: place.in, flags: place.flags });
          continue;
        }
        if (known !== undefined && !known(folder, base)) continue;
        const path = `${folder === '' ? '' : `${folder}/`}${place.in}/${base}${place.flags}`;
        const carried = this.#carry(path, place, prior?.get(base));
        if (carried === 'vanished') this.#disturb(folder);
        else if (carried === undefined) wanted.push({ folder, base, ...place, path });
        else captured.set(base, carried);
      }
    }
    const batches: Promise<void>[] = [];
    for (let at = 0; at < wanted.length; at += BATCH) batches.push(this.#readMessages(wanted.slice(at, at + BATCH)));
    await Promise.all(batches);
  }

  async #readMessages(wanted: readonly { folder: string; base: string; in: 'cur' | 'new'; flags: string; path: string }[]): Promise<void> {
    const requests: ReadRequest[] = wanted.map(({ path }) => ({ path: this.#full(path), kind: 'message' }));
    const outcomes = await this.#options.read(requests);
    for (const [index, want] of wanted.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) continue;
      if ('error' in outcome) {
        if (outcome.error === 'ENOENT') this.#disturb(want.folder);
        else this.#report(want.path, Object.assign(new Error(outcome.error), { code: outcome.error }), 'read');
        continue;
      }
      const [part] = outcome.parts;
      if (part === undefined) continue;
      this.#messages.get(want.folder)?.set(want.base, { in: want.in, flags: want.flags, stat: outcome.stat, sha: part.sha, place: part.place });
    }
  }

  /** The message as a prior backup knew it, where its bytes need not be read again. */
  #carry(path: string, place: { in: 'cur' | 'new'; flags: string }, prior: LiveMessage | undefined): LiveMessage | 'vanished' | undefined {
    const { deep, lost } = this.#options;
    if (prior !== undefined && !lost(prior.place)) {
      // The very same name: content never changes under a name in a Maildir.
      if (!deep && prior.in === place.in && prior.flags === place.flags) return prior;
      const stat = this.#statOf(path);
      if (stat === undefined) return 'vanished';
      return sameBytes(stat, prior.stat) ? { ...prior, ...place, stat } : undefined;
    }
    if (prior !== undefined || this.#options.prior === undefined) return undefined;
    // A name that is new here: perhaps moved, or copied as a hard link, from another folder of this mailbox.
    const stat = this.#statOf(path);
    if (stat === undefined) return 'vanished';
    const twin = this.#byInode().get(stat.ino);
    return twin !== undefined && sameBytes(stat, twin.stat) && !lost(twin.place) ? { ...twin, ...place, stat } : undefined;
  }

  #statOf(path: string): LiveStat | undefined {
    const stats = lstatIfThere(this.#full(path));
    return stats === undefined ? undefined : liveStat(stats);
  }

  #byInode(): Map<number, LiveMessage> {
    if (this.#inodes === undefined) {
      this.#inodes = new Map();
      for (const dir of this.#options.prior?.dirs.values() ?? []) for (const message of dir.messages.values()) this.#inodes.set(message.stat.ino, message);
    }
    return this.#inodes;
  }

  /**
   * Reads the files that are no messages, in the order given by `rank` (low first).
   * Those whose stat did not change since they were read are left alone.
   */
  async captureFiles(rank: (name: string) => number): Promise<void> {
    const paths: { path: string; rank: number }[] = [];
    const present = new Set<string>();
    for (const [dir, listing] of this.#listings) {
      for (const name of listing.files) {
        const path = dir === '' ? name : `${dir}/${name}`;
        present.add(path);
        paths.push({ path, rank: rank(name) });
      }
    }
    for (const path of this.#files.keys()) if (!present.has(path)) this.#files.delete(path);
    const ranks = [...new Set(paths.map((entry) => entry.rank))].sort((a, b) => a - b);
    for (const each of ranks) await this.#readFiles(paths.filter((entry) => entry.rank === each).map((entry) => entry.path));
  }

  async #readFiles(paths: readonly string[]): Promise<void> {
    const wanted = paths.filter((path) => !this.#carryFile(path));
    const at = this.#options.now();
    const outcomes = wanted.length === 0 ? [] : await this.#options.read(wanted.map((path) => ({ path: this.#full(path), kind: 'file' })));
    for (const [index, path] of wanted.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) continue;
      if ('error' in outcome) {
        this.#files.delete(path);
        if (outcome.error !== 'ENOENT') this.#report(path, Object.assign(new Error(outcome.error), { code: outcome.error }), 'read');
        continue;
      }
      const settled = at - Math.max(outcome.stat.mtime, outcome.stat.ctime) > this.#options.settle;
      this.#files.set(path, { ...outcome, settled });
    }
  }

  #carryFile(path: string): boolean {
    const { prior, deep, lost } = this.#options;
    const stat = this.#statOf(path);
    if (stat === undefined) {
      this.#files.delete(path);
      return true;
    }
    const held = this.#files.get(path);
    if (held !== undefined) return held.settled && sameStat(held.stat, stat);
    const dir = folderOf(path);
    const before = prior?.dirs.get(dir)?.files.get(path.slice(path.lastIndexOf('/') + 1));
    if (before === undefined || deep || !before.settled || !sameStat(before.stat, stat) || before.parts.some((part) => lost(part.place))) return false;
    this.#files.set(path, before);
    return true;
  }

  /** Content of a captured file can only be had from the caller's store; this says which parts it has. */
  file(path: string): LiveFile | undefined {
    return this.#files.get(path);
  }

  /**
   * Where nothing came to rest: drops a message that is no longer under its name, when the same file was captured elsewhere.
   */
  dropMoved(): void {
    const newest = new Map<number, number>();
    for (const captured of this.#messages.values()) for (const { stat } of captured.values()) newest.set(stat.ino, (newest.get(stat.ino) ?? 0) + 1);
    for (const [folder, captured] of this.#messages)
      for (const [base, message] of captured)
        if ((newest.get(message.stat.ino) ?? 0) > 1 && this.#statOf(`${folder === '' ? '' : `${folder}/`}${message.in}/${base}${message.flags}`) === undefined) {
          captured.delete(base);
          newest.set(message.stat.ino, (newest.get(message.stat.ino) ?? 1) - 1);
        }
  }

  /** What was read, as the backup keeps it. */
  result(): LiveArea {
    const dirs = new Map<string, LiveDir>();
    for (const [path, listing] of this.#listings) {
      const settled = listing.at - Math.max(listing.stat.mtime, listing.stat.ctime) > this.#options.settle && !this.#restless.has(path);
      const dir: LiveDir = { stat: listing.stat, settled, files: new Map(), links: new Map(), messages: this.#messages.get(path) ?? new Map() };
      for (const name of listing.files) {
        const file = this.#files.get(path === '' ? name : `${path}/${name}`);
        if (file !== undefined) dir.files.set(name, file);
      }
      for (const name of listing.links) this.#takeLink(path, name, dir);
      for (const name of listing.special) this.#reportSpecial(path === '' ? name : `${path}/${name}`);
      dirs.set(path, dir);
    }
    this.#unsettleIncomplete(dirs);
    return { dirs };
  }

  /** A directory in which something could not be read must be looked at again next time. */
  #unsettleIncomplete(dirs: Map<string, LiveDir>): void {
    for (const path of this.#unreadable) {
      const dir = dirs.get(folderOf(path));
      if (dir !== undefined) dir.settled = false;
    }
    for (const [path, listing] of this.#listings) {
      const captured = this.#messages.get(folderOf(path));
      const dir = dirs.get(path);
      if (dir !== undefined && listing.messages.size > 0 && [...listing.messages.keys()].some((base) => captured?.has(base) !== true)) dir.settled = false;
    }
  }

  #takeLink(dir: string, name: string, into: LiveDir): void {
    const path = dir === '' ? name : `${dir}/${name}`;
    try {
      const stat = this.#statOf(path);
      if (stat !== undefined) into.links.set(name, { to: readLink(this.#full(path)), stat });
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'EINVAL') this.#report(path, error, 'read the link');
    }
  }

  #reportSpecial(path: string): void {
    const subject = displayBytes(this.#full(path));
    this.findings.push({ severity: 'info', code: 'special-file', message: `'${subject}' is neither a file nor a directory and is left out`, subject });
  }
}

function keepOnly(listing: Listing, only: (name: string) => boolean): void {
  listing.directories = listing.directories.filter(only);
  listing.files = listing.files.filter(only);
  listing.links = listing.links.filter(only);
  listing.special = [];
}
