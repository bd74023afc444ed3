/** The messages of one area of a live store that were captured so far. */
import { lstatIfThere, liveStat, sameBytes } from '../stat.ts';
import { RenamedMessage, type ContentReader, type LiveArea, type LiveMessage, type LiveStat } from '../live.ts';
import { holdsOnlyFlags } from './names.ts';
import type { ListedTree, Seen } from './tree.ts';

/** Files of one mailbox are asked for in batches of this many. */
const BATCH = 256;
/** A rename can hide a file from a listing, and two renames from two: what is absent so many times in a row is gone. */
const GONE = 3;
/** And so many times where it would be lost if it was not. */
const SURELY_GONE = 6;

export interface MessagesOptions {
  root: string;
  prior: LiveArea | undefined;
  /** Stat every file, whatever its name says. */
  deep: boolean;
  read: ContentReader;
  /** Places whose content is no longer stored: what lies there is read again. */
  lost: (place: number) => boolean;
}

interface Wanted extends Seen {
  folder: string;
  base: string;
  path: string;
}

function messagePath(folder: string, base: string, where: Seen['in'], flags: string): string {
  return `${folder === '' ? '' : `${folder}/`}${where}/${base}${flags}`;
}

/** One name of a file: between which listings it was seen. */
interface FileName {
  folder: string;
  base: string;
  first: number;
  last: number;
  /** Listings since the last. */
  times: number;
  captured: boolean;
}

/**
 * Names that were given up for others. Each name goes on from the one that was seen last before it, so that names that were seen side by
 * side are never taken for one message. For a name that was not captured the one that it may have come from stays.
 */
function earlierNames(names: readonly FileName[]): FileName[] {
  const kept = new Set<FileName>();
  const byEnd = names.filter(({ captured, times }) => captured && times > 0).toSorted((a, b) => b.last - a.last);
  for (const name of byEnd.slice(0, names.filter(({ captured }) => !captured).length)) kept.add(name);
  const chains: FileName[][] = [];
  for (const name of names.filter(({ captured }) => captured).toSorted((a, b) => a.first - b.first || a.last - b.last)) {
    let best: FileName[] | undefined;
    for (const chain of chains) {
      const end = chain.at(-1);
      if (end !== undefined && !kept.has(end) && end.last <= name.first && end.last > (best?.at(-1)?.last ?? -1)) best = chain;
    }
    if (best === undefined) chains.push([name]);
    else best.push(name);
  }
  return chains.flatMap((chain) => chain.slice(0, -1));
}

export class CapturedMessages {
  /** By folder and base name. Those of an unchanged folder may be the prior backup's own. */
  readonly folders = new Map<string, Map<string, LiveMessage>>();
  /** Folders that are taken over from the prior backup as they were: not to be written to. */
  readonly #shared = new Set<string>();
  readonly #options: MessagesOptions;
  readonly #tree: ListedTree;
  readonly #report: (path: string, code: string) => void;
  /** How many listings in a row did not show a captured message, by folder and base name. */
  readonly #absent = new Map<string, Map<string, number>>();
  /** After how many listings a message was captured, where it was not after the first. */
  readonly #first = new Map<string, number>();
  #listings = 0;
  /** Listings that were compared with what is captured, and those of which all is captured. */
  readonly #counted = new Map<string, ReturnType<ListedTree['listingsOf']>>();
  readonly #complete = new Map<string, ReturnType<ListedTree['listingsOf']>>();
  #pending = 0;
  #inodes: Map<number, LiveMessage> | undefined;
  /** What {@link holdsOnlyFlags} says of those met so far. */
  readonly #plain = new Map<string, boolean>();

  /** @param report gets messages that can't be read */
  constructor(options: MessagesOptions, tree: ListedTree, report: (path: string, code: string) => void) {
    this.#options = options;
    this.#tree = tree;
    this.#report = report;
  }

  /** How many messages the last {@link capture} found listed, but no longer under the name that was listed. */
  get pending(): number {
    return this.#pending;
  }

