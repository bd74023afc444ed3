import { createHash } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import { release } from '../../system/memory.ts';
import type { Recipient } from '../age/keys.ts';
import { Wrapping } from '../envelope.ts';
import { objectName } from '../names.ts';
import { unequal } from '../unequal.ts';
import { compressBriefly, decompressFrame, FRAME_SIZE } from '../zstd.ts';
import { BLOCK, padding } from './block.ts';
import { Gather, type GatheredEntry } from './gather.ts';
import { encodeTable, type PackTable } from './table.ts';
import { fullHeader, MAX_ENTRY, writeHeader } from './tarhead.ts';

/** Decompressed bytes after which a pack is closed. */
export const PACK_SIZE = 16 * 1024 * 1024;

export interface PackOptions {
  /** undefined: not encrypted. */
  recipients: readonly Recipient[] | undefined;
  /** Decrypt, decompress and compare what will be stored before it counts. */
  readBack: boolean;
  /**
   * Order small entries of the first pack by where they come from, and compress them harder, those of a pack that does not become full as well:
   * that is all of a little mail, and a small part of much.
   */
  hard?: boolean;
}

export interface BuiltPack {
  name: string;
  bytes: Buffer;
  /** Decompressed bytes. */
  raw: number;
}

/** Content from this size on goes into frames of its own: mostly attachments, which compress as well at a lower level, half as fast again. */
const BULKY = 48 * 1024;
const LEVEL = 3;
const BULKY_LEVEL = 2;
/** What most packs take: base64 leaves three quarters. */
const ROOM = (PACK_SIZE * 3) / 4;
/** A tenth smaller, in four times the time. */
const HARD_LEVEL = 8;

/**
 * Builds one pack in memory. The caller reads content straight into a frame
 * ({@link reserve}), hashes it there, and either keeps it ({@link commit}) or not.
 */
export class PackBuilder {
  readonly #options: PackOptions;
  /** Small entries, until their frame ends, or the pack. */
  #small: Gather;
  /** The frame of large entries that is being filled; those of small ones are made in the same memory. */
  readonly #frame = Buffer.allocUnsafeSlow(FRAME_SIZE);
  #filled = 0;
  #large: GatheredEntry[] = [];
  /** Whether what was reserved last lies among the small entries. */
  #isSmall = false;
  /** Whether small entries of this pack are ordered: the first, where that is wanted. */
  #ordered: boolean;
  #wrapping: Wrapping | undefined;
  #table: PackTable = { entries: [], frames: [] };
  #raw = 0;

  constructor(options: PackOptions) {
    this.#options = options;
    this.#ordered = options.hard === true;
    this.#small = this.#ordered ? new Gather(PACK_SIZE + BULKY + 2 * BLOCK, true) : new Gather(FRAME_SIZE, false);
  }

