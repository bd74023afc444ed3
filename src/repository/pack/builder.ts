import { createHash } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import type { Recipient } from '../age/keys.ts';
import { sealFrames } from '../envelope.ts';
import { objectName } from '../names.ts';
import { compressFrame, decompressFrame, FRAME_SIZE } from '../zstd.ts';
import { encodeTable, type PackTable } from './table.ts';
import { BLOCK, fullHeader, MAX_ENTRY, padding, writeHeader } from './tarhead.ts';

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
  /** SHA-256 of the entries, 32 bytes each, in the order of the pack. */
  shas: Buffer;
  /** Decompressed bytes. */
  raw: number;
}

/**
 * Builds one pack in memory. The caller reads content straight into the frame
 * ({@link reserve}), hashes it there, and either keeps it ({@link commit}) or not.
 */
export class PackBuilder {
  readonly #options: PackOptions;
  readonly #frame = Buffer.allocUnsafeSlow(FRAME_SIZE);
  #used = 0;
  #frames: Buffer[] = [];
  #table: PackTable = { entries: [], frames: [] };
  #offset = 0;
  #raw = 0;

  constructor(options: PackOptions) {
    this.#options = options;
  }

  get empty(): boolean {
    return this.#table.entries.length === 0;
  }

  /** Whether the pack has reached its size and should be finished. */
  get full(): boolean {
    return this.#raw + this.#used >= PACK_SIZE;
  }

  /** Whether content of this size fits a frame; larger content goes through {@link addLarge}. */
  static fitsFrame(size: number): boolean {
    return BLOCK + size + BLOCK <= FRAME_SIZE;
  }

  /** Room for content of at most `size` bytes in the current frame. Nothing counts until {@link commit}. */
  reserve(size: number): Buffer {
    if (this.#used + BLOCK + size + padding(size) > FRAME_SIZE) this.#closeFrame();
    return this.#frame.subarray(this.#used + BLOCK, this.#used + BLOCK + size);
  }

  /** Keeps the first `size` bytes of what was reserved last as an entry. */
  commit(sha: string, size: number, mtimeSeconds: number): void {
    writeHeader(this.#frame, this.#used, sha, size, mtimeSeconds);
    const at = this.#used + BLOCK;
    this.#table.entries.push({ sha, size, frame: this.#frames.length, at });
    const end = at + size + padding(size);
    this.#frame.fill(0, at + size, end);
    this.#used = end;
  }

  /**
   * Adds content that is larger than a frame.
   * @param fill fills the buffer with the next bytes of the content, wholly
   */
  addLarge(sha: string, size: number, mtimeSeconds: number, fill: (room: Buffer) => void): void {
    if (size > MAX_ENTRY) throw new MailrecoverError('failed', 'a file of more than 8 GiB cannot be stored', { subject: sha });
    this.#closeFrame();
    writeHeader(this.#frame, 0, sha, size, mtimeSeconds);
    this.#table.entries.push({ sha, size, frame: this.#frames.length, at: BLOCK });
    this.#used = BLOCK;
    for (let left = size; left > 0;) {
      const room = Math.min(left, FRAME_SIZE - this.#used);
      fill(this.#frame.subarray(this.#used, this.#used + room));
      this.#used += room;
      left -= room;
      if (this.#used === FRAME_SIZE) this.#closeFrame();
    }
    const pad = padding(size);
    this.#frame.fill(0, this.#used, this.#used + pad);
    this.#used += pad;
  }

  #closeFrame(): void {
    if (this.#used === 0) return;
    const raw = this.#frame.subarray(0, this.#used);
    const frame = compressFrame(raw, this.#options.level);
    if (this.#options.readBack) mustEqual(decompressFrame(frame, raw.length, 'new pack'), raw);
    this.#frames.push(frame);
    this.#table.frames.push({ offset: this.#offset, length: frame.length, raw: raw.length });
    this.#offset += frame.length;
    this.#raw += raw.length;
    this.#used = 0;
  }

  /** Ends the pack; the builder is empty afterwards and begins the next. */
  finish(): BuiltPack {
    this.#closeFrame();
    const table = Buffer.from(encodeTable(this.#table));
    const tail = Buffer.concat([
      fullHeader('table.jsonl', table.length, 0),
      table,
      Buffer.alloc(padding(table.length) + 2 * BLOCK),
    ]);
    const frames = [...this.#frames, compressFrame(tail, this.#options.level)];
    const sealed = sealFrames(frames, this.#options.recipients);
    if (this.#options.readBack) {
      if (!sealed.isSound()) throw unequal();
      mustEqual(decompressFrame(frames.at(-1) as Buffer, tail.length, 'new pack'), tail);
    }
    const shas = Buffer.concat(this.#table.entries.map((entry) => Buffer.from(entry.sha, 'hex')));
    const sha = createHash('sha256').update(sealed.bytes).digest('hex');
    const built = {
      name: objectName('pack', sha, this.#options.recipients !== undefined),
      bytes: sealed.bytes,
      shas,
      raw: this.#raw,
    };
    this.#frames = [];
    this.#table = { entries: [], frames: [] };
    this.#offset = 0;
    this.#raw = 0;
    return built;
  }
}

function mustEqual(readBack: Buffer, written: Buffer): void {
  if (!readBack.equals(written)) throw unequal();
}

function unequal(): MailrecoverError {
  return new MailrecoverError('failed', 'a pack did not read back as it was written, so nothing of it was stored', {
    hint: 'the memory or the processor of this host may be at fault; test them before the next backup',
  });
}