  /** Takes up which captured messages the latest listings do not show; to be called once after each of them. */
  countAbsent(): void {
    this.#listings++;
    for (const [folder, captured] of this.folders) {
      const before = this.#absent.get(folder);
      if (before?.size === 0 && this.#isSame(this.#counted, folder)) continue;
      const absent = new Map<string, number>();
      if (!this.isWhole(folder))
        for (const base of captured.keys()) if (!this.#tree.shows(folder, base)) absent.set(base, (before?.get(base) ?? 0) + 1);
      this.#absent.set(folder, absent);
    }
  }

  /** Whether the listings of a folder are those that were looked at before; takes note of them. */
  #isSame(before: Map<string, ReturnType<ListedTree['listingsOf']>>, folder: string): boolean {
    const now = this.#tree.listingsOf(folder);
    const known = before.get(folder);
    before.set(folder, now);
    return known !== undefined && known[0] === now[0] && known[1] === now[1];
  }

  /** Whether what is captured of a folder is exactly what its latest listings show. */
  isWhole(folder: string): boolean {
    const complete = this.#complete.get(folder);
    const now = this.#tree.listingsOf(folder);
    if (complete === undefined || complete[0] !== now[0] || complete[1] !== now[1]) return false;
    // All that is listed is captured; so nothing else is where they are as many.
    return this.#shared.has(folder) || this.folders.get(folder)?.size === this.#tree.countOf(folder);
  }

  /** Whether the latest listing did not show it; what was not captured is never absent. */
  isAbsent(folder: string, base: string): boolean {
    return this.#absent.get(folder)?.has(base) === true;
  }

  /**
   * Gives up what was taken away meanwhile.
   * @param exact whether all listings held at one moment: then absent is gone; else only what was absent several times in a row.
   * In that case all that is listed must be captured after this, since it may have been moved there.
   */
  dropGone(exact: boolean): void {
    for (const [folder, absent] of this.#absent)
      for (const [base, times] of absent) if (exact || times >= SURELY_GONE) this.#drop(folder, base);
  }

  #drop(folder: string, base: string): void {
    if (this.folders.has(folder)) this.#writable(folder).delete(base);
    this.#absent.get(folder)?.delete(base);
  }

  /**
   * Drops what was captured twice because it was moved from one folder to another meanwhile: a name that is gone, of a file that got another
   * name when, or after, that one was seen last. A copy is another name of the same file, too, but one that was seen beside it.
   * @param hasUid whether a message has a UID in the list that is kept
   * @returns how many may be such that the listings so far do not tell
   */
  dropMoved(hasUid: (folder: string, base: string) => boolean): number {
    let unsure = 0;
    for (const names of this.#namesOfGone().values()) {
      const gone = names.filter(({ times }) => times > 0);
      const alone = gone.length === names.length && names.length === 1;
      // A message that was taken away just now, and is in the list: it was there when that was read.
      if (alone && gone.every(({ folder, base }) => hasUid(folder, base))) continue;
      if (gone.some(({ times }) => times < (alone ? SURELY_GONE : GONE))) unsure++;
      else if (alone) for (const { folder, base } of gone) this.#drop(folder, base);
      else for (const { folder, base } of earlierNames(names)) this.#drop(folder, base);
    }
    return unsure;
  }

  /** All names of the files of which a captured name is gone, those that were not captured included. */
  #namesOfGone(): Map<number, FileName[]> {
    const files = new Map<number, FileName[]>();
    for (const [folder, absent] of this.#absent)
      for (const base of absent.keys()) {
        const message = this.folders.get(folder)?.get(base);
        if (message !== undefined) files.set(message.stat.ino, []);
      }
    if (files.size === 0) return files;
    for (const [folder, captured] of this.folders)
      for (const [base, { stat }] of captured) {
        const times = this.#absent.get(folder)?.get(base) ?? 0;
        files
          .get(stat.ino)
          ?.push({ folder, base, times, first: this.#first.get(`${folder}/${base}`) ?? 0, last: this.#listings - times, captured: true });
      }
    for (const folder of this.#tree.folders())
      this.#tree.eachMessage(folder, (base, where, flags) => {
        if (this.folders.get(folder)?.has(base) === true) return;
        const stat = this.#statOf(messagePath(folder, base, where, flags));
        if (stat !== undefined)
          files.get(stat.ino)?.push({ folder, base, times: 0, first: this.#listings, last: this.#listings, captured: false });
      });
    return files;
  }

  /** Captures the messages that the listings show and that are not captured yet, and takes up new flags of the others. */
  async capture(): Promise<void> {
    this.#pending = 0;
    const wanted: Wanted[] = [];
    for (const folder of this.#tree.folders()) {
      if (!this.folders.has(folder)) {
        if (this.#takeUnchanged(folder)) continue;
        this.folders.set(folder, new Map());
      }
      if (this.#isSame(this.#complete, folder)) continue;
      const captured = this.#writable(folder);
      const prior = this.#options.prior?.dirs.get(folder)?.messages;
      this.#tree.eachMessage(folder, (base, where, flags) => {
        const held = captured.get(base);
        if (held !== undefined) {
          if (held.in !== where || held.flags !== flags) captured.set(base, new RenamedMessage(where, flags, undefined, held));
          return;
        }
        const before = prior?.get(base);
        const carried = this.#carrySame(before, where, flags) ?? this.#carry(messagePath(folder, base, where, flags), where, flags, before);
        if (carried === 'vanished') this.#vanished(folder);
        else if (carried === undefined) {
          this.#complete.delete(folder);
          wanted.push({ folder, base, in: where, flags, path: messagePath(folder, base, where, flags) });
        } else this.#take(captured, folder, base, carried);
      });
    }
    const batches: Promise<void>[] = [];
    for (let at = 0; at < wanted.length; at += BATCH) batches.push(this.#readBatch(wanted.slice(at, at + BATCH)));
    await Promise.all(batches);
  }

  /**
   * Takes a folder in which nothing changed over as the prior backup knew it, without looking at its messages one by one: that halves the
   * time of a backup after a quiet day. @returns whether that could be done
   */
  #takeUnchanged(folder: string): boolean {
    const { prior, lost } = this.#options;
    const messages = prior?.dirs.get(folder)?.messages;
    const listings = this.#tree.listingsOf(folder);
    if (messages === undefined || this.#listings > 1 || !listings.every((listing) => listing?.unchanged === true)) return false;
    for (const { place } of messages.values()) if (lost(place)) return false;
    this.folders.set(folder, messages);
    this.#shared.add(folder);
    this.#complete.set(folder, listings);
    return true;
  }

  /** The messages of a folder, to be changed. */
  #writable(folder: string): Map<string, LiveMessage> {
    const held = this.folders.get(folder);
    if (held !== undefined && !this.#shared.has(folder)) return held;
    const messages = new Map(held);
    this.folders.set(folder, messages);
    this.#shared.delete(folder);
    return messages;
  }

  #vanished(folder: string): void {
    this.#pending++;
    this.#complete.delete(folder);
    this.#tree.distrust(folder);
  }

  async #readBatch(wanted: readonly Wanted[]): Promise<void> {
    const outcomes = await this.#options.read(wanted.map(({ path }) => ({ path: `${this.#options.root}/${path}`, kind: 'message' })));
    for (const [index, want] of wanted.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) continue;
      if ('error' in outcome) {
        if (outcome.error === 'ENOENT' || outcome.error === 'ENOTDIR') this.#vanished(want.folder);
        else this.#report(want.path, outcome.error);
        continue;
      }
      const [part] = outcome.parts;
      if (part === undefined) continue;
      this.#take(this.#writable(want.folder), want.folder, want.base, {
        in: want.in,
        flags: want.flags,
        stat: outcome.stat,
        sha: part.sha,
        place: part.place,
      });
    }
  }

