/** Two copies of a mailbox that are changed apart from each other, in memory. */
import fc from 'fast-check';
import type { MergePlan } from '../../../src/standby/merge/merge.ts';
import type { MailboxState, MessageState } from '../../../src/standby/merge/state.ts';

export interface Stored extends MessageState {
  uid: number;
  flags: string[];
  /** What its bytes are; twice the same for copies. */
  content: string;
}

interface Folder {
  uidValidity: number;
  nextUid: number;
  messages: Map<string, Stored>;
}

export type Copy = Map<string, Folder>;

/** In microseconds. */
const SECOND = 1_000_000;
const FOLDERS = ['', '.Archive', '.Trash'];
const FLAGS = ['\\Seen', '\\Flagged', '\\Answered', '\\Deleted', 'Work', '$Forwarded'];

export type Change =
  | { kind: 'deliver'; folder: number }
  | { kind: 'expunge'; pick: number }
  | { kind: 'move'; pick: number; folder: number }
  | { kind: 'copy'; pick: number; folder: number }
  | { kind: 'flag'; pick: number; flag: number };

const pick = fc.nat(1000);
const folder = fc.nat(FOLDERS.length - 1);

export const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('deliver' as const), folder }),
  fc.record({ kind: fc.constant('expunge' as const), pick }),
  fc.record({ kind: fc.constant('move' as const), pick, folder }),
  fc.record({ kind: fc.constant('copy' as const), pick, folder }),
  fc.record({ kind: fc.constant('flag' as const), pick, flag: fc.nat(FLAGS.length - 1) }),
);

export class World {
  #count = 0;

  start(messages: number): Copy {
    const copy: Copy = new Map(FOLDERS.map((dir, index) => [dir, { uidValidity: 100 + index, nextUid: 1, messages: new Map() }]));
    for (let index = 0; index < messages; index++) this.apply(copy, 'base', { kind: 'deliver', folder: index % FOLDERS.length });
    return copy;
  }

  /** Does what a client or a delivery does; each message that comes to a folder gets a name and a UID of its own. */
  apply(copy: Copy, side: string, change: Change): void {
    const all = Array.from(copy, ([dir, { messages }]) => Array.from(messages.keys(), (name) => ({ dir, name }))).flat();
    if (change.kind === 'deliver') {
      const number = ++this.#count;
      this.#put(copy, FOLDERS[change.folder] ?? '', side, {
        flags: [],
        // Now and then two messages have one size and one second.
        size: 100 + (number % 2),
        mtime: (Math.floor(number / 4) + 0.5) * SECOND,
        content: `${side}-${number}`,
      });
      return;
    }
    const chosen = all[change.pick % Math.max(1, all.length)];
    const message = chosen === undefined ? undefined : copy.get(chosen.dir)?.messages.get(chosen.name);
    if (chosen === undefined || message === undefined) return;
    if (change.kind === 'flag') {
      const flag = FLAGS[change.flag] ?? '';
      message.flags = message.flags.includes(flag) ? message.flags.filter((each) => each !== flag) : [...message.flags, flag];
      return;
    }
    // As Dovecot does it: a copy may have only the whole seconds of a time.
    const mtime = change.kind === 'copy' ? Math.floor(message.mtime / SECOND) * SECOND : message.mtime;
    if (change.kind !== 'expunge') this.#put(copy, FOLDERS[change.folder] ?? '', side, { ...message, mtime });
    if (change.kind !== 'copy') copy.get(chosen.dir)?.messages.delete(chosen.name);
  }

  #put(copy: Copy, dir: string, side: string, message: Omit<Stored, 'uid'>): void {
    const target = copy.get(dir);
    target?.messages.set(`${side}.${++this.#count}`, { ...message, flags: [...message.flags], uid: target.nextUid++ });
  }

  /** Carries a plan out on the serving copy, as it is done on disk: what comes gets new names and UIDs. */
  carryOut(ours: Copy, theirs: Copy, { folders }: MergePlan): void {
    for (const { dir, adds, removes, flags, renumber, minNextUid } of folders) {
      const target = ours.get(dir);
      if (target === undefined) throw new Error('a folder that is not there');
      target.nextUid = Math.max(target.nextUid, minNextUid ?? 0);
      for (const { base, flags: wanted } of adds) {
        const message = theirs.get(dir)?.messages.get(base);
        if (message === undefined) throw new Error('a message that is not there');
        this.#put(ours, dir, 'merged', { ...message, flags: wanted });
      }
      for (const { base, add, remove } of flags) {
        const message = target.messages.get(base);
        if (message !== undefined) message.flags = [...message.flags.filter((flag) => !remove.includes(flag)), ...add];
      }
      for (const name of renumber) {
        const message = target.messages.get(name);
        if (message !== undefined) this.#put(ours, dir, 'renumbered', message);
        target.messages.delete(name);
      }
      for (const name of removes) target.messages.delete(name);
    }
  }
}

export function clone(copy: Copy): Copy {
  return structuredClone(copy);
}

export function stateOf(copy: Copy): MailboxState {
  return copy;
}

/** How often each content is there, by folder. */
export function contents(copy: Copy): string[] {
  return Array.from(copy, ([dir, { messages }]) => Array.from(messages.values(), ({ content }) => `${content} ${dir}`))
    .flat()
    .toSorted();
}

/** How often each content is there, wherever. */
export function counts(copy: Copy): Map<string, number> {
  const found = new Map<string, number>();
  for (const { messages } of copy.values()) for (const { content } of messages.values()) found.set(content, (found.get(content) ?? 0) + 1);
  return found;
}

export function contentOf(copy: Copy, dir: string, name: string): string | undefined {
  return copy.get(dir)?.messages.get(name)?.content;
}
