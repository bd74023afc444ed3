/** Gathers the small entries of a pack, and may lay them out so that what is alike lies together. */
import { release } from '../../system/memory.ts';
import { BLOCK, padding } from './block.ts';
import { writeHeader } from './tarhead.ts';

export interface GatheredEntry {
  sha: string;
  size: number;
  /** Where the content begins in the frame. */
  at: number;
}

interface Gathered extends GatheredEntry {
  source: string;
}

/** Bytes at the beginning of a message in which its header fields are looked for. */
const HEAD = 3072;
/** Header fields that name a list (RFC 2919) or its program, as nearly all programs spell them. */
const LISTS = fields('List-Id', 'List-ID', 'Sender');
/** Those by which other mail is told apart: plain text from HTML first. */
const OTHERS = fields('Content-Type', 'From');

/** How a header ends. */
const ENDS = ['\n\n', '\n\r\n'].map((end) => Buffer.from(end));

export class Gather {
  readonly #room: Buffer;
  readonly #ordered: boolean;
  #entries: Gathered[] = [];
  #used = 0;

  /**
   * @param capacity bytes; memory is taken as it is filled
   * @param ordered whether entries are laid out by where they come from; else they are one frame, as they came
   */
  constructor(capacity: number, ordered: boolean) {
    this.#room = Buffer.allocUnsafeSlow(capacity);
    this.#ordered = ordered;
  }

  /** Bytes that the entries take, with their headers and padding. */
  get used(): number {
    return this.#used;
  }

  /** Room for content of at most `size` bytes; undefined where it is full. Nothing counts until {@link commit}. */
  reserve(size: number): Buffer | undefined {
    const at = this.#used + BLOCK;
    return at + size + padding(size) > this.#room.length ? undefined : this.#room.subarray(at, at + size);
  }

  /** Keeps the first `size` bytes of what was reserved last as an entry. */
  commit(sha: string, size: number, mtimeSeconds: number): void {
    const at = this.#used + BLOCK;
    writeHeader(this.#room, this.#used, sha, size, mtimeSeconds);
    const end = at + size + padding(size);
    this.#room.fill(0, at + size, end);
    this.#entries.push({ sha, size, at, source: this.#ordered ? sourceOf(this.#room.subarray(at, at + Math.min(size, HEAD))) : '' });
    this.#used = end;
  }

  /**
   * Gives the entries in frames; it is empty afterwards. Mail of one list or sender compresses a tenth better where it lies together than in the order of mailboxes.
   * @param frame each frame is put here
   * @param take gets each, with its entries, before the next is put there
   */
  layOut(frame: Buffer, take: (raw: Buffer, entries: GatheredEntry[]) => void): void {
    if (this.#ordered) this.#inOrder(frame, take);
    else if (this.#used > 0) take(this.#room.subarray(0, this.#used), this.#entries);
    this.#entries = [];
    this.#used = 0;
  }

  #inOrder(frame: Buffer, take: (raw: Buffer, entries: GatheredEntry[]) => void): void {
    let used = 0;
    let entries: GatheredEntry[] = [];
    const end = (): void => {
      if (used > 0) take(frame.subarray(0, used), entries);
      used = 0;
      entries = [];
    };
    // The order of entries of one source stays: threads of a mailbox lie in it.
    for (const { sha, size, at } of this.#entries.sort((one, other) =>
      one.source < other.source ? -1 : Number(one.source > other.source),
    )) {
      const whole = BLOCK + size + padding(size);
      if (used + whole > frame.length) end();
      this.#room.copy(frame, used, at - BLOCK, at - BLOCK + whole);
      entries.push({ sha, size, at: used + BLOCK });
      used += whole;
    }
    end();
  }

  /** Gives its memory back; it is of no use afterwards. */
  free(): void {
    release(this.#room);
  }
}

function fields(...names: string[]): Buffer[] {
  return names.map((name) => Buffer.from(`\n${name}:`));
}

/** From which list a message comes, or else of what kind it is, and by whom; empty where its beginning does not say so. */
function sourceOf(beginning: Buffer): string {
  const ends = ENDS.map((end) => beginning.indexOf(end)).filter((end) => end >= 0);
  const head = ends.length === 0 ? beginning : beginning.subarray(0, Math.min(...ends));
  for (const field of LISTS) {
    const list = valueOf(head, field);
    if (list !== '') return list;
  }
  return OTHERS.map((field) => valueOf(head, field)).join('\n');
}

function valueOf(head: Buffer, field: Buffer): string {
  const at = head.indexOf(field);
  if (at < 0) return '';
  const from = at + field.length;
  const to = head.indexOf(10, from);
  return head.toString('latin1', from, to < 0 ? head.length : to).trim();
}
