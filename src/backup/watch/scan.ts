/** Looking for changes without events: the times of directories, and the names in those that changed. For where watches run out, and network file systems. */
import { lstatSync, readdirSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { join } from 'node:path';
import { leftOut } from '../../store/maildir/leftout.ts';
import { now } from '../../system/clock.ts';
import { isMessageDirectory } from './places.ts';

/** Directories looked at between two pauses in which timers and signals get their turn. */
const PAUSE_EVERY = 256;
const SETTLED_MS = 3000;

interface Directory {
  /** undefined while it proves nothing. */
  mtime: number | undefined;
  /** Names of directories in it; absent for those that hold messages. */
  folders?: string[];
}

export interface ScanEvents {
  message(mailbox: string, path: string): void;
  changed(mailbox: string): void;
}

export class Scanner {
  readonly #events: ScanEvents;
  #known = new Map<string, Directory>();
  #steps = 0;

  constructor(events: ScanEvents) {
    this.#events = events;
  }

  /** Looks at these mailboxes once; the first time, everything counts as known. */
  async scan(mailboxes: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const before = this.#known;
    const first = before.size === 0;
    this.#known = new Map();
    for (const mailbox of mailboxes) await this.#look(mailbox, mailbox, before, first, signal);
  }

  async #look(
    mailbox: string,
    path: string,
    before: Map<string, Directory>,
    first: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (++this.#steps % PAUSE_EVERY === 0) await turn();
    signal?.throwIfAborted();
    const stat = lstatSync(path, { throwIfNoEntry: false });
    const old = before.get(path);
    if (stat?.isDirectory() !== true) {
      if (old !== undefined) this.#events.changed(mailbox);
      return;
    }
    // A directory that changed just now may change again within one tick of its clock without showing it.
    const settled = now() - stat.mtimeMs > SETTLED_MS;
    const mtime = settled ? stat.mtimeMs : undefined;
    const holdsMessages = path !== mailbox && isMessageDirectory(path.slice(path.lastIndexOf('/') + 1));
    const same = mtime !== undefined && old?.mtime === mtime;
    if (holdsMessages) {
      this.#known.set(path, { mtime });
      if (first || same) return;
      this.#events.changed(mailbox);
      for (const name of readdirSync(path)) this.#events.message(mailbox, join(path, name));
      return;
    }
    const folders = same && old.folders !== undefined ? old.folders : foldersIn(path);
    this.#known.set(path, { mtime, folders });
    if (!first && !same) this.#events.changed(mailbox);
    for (const name of folders) await this.#look(mailbox, join(path, name), before, first, signal);
  }
}

function foldersIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== 'tmp' && leftOut(entry.name, 'directory') === undefined)
      .map(({ name }) => name);
  } catch {
    return [];
  }
}