  #take(captured: Map<string, LiveMessage>, folder: string, base: string, message: LiveMessage): void {
    captured.set(base, message);
    if (this.#listings > 1) this.#first.set(`${folder}/${base}`, this.#listings);
  }

  /**
   * The message as a prior backup knew it, where it has the very same name, or one with other flags: content never changes under a base
   * name in a Maildir. Other letters than those of flags are another matter: who compresses a message in place adds a `Z`.
   */
  #carrySame(prior: LiveMessage | undefined, where: Seen['in'], flags: string): LiveMessage | undefined {
    const { deep, lost } = this.#options;
    if (prior === undefined || deep || lost(prior.place)) return undefined;
    const before = prior.flags;
    if (prior.in === where && before === flags) return prior;
    return this.#isPlain(before) && this.#isPlain(flags) ? new RenamedMessage(where, flags, undefined, prior) : undefined;
  }

  #isPlain(flags: string): boolean {
    let plain = this.#plain.get(flags);
    if (plain === undefined) this.#plain.set(flags, (plain = holdsOnlyFlags(flags)));
    return plain;
  }

  /** The message as a prior backup knew it, where its bytes need not be read again. */
  #carry(path: string, where: Seen['in'], flags: string, prior: LiveMessage | undefined): LiveMessage | 'vanished' | undefined {
    const { lost } = this.#options;
    if (prior !== undefined && !lost(prior.place)) {
      const stat = this.#statOf(path);
      if (stat === undefined) return 'vanished';
      return sameBytes(stat, prior.stat) ? new RenamedMessage(where, flags, stat, prior) : undefined;
    }
    if (prior !== undefined || this.#options.prior === undefined) return undefined;
    // A name that is new here: perhaps moved, or copied as a hard link, from another folder of this mailbox.
    const stat = this.#statOf(path);
    if (stat === undefined) return 'vanished';
    const twin = this.#byInode().get(stat.ino);
    // Inode numbers are used again, and appended mail has the time that the client asks for: only the birth time tells files apart.
    const same = twin !== undefined && stat.birth !== 0 && sameBytes(stat, twin.stat);
    return same && !lost(twin.place) ? new RenamedMessage(where, flags, stat, twin) : undefined;
  }

  #statOf(path: string): LiveStat | undefined {
    const stats = lstatIfThere(`${this.#options.root}/${path}`);
    return stats === undefined ? undefined : liveStat(stats);
  }

  #byInode(): Map<number, LiveMessage> {
    if (this.#inodes === undefined) {
      this.#inodes = new Map();
      for (const dir of this.#options.prior?.dirs.values() ?? [])
        for (const message of dir.messages.values()) this.#inodes.set(message.ino ?? message.stat.ino, message);
    }
    return this.#inodes;
  }
}