  get #size(): number {
    return this.#raw + this.#small.used + this.#filled;
  }

  get empty(): boolean {
    return this.#size === 0;
  }

  /** Whether the pack has reached its size and should be finished. */
  get full(): boolean {
    return this.#size >= PACK_SIZE;
  }

  /** Whether content of this size fits a frame; larger content goes through {@link addLarge}. */
  static fitsFrame(size: number): boolean {
    return BLOCK + size + BLOCK <= FRAME_SIZE;
  }

  /** Room for content of at most `size` bytes. Nothing counts until {@link commit}. */
  reserve(size: number): Buffer {
    this.#isSmall = size < BULKY;
    if (this.#isSmall) {
      const room = this.#small.reserve(size);
      if (room !== undefined) return room;
      // Laid out in the memory of large ones, which have to go first.
      if (this.#ordered) this.#closeFrame();
      this.#endSmall(LEVEL);
      return this.reserve(size);
    }
    if (this.#filled + BLOCK + size + padding(size) > FRAME_SIZE) this.#closeFrame();
    return this.#frame.subarray(this.#filled + BLOCK, this.#filled + BLOCK + size);
  }

  /** Keeps the first `size` bytes of what was reserved last as an entry. */
  commit(sha: string, size: number, mtimeSeconds: number): void {
    if (this.#isSmall) {
      this.#small.commit(sha, size, mtimeSeconds);
      return;
    }
    writeHeader(this.#frame, this.#filled, sha, size, mtimeSeconds);
    const at = this.#filled + BLOCK;
    this.#large.push({ sha, size, at });
    const end = at + size + padding(size);
    this.#frame.fill(0, at + size, end);
    this.#filled = end;
  }

  /**
   * Adds content that is larger than a frame.
   * @param fill fills the buffer with the next bytes of the content, wholly
   */
  addLarge(sha: string, size: number, mtimeSeconds: number, fill: (room: Buffer) => void): void {
    if (size > MAX_ENTRY) throw new MailrecoverError('failed', 'a file of more than 8 GiB cannot be stored', { subject: sha });
    this.#closeFrame();
    writeHeader(this.#frame, 0, sha, size, mtimeSeconds);
    this.#large.push({ sha, size, at: BLOCK });
    this.#filled = BLOCK;
    for (let left = size; left > 0;) {
      const room = Math.min(left, FRAME_SIZE - this.#filled);
      fill(this.#frame.subarray(this.#filled, this.#filled + room));
      this.#filled += room;
      left -= room;
      if (this.#filled === FRAME_SIZE) this.#closeFrame();
    }
    const pad = padding(size);
    this.#frame.fill(0, this.#filled, this.#filled + pad);
    this.#filled += pad;
    this.#closeFrame();
  }

  /** Ends the frame of small entries; where they are ordered, in the memory of large ones, which is free at the end of a pack. */
  #endSmall(level: number): void {
    this.#small.layOut(this.#frame, (raw, entries) => this.#addFrame(raw, entries, level));
  }

  /** Ends the frame of large entries. */
  #closeFrame(): void {
    if (this.#filled > 0) this.#addFrame(this.#frame.subarray(0, this.#filled), this.#large, BULKY_LEVEL);
    this.#large = [];
    this.#filled = 0;
  }

  #addFrame(raw: Buffer, entries: readonly GatheredEntry[], level: number): void {
    for (const entry of entries) this.#table.entries.push({ ...entry, frame: this.#table.frames.length });
    const { recipients, readBack } = this.#options;
    this.#wrapping ??= new Wrapping(recipients, { prove: readBack, room: ROOM });
    const frame = this.#compress(raw, level);
    this.#table.frames.push({ offset: this.#wrapping.add(frame), length: frame.length, raw: raw.length });
    release(frame);
    this.#raw += raw.length;
  }

  #compress(raw: Buffer, level: number): Buffer {
    const frame = compressBriefly(raw, level);
    if (this.#options.readBack) proveFrame(frame, raw);
    return frame;
  }

  /** Ends the pack; the builder is empty afterwards and begins the next. */
  finish(): BuiltPack {
    const level = this.#ordered || (this.#options.hard === true && !this.full) ? HARD_LEVEL : LEVEL;
    this.#closeFrame();
    this.#endSmall(level);
    const table = Buffer.from(encodeTable(this.#table));
    const tail = Buffer.concat([fullHeader('table.jsonl', table.length, 0), table, Buffer.alloc(padding(table.length) + 2 * BLOCK)]);
    const wrapping = this.#wrapping ?? new Wrapping(this.#options.recipients, { prove: this.#options.readBack });
    const bytes = wrapping.finish(this.#compress(tail, level));
    const sha = createHash('sha256').update(bytes).digest('hex');
    const built = {
      name: objectName('pack', sha, this.#options.recipients !== undefined),
      bytes,
      raw: this.#raw,
    };
    this.#wrapping = undefined;
    this.#table = { entries: [], frames: [] };
    this.#raw = 0;
    if (this.#ordered) {
      this.#ordered = false;
      // Ordering all of much mail takes a tenth more time and memory.
      this.#small.free();
      this.#small = new Gather(FRAME_SIZE, false);
    }
    return built;
  }
}

function proveFrame(frame: Buffer, written: Buffer): void {
  const readBack = decompressFrame(frame, written.length, 'new pack');
  if (!readBack.equals(written)) throw unequal();
  release(readBack);
}
