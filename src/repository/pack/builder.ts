import { createHash } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import { release } from '../../system/memory.ts';
import type { Recipient } from '../age/keys.ts';
import { sealFrames } from '../envelope.ts';
import { objectName } from '../names.ts';
import { unequal } from '../unequal.ts';
import { compressFrame, decompressFrame, FRAME_SIZE } from '../zstd.ts';
import { BLOCK, padding } from './block.ts';
import { encodeTable, type PackEntry, type PackTable } from './table.ts';
import { fullHeader, MAX_ENTRY, writeHeader } from './tarhead.ts';

/** Decompressed bytes after which a pack is closed. */
export const PACK_SIZE = 16 * 1024 * 1024;

export interface PackOptions {
  /** undefined: not encrypted. */
  recipients: readonly Recipient[] | undefined;
  level: number;
  /** Decrypt, decompress and compare what will be stored before it counts. */
  readBack: boolean;
}

export interface BuiltPack {
  name: string;
  bytes: Buffer;
  /** Decompressed bytes. */
  raw: number;
}

/** Content from this size on goes into frames of its own: mostly attachments, which compress as well at a lower level, half as fast again. */
const BULKY = 48 * 1024;

/** A frame that is being filled, and the entries that will lie in it. */
interface Lane {
  frame: Buffer;
  used: number;
  entries: Omit<PackEntry, 'frame'>[];
  level: number;
}

/**
 * Builds one pack in memory. The caller reads content straight into a frame
 * ({@link reserve}), hashes it there, and either keeps it ({@link commit}) or not.
 */
export class PackBuilder {
  readonly #options: PackOptions;
  readonly #text: Lane;
  readonly #bulk: Lane;
  #lane: Lane;
  /** Finished frames lie here, as far as there is room: memory that pack after pack uses. */
  #room: Buffer | undefined;
  #used = 0;
  #frames: Buffer[] = [];
  #table: PackTable = { entries: [], frames: [] };
  #offset = 0;
  #raw = 0;

  constructor(options: PackOptions) {
    this.#options = options;
    this.#text = { frame: Buffer.allocUnsafeSlow(FRAME_SIZE), used: 0, entries: [], level: options.level };
    this.#bulk = { frame: Buffer.allocUnsafeSlow(FRAME_SIZE), used: 0, entries: [], level: Math.max(1, options.level - 1) };
    this.#lane = this.#text;
  }

  get empty(): boolean {
    return this.#raw + this.#text.used + this.#bulk.used === 0;
  }

  /** Whether the pack has reached its size and should be finished. */
  get full(): boolean {
    return this.#raw + this.#text.used + this.#bulk.used >= PACK_SIZE;
  }

  /** Whether content of this size fits a frame; larger content goes through {@link addLarge}. */
  static fitsFrame(size: number): boolean {
    return BLOCK + size + BLOCK <= FRAME_SIZE;
  }

  /** Room for content of at most `size` bytes in a frame. Nothing counts until {@link commit}. */
  reserve(size: number): Buffer {
    const lane = size < BULKY ? this.#text : this.#bulk;
    if (lane.used + BLOCK + size + padding(size) > FRAME_SIZE) this.#closeFrame(lane);
    this.#lane = lane;
    return lane.frame.subarray(lane.used + BLOCK, lane.used + BLOCK + size);
  }

  /** Keeps the first `size` bytes of what was reserved last as an entry. */
  commit(sha: string, size: number, mtimeSeconds: number): void {
    const lane = this.#lane;
    writeHeader(lane.frame, lane.used, sha, size, mtimeSeconds);
    const at = lane.used + BLOCK;
    lane.entries.push({ sha, size, at });
    const end = at + size + padding(size);
    lane.frame.fill(0, at + size, end);
    lane.used = end;
  }

  /**
   * Adds content that is larger than a frame.
   * @param fill fills the buffer with the next bytes of the content, wholly
   */
  addLarge(sha: string, size: number, mtimeSeconds: number, fill: (room: Buffer) => void): void {
    if (size > MAX_ENTRY) throw new MailrecoverError('failed', 'a file of more than 8 GiB cannot be stored', { subject: sha });
    const lane = this.#bulk;
    this.#closeFrame(lane);
    writeHeader(lane.frame, 0, sha, size, mtimeSeconds);
    lane.entries.push({ sha, size, at: BLOCK });
    lane.used = BLOCK;
    for (let left = size; left > 0;) {
      const room = Math.min(left, FRAME_SIZE - lane.used);
      fill(lane.frame.subarray(lane.used, lane.used + room));
      lane.used += room;
      left -= room;
      if (lane.used === FRAME_SIZE) this.#closeFrame(lane);
    }
    const pad = padding(size);
    lane.frame.fill(0, lane.used, lane.used + pad);
    lane.used += pad;
    this.#closeFrame(lane);
  }

  #closeFrame(lane: Lane): void {
    if (lane.used === 0) return;
    const raw = lane.frame.subarray(0, lane.used);
    const frame = this.#compress(raw, lane.level);
    if (this.#options.readBack) proveFrame(frame, raw);
    for (const entry of lane.entries.splice(0)) this.#table.entries.push({ ...entry, frame: this.#frames.length });
    this.#frames.push(frame);
    this.#table.frames.push({ offset: this.#offset, length: frame.length, raw: raw.length });
    this.#offset += frame.length;
    this.#raw += raw.length;
    lane.used = 0;
  }

  #compress(raw: Buffer, level: number): Buffer {
    this.#room ??= Buffer.allocUnsafeSlow(PACK_SIZE);
    const frame = compressFrame(raw, level, this.#room.subarray(this.#used));
    if (frame.buffer === this.#room.buffer) this.#used += frame.length;
    return frame;
  }

  /** Ends the pack; the builder is empty afterwards and begins the next. */
  finish(): BuiltPack {
    this.#closeFrame(this.#text);
    this.#closeFrame(this.#bulk);
    const table = Buffer.from(encodeTable(this.#table));
    const tail = Buffer.concat([fullHeader('table.jsonl', table.length, 0), table, Buffer.alloc(padding(table.length) + 2 * BLOCK)]);
    const frames = [...this.#frames, this.#compress(tail, this.#options.level)];
    if (this.#options.readBack) proveFrame(frames.at(-1) as Buffer, tail);
    const bytes = sealFrames(frames, this.#options.recipients, {
      prove: this.#options.readBack,
      used: (frame) => (frame.buffer === this.#room?.buffer ? undefined : release(frame)),
    });
    this.#used = 0;
    const sha = createHash('sha256').update(bytes).digest('hex');
    const built = {
      name: objectName('pack', sha, this.#options.recipients !== undefined),
      bytes,
      raw: this.#raw,
    };
    this.#frames = [];
    this.#table = { entries: [], frames: [] };
    this.#offset = 0;
    this.#raw = 0;
    return built;
  }
}

function proveFrame(frame: Buffer, written: Buffer): void {
  const readBack = decompressFrame(frame, written.length, 'new pack');
  if (!readBack.equals(written)) throw unequal();
  release(readBack);
}
