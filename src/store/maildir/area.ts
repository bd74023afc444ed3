/** Reads one area of a live mailbox: its directories, messages, files and links. */
import type { Finding } from '../../errors/finding.ts';
import { systemCode } from '../../errors/error.ts';
import { displayBytes } from '../bytes.ts';
import { unreadable } from '../links.ts';
import type { ContentReader, LiveArea, LiveDir, LiveFile, LiveStat } from '../live.ts';
import { liveStat, lstatIfThere, provesStill, sameStat } from '../stat.ts';
import { folderOf, messageDirectory, readLink, type Listing } from './listing.ts';
import { CapturedMessages } from './messages.ts';
import { ListedTree, type TreeOptions } from './tree.ts';

export interface AreaOptions extends TreeOptions {
  /** Microseconds that a change must be past before a time stamp proves that nothing changed since. */
  settle: number;
  read: ContentReader;
  /** Places whose content is no longer stored: what lies there is read again. */
  lost: (place: number) => boolean;
}

/**
 * Reads one area of a live mailbox. A single pass over a Maildir that is being used loses mail (files are
 * renamed under the walk), so the caller lists again, by {@link list}, until nothing moves any more; each call
 * reads again only the directories whose time stamps do not prove that they stand still.
 */
export class AreaReader {
  readonly findings: Finding[] = [];
  readonly tree: ListedTree;
  readonly messages: CapturedMessages;
  readonly #options: AreaOptions;
  readonly #files = new Map<string, LiveFile>();
  readonly #unreadable = new Set<string>();

  constructor(options: AreaOptions) {
    this.#options = options;
    this.tree = new ListedTree(options, (path, error) => this.#report(path, error, 'list'));
    this.messages = new CapturedMessages(options, this.tree, (path, code) => this.#report(path, withCode(code), 'read'));
  }

  #full(path: string): string {
    return path === '' ? this.#options.root : `${this.#options.root}/${path}`;
  }

  #report(path: string, error: unknown, action: string): void {
    if (this.#unreadable.has(path)) return;
    this.#unreadable.add(path);
    this.findings.push(unreadable(error, action, this.#full(path)));
  }

  /** Lists what may have changed since the last call. @returns as {@link ListedTree.list} */
  list(): number {
    const moved = this.tree.list();
    this.messages.countAbsent();
    return moved;
  }

  /** Whether the area is there at all. */
  get present(): boolean {
    return this.tree.listings.has('');
  }

  #statOf(path: string): LiveStat | undefined {
    const stats = lstatIfThere(this.#full(path));
    return stats === undefined ? undefined : liveStat(stats);
  }

  /**
   * Reads the files that are no messages, in the order given by `rank` (low first).
   * Those whose stat did not change since they were read are left alone.
   */
  async captureFiles(rank: (name: string) => number): Promise<void> {
    const paths: { path: string; rank: number }[] = [];
    const present = new Set<string>();
    for (const [dir, listing] of this.tree.listings) {
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
        if (outcome.error !== 'ENOENT' && outcome.error !== 'ENOTDIR') this.#report(path, withCode(outcome.error), 'read');
        continue;
      }
      this.#files.set(path, { ...outcome, settled: provesStill(outcome.stat, at, this.#options.settle) });
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
    const before = prior?.dirs.get(folderOf(path))?.files.get(path.slice(path.lastIndexOf('/') + 1));
    if (before === undefined || deep || !before.settled || !sameStat(before.stat, stat) || before.parts.some((part) => lost(part.place)))
      return false;
    this.#files.set(path, before);
    return true;
  }

  /** What was captured of a file; its content can only be had from the caller's store. */
  file(path: string): LiveFile | undefined {
    return this.#files.get(path);
  }

  /** Whether the files for which `which` is true are still as they were captured. */
  filesStand(which: (name: string) => boolean): boolean {
    for (const [path, { stat }] of this.#files) {
      if (!which(path.slice(path.lastIndexOf('/') + 1))) continue;
      const now = this.#statOf(path);
      if (now === undefined || !sameStat(now, stat)) return false;
    }
    return true;
  }

  /** What was read, as the backup keeps it. */
  result(): LiveArea {
    const dirs = new Map<string, LiveDir>();
    for (const [path, listing] of this.tree.listings) {
      const dir: LiveDir = {
        stat: listing.stat,
        settled: provesStill(listing.stat, listing.at, this.#options.settle) && this.#isComplete(path, listing),
        files: new Map(),
        links: new Map(),
        messages: this.messages.folders.get(path) ?? new Map(),
      };
      for (const name of listing.files) {
        const file = this.#files.get(path === '' ? name : `${path}/${name}`);
        if (file !== undefined) dir.files.set(name, file);
      }
      for (const name of listing.links) this.#takeLink(path, name, dir);
      for (const name of listing.special) this.#reportSpecial(path === '' ? name : `${path}/${name}`);
      dirs.set(path, dir);
    }
    for (const path of this.#unreadable) {
      // It must be looked at again next time, and so must the directory that holds it.
      for (const each of [path, folderOf(path)]) {
        const dir = dirs.get(each);
        if (dir !== undefined) dir.settled = false;
      }
    }
    return { dirs };
  }

  /** Whether what was captured is what the listing shows; else the time stamps of the directory say nothing about it. */
  #isComplete(path: string, listing: Listing): boolean {
    const where = this.#options.maildir ? messageDirectory(path) : undefined;
    if (where === undefined || this.messages.isWhole(folderOf(path))) return true;
    const captured = this.messages.folders.get(folderOf(path));
    for (const [base, flags] of listing.messages) {
      const message = captured?.get(base);
      // What is in `cur` as well counts there.
      if (message === undefined || (message.in === where && message.flags !== flags)) return false;
    }
    for (const [base, message] of captured ?? []) if (message.in === where && !listing.messages.has(base)) return false;
    return true;
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
    this.findings.push({
      severity: 'info',
      code: 'special-file',
      message: `'${subject}' is neither a file nor a directory and is left out`,
      subject,
    });
  }
}

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code });
}
