/** What changed since the last snapshot, and which messages of it were not stored yet. */
import { basename } from 'node:path';
import type { NewMessage } from './stage.ts';

/** So many names are kept at most; what is beyond them comes with the next snapshot. */
const LIMIT = 100_000;

export class Changes {
  /** Paths of mailboxes. */
  changed = new Set<string>();
  /** A mailbox came or went, or there was more than could be kept: all are to be looked at. */
  everything = false;
  #waiting = new Map<string, NewMessage>();
  /** Base names of messages that were stored since the last snapshot: a flag that changes makes them no new ones. */
  #stored = new Set<string>();
  /** When the first of those that wait came, on the monotonic clock. */
  #since: number | undefined;

  /** When the first of the messages that wait was noticed; undefined while none waits. */
  get since(): number | undefined {
    return this.#since;
  }

  get isEmpty(): boolean {
    return this.changed.size === 0 && !this.everything;
  }

  message(mailbox: string, path: string, at: number): void {
    this.changed.add(mailbox);
    const base = baseOf(mailbox, path);
    if (this.#stored.has(base) || this.#waiting.size >= LIMIT) return;
    this.#waiting.set(base, { mailbox, path });
    this.#since ??= at;
  }

  /** The messages that wait; they wait no longer. */
  take(): NewMessage[] {
    const files = [...this.#waiting.values()];
    this.#waiting = new Map();
    this.#since = undefined;
    return files;
  }

  /** They are stored. */
  stored(files: readonly NewMessage[]): void {
    if (this.#stored.size + files.length > LIMIT) this.#stored.clear();
    for (const { mailbox, path } of files) this.#stored.add(baseOf(mailbox, path));
  }

  /** They could not be stored, and wait again. */
  giveBack(files: readonly NewMessage[], at: number): void {
    for (const { mailbox, path } of files) this.message(mailbox, path, at);
  }

  /** Those that wait are not tried before that time. */
  delay(until: number): void {
    if (this.#since !== undefined) this.#since = until;
  }

  /** A snapshot begins: what changed up to now will be in it. */
  begin(): { changed: Set<string>; everything: boolean } {
    const begun = { changed: this.changed, everything: this.everything };
    this.changed = new Set();
    this.everything = false;
    this.#stored.clear();
    return begun;
  }

  /** The snapshot did not come about. */
  failed({ changed, everything }: { changed: Set<string>; everything: boolean }): void {
    for (const mailbox of changed) this.changed.add(mailbox);
    this.everything ||= everything;
  }
}

/** A message is known by what stands before the `:` of its name. */
function baseOf(mailbox: string, path: string): string {
  return `${mailbox}\0${basename(path).split(':', 1)[0] ?? ''}`;
}
