/** Which message lay where from which snapshot to which. */
import { decodeName, encodeName } from '../../../repository/catalog/percent.ts';
import { placeSum } from '../message-id.ts';
import { IndexDamage } from './files.ts';

/** Numbers of a row: group, record, place of the first snapshot, of the last (-1: still there), {@link placeSum}, received (seconds). */
export const ROW = 6;
export const STILL = -1;

/** Where messages of rows lie: a folder of a mailbox in one chain of snapshots. Byte strings. */
export interface Group {
  chain: number;
  store: string;
  mailbox: string;
  dir: string;
}

export function encodeGroups(groups: readonly Group[]): string {
  return groups
    .map(({ chain, store, mailbox, dir }) => `${chain} ${encodeName(store)} ${encodeName(mailbox)} ${encodeName(dir)}\n`)
    .join('');
}

export function decodeGroups(text: string): Group[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [chain, ...names] = line.split(' ');
      const [store, mailbox, dir] = names.map(decodeName);
      if (store === undefined || mailbox === undefined || dir === undefined) throw new IndexDamage('groups');
      return { chain: Number(chain), store, mailbox, dir };
    });
}

/** What is known of a message in a folder. */
export interface SeenMessage {
  /** Number of its bytes. */
  record: number;
  /** Seconds since 1970. */
  received: number;
}

/** Follows the messages from snapshot to snapshot. */
export class History {
  readonly groups: Group[];
  /** Base names, percent-encoded, one a row; none any more when it is settled. */
  readonly bases: string[];
  #rows: Int32Array;
  #count: number;
  readonly #numbers = new Map<string, number>();
  /** Groups of a section. */
  readonly #sections = new Map<string, Set<number>>();
  /** Rows by base name, of messages that are still there; made when a group is touched. */
  readonly #open = new Map<number, Map<string, number>>();
  /** Rows that were still there when this was loaded, by group. */
  readonly #loaded = new Map<number, number[]>();

  constructor(groups: Group[] = [], rows: Int32Array = new Int32Array(0), bases: string[] = []) {
    this.groups = groups;
    this.bases = bases;
    this.#rows = rows;
    this.#count = Math.floor(rows.length / ROW);
    for (const [number, group] of groups.entries()) this.#learn(number, group);
    for (let row = 0; row < this.#count; row++) {
      if (rows[row * ROW + 3] !== STILL) continue;
      const group = rows[row * ROW] ?? 0;
      const list = this.#loaded.get(group);
      if (list === undefined) this.#loaded.set(group, [row]);
      else list.push(row);
    }
  }

  /** All snapshots were followed: what only that needs is let go of, and with much mail that is most. */
  settle(): void {
    this.bases.length = 0;
    this.#open.clear();
    this.#loaded.clear();
  }

  get rows(): Int32Array {
    return this.#rows.subarray(0, this.#count * ROW);
  }

  /** Changes the numbers of records: from `first` on to what `places` says, before that to what `replaced` says. */
  renumber(first: number, places: Int32Array, replaced: ReadonlyMap<number, number>): void {
    for (let at = 1; at < this.#count * ROW; at += ROW) {
      const record = this.#rows[at] ?? 0;
      if (record >= first) this.#rows[at] = places[record - first] ?? record;
      else if (replaced.size > 0) this.#rows[at] = replaced.get(record) ?? record;
    }
  }

  #learn(number: number, { chain, store, mailbox, dir }: Group): void {
    const section = `${chain}\0${store}\0${mailbox}`;
    this.#numbers.set(`${section}\0${dir}`, number);
    const held = this.#sections.get(section);
    if (held === undefined) this.#sections.set(section, new Set([number]));
    else held.add(number);
  }

  groupOf(group: Group): number {
    const key = `${group.chain}\0${group.store}\0${group.mailbox}\0${group.dir}`;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.groups.push(group) - 1;
      this.#learn(number, group);
    }
    return number;
  }

  /** The groups of a mailbox; of all mailboxes of a chain where none is named. */
  groupsOf(chain: number, section?: { store: string; mailbox: string }): number[] {
    if (section !== undefined) return [...(this.#sections.get(`${chain}\0${section.store}\0${section.mailbox}`) ?? [])];
    return this.groups.flatMap((group, number) => (group.chain === chain ? [number] : []));
  }

  #openOf(group: number): Map<string, number> {
    let open = this.#open.get(group);
    if (open === undefined) {
      open = new Map((this.#loaded.get(group) ?? []).map((row) => [this.bases[row] ?? '', row]));
      this.#open.set(group, open);
    }
    return open;
  }

  /** A message is in a folder in the snapshot at `place`. */
  set(group: number, base: string, seen: SeenMessage, place: number): void {
    const open = this.#openOf(group);
    const name = encodeName(base);
    const held = open.get(name);
    if (held !== undefined) {
      if (this.#rows[held * ROW + 1] === seen.record) return;
      this.#rows[held * ROW + 3] = place - 1;
    }
    const at = this.#count * ROW;
    if (at + ROW > this.#rows.length) {
      const larger = new Int32Array(Math.max(1024 * ROW, at * 2));
      larger.set(this.#rows);
      this.#rows = larger;
    }
    const { store = '', dir = '' } = this.groups[group] ?? {};
    this.#rows.set([group, seen.record, place, STILL, placeSum({ store, dir, base }), seen.received], at);
    open.set(name, this.#count++);
    this.bases.push(name);
  }

  /** A message is no longer in a folder in the snapshot at `place`. */
  remove(group: number, base: string, place: number): void {
    const open = this.#openOf(group);
    const name = encodeName(base);
    const held = open.get(name);
    if (held === undefined) return;
    this.#rows[held * ROW + 3] = place - 1;
    open.delete(name);
  }

  /** Only these messages (or none) are left of a folder in the snapshot at `place`. */
  keepOnly(group: number, bases: ReadonlyMap<string, unknown>, place: number): void {
    for (const [name, row] of this.#openOf(group)) {
      if (bases.has(decodeName(name) ?? '')) continue;
      this.#rows[row * ROW + 3] = place - 1;
      this.#open.get(group)?.delete(name);
    }
  }
}
