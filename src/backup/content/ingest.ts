/** Reads files and puts what is not stored yet into packs. Runs in the main thread or in a worker; all calls are synchronous. */
import { createHash, hash } from 'node:crypto';
import { closeSync, fstatSync, readSync, type Stats } from 'node:fs';
import { ioError, MailrecoverError, systemCode } from '../../errors/error.ts';
import type { Recipient } from '../../repository/age/keys.ts';
import { PackBuilder, type BuiltPack } from '../../repository/pack/builder.ts';
import { TAG_SIZE, tagger } from '../../repository/tags.ts';
import { cutMessages } from '../../store/cut.ts';
import type { CutKind, LiveStat, ReadOutcome, ReadRequest, StoredPart } from '../../store/live.ts';
import { looksLikeMail } from '../../store/message/looks.ts';
import { FileOpener } from '../../store/reach.ts';
import { liveStat } from '../../store/stat.ts';
import type { ClaimTable } from './claims.ts';
import { cutLengths } from './cut.ts';
import type { KnownEntries } from './known.ts';

/** Places from here on are packs of this run, numbered by thread and order; lower ones are packs known before. */
export const FRESH_PLACE = 2 ** 30;
/** Packs that one thread can number. */
const PER_THREAD = 2 ** 24;
const NO_STAT: LiveStat = { mode: 0, uid: 0, gid: 0, size: 0, mtime: 0, ctime: 0, birth: 0, ino: 0 };
/** A file of messages that holds none is at most as large as what such a file begins with. */
const NO_EMPTY_FILE = 4096;
/** Bytes that a message has, more or less. */
const USUAL_MESSAGE = 64 * 1024;
const HASH_CHUNK = 1024 * 1024;
/** Larger files are read twice, to be hashed and to be stored, so that memory stays small. */
const IN_MEMORY = 256 * 1024 * 1024;

export interface FreshPack extends BuiltPack {
  place: number;
  /** Tags of its entries, TAG_SIZE bytes each, sorted. */
  tags: Buffer;
}

export interface IngestOptions {
  thread: number;
  secret: Buffer;
  recipients: readonly Recipient[] | undefined;
  readBack: boolean;
  /** See `PackOptions`. */
  hard: boolean;
  known: KnownEntries | undefined;
  /** Takes a finished pack. */
  onPack: (pack: FreshPack) => void;
}

export interface IngestCounts {
  /** Bytes of messages. */
  bytesRead: number;
  /** Bytes of all other files. */
  otherBytesRead: number;
  entriesStored: number;
  /** Messages of those, and how many of them can't be mail. */
  messagesStored: number;
  oddStored: number;
}

export class Ingest {
  claims: ClaimTable;
  readonly counts: IngestCounts = { bytesRead: 0, otherBytesRead: 0, entriesStored: 0, messagesStored: 0, oddStored: 0 };
  readonly #options: IngestOptions;
  readonly #builder: PackBuilder;
  readonly #tagInto: (sha: string, into: Buffer) => void;
  readonly #tag = Buffer.alloc(TAG_SIZE);
  #place: number;
  /** Tags of the entries in the pack that is being filled, in hex. */
  #tags: string[] = [];

  constructor(options: IngestOptions, claims: ClaimTable) {
    this.#options = options;
    this.claims = claims;
    this.#tagInto = tagger(options.secret);
    this.#builder = new PackBuilder(options);
    this.#place = FRESH_PLACE + options.thread * PER_THREAD;
  }

  /** Reads files, and stores what is new in them. */
  readAll(requests: readonly ReadRequest[]): ReadOutcome[] {
    const opener = new FileOpener();
    try {
      return requests.map((request) => this.#read(request, opener));
    } finally {
      opener.release();
    }
  }

  #read(request: ReadRequest, opener: FileOpener): ReadOutcome {
    if (request.sought !== undefined) return this.#find(request.sought);
    if (request.given !== undefined) return this.#take(request.kind, request.given);
    let fd: number;
    try {
      fd = opener.open(request.path);
    } catch (error) {
      // A name that has become a link is no longer the file that was listed.
      const code = systemCode(error) ?? 'EIO';
      return { error: code === 'ELOOP' ? 'ENOENT' : code };
    }
    try {
      const stats = fstatSync(fd);
      if (!stats.isFile()) return { error: 'ENOENT' };
      if (request.kind === 'message') return this.#readMessage(fd, stats);
      return request.kind === 'file' ? this.#readFile(fd, stats) : this.#readMessages(request.kind, fd, stats);
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined) throw error;
      return { error: code };
    } finally {
      closeSync(fd);
    }
  }

  /** Where an entry is stored that an earlier run stored. */
  #find(sha: string): ReadOutcome {
    this.#tagInto(sha, this.#tag);
    const place = this.#options.known?.lookup(this.#tag);
    return place === undefined ? { error: 'ENOENT' } : { stat: NO_STAT, parts: [{ sha, place }] };
  }

  #take(kind: ReadRequest['kind'], { content, stat }: NonNullable<ReadRequest['given']>): ReadOutcome {
    if (kind !== 'message') return this.#cutFile(content, stat);
    this.counts.bytesRead += content.length;
    return { stat, parts: [this.#judged(content, () => this.#store(content, stat.mtime / 1000))] };
  }

  #readMessage(fd: number, stats: Stats): ReadOutcome {
    // One byte more than its size, so that a file that grew is noticed.
    if (!PackBuilder.fitsFrame(stats.size + 1)) return this.#readLarge(fd, stats);
    const room = this.#builder.reserve(stats.size + 1);
    const size = fill(fd, room);
    this.counts.bytesRead += size;
    if (size !== stats.size) {
      const grown = fstatSync(fd);
      if (grown.size === stats.size) return { error: 'EIO' };
      return this.#readAgain(fd, grown);
    }
    const content = room.subarray(0, size);
    const part = this.#judged(content, () => this.#keep(content, stats.mtimeMs));
    return { stat: liveStat(stats), parts: [part] };
  }

  /** A message that grew or shrank while it was read: a delivery that wrote in place. Its bytes now are taken. */
  #readAgain(fd: number, stats: Stats): ReadOutcome {
    const content = Buffer.allocUnsafeSlow(stats.size);
    const size = fill(fd, content, 0);
    if (size !== stats.size) return { error: 'EBUSY' };
    return { stat: liveStat(stats), parts: [this.#judged(content, () => this.#store(content, stats.mtimeMs))] };
  }

  /** Stores a message, and counts it where it was not stored before. */
  #judged(content: Buffer, store: () => StoredPart): StoredPart {
    const before = this.counts.entriesStored;
    const isMail = looksLikeMail(content);
    const part = store();
    if (this.counts.entriesStored > before) {
      this.counts.messagesStored++;
      if (!isMail) this.counts.oddStored++;
    }
    return part;
  }

  #readLarge(fd: number, stats: Stats): ReadOutcome {
    if (stats.size <= IN_MEMORY) return this.#readAgain(fd, stats);
    return { stat: liveStat(stats), parts: [this.#keepLarge(fd, 0, stats.size, stats.mtimeMs)] };
  }

  /** A piece of a file that is too large for memory: it is read twice. */
  #keepLarge(fd: number, from: number, size: number, mtimeMs: number): StoredPart {
    const sha = this.#hashRange(fd, from, size);
    return this.#claim(sha, () => {
      let at = from;
      const check = createHash('sha256');
      this.#builder.addLarge(sha, size, mtimeMs / 1000, (room) => {
        if (fillAgain(fd, room, at) < room.length) throw changedWhileRead();
        check.update(room);
        at += room.length;
      });
      if (check.digest('hex') !== sha) throw changedWhileRead();
    });
  }

  #hashRange(fd: number, from: number, size: number): string {
    const digest = createHash('sha256');
    const chunk = Buffer.allocUnsafe(HASH_CHUNK);
    for (let at = 0; at < size; at += HASH_CHUNK) {
      const piece = chunk.subarray(0, Math.min(HASH_CHUNK, size - at));
      if (fill(fd, piece, from + at) < piece.length) throw changedWhileRead();
      digest.update(piece);
    }
    this.counts.bytesRead += size;
    return digest.digest('hex');
  }

  /** A file that holds messages: each is an entry of its own, and so is what lies between them. What is appended meanwhile is not looked at. */
  #readMessages(kind: CutKind, fd: number, stats: Stats): ReadOutcome {
    const { lengths, records } = cutMessages(kind, fd, stats.size);
    const parts: StoredPart[] = [];
    let at = 0;
    // What begins a message says whether it is one. The rest of the file is none, unless there is no message where there should be many.
    const heads = new Set(records.map((record) => record.parts[0]));
    const before = this.counts.entriesStored;
    for (const [number, length] of lengths.entries()) {
      const part = this.#readPiece(fd, at, length, stats.mtimeMs, heads.has(number));
      if (part === undefined) return { error: 'EBUSY' };
      parts.push(part);
      at += length;
    }
    if (records.length === 0 && stats.size >= NO_EMPTY_FILE && this.counts.entriesStored > before) this.#countOdd(stats.size);
    return { stat: liveStat(stats), parts, records };
  }

  /** A file of messages in which none is found any more counts as about so many as it may have held. */
  #countOdd(size: number): void {
    const messages = Math.ceil(size / USUAL_MESSAGE);
    this.counts.messagesStored += messages;
    this.counts.oddStored += messages;
  }

  /**
   * @param isHead whether a message begins with it
   * @returns undefined where the file ends before the piece does
   */
  #readPiece(fd: number, at: number, length: number, mtimeMs: number, isHead: boolean): StoredPart | undefined {
    if (length > IN_MEMORY) return this.#keepLarge(fd, at, length, mtimeMs);
    const fits = PackBuilder.fitsFrame(length);
    const content = fits ? this.#builder.reserve(length) : Buffer.allocUnsafeSlow(length);
    const got = fill(fd, content, at);
    this.counts.bytesRead += got;
    if (got < length) return undefined;
    const store = (): StoredPart => (fits ? this.#keep(content, mtimeMs) : this.#store(content, mtimeMs));
    return isHead ? this.#judged(content, store) : store();
  }

  #readFile(fd: number, stats: Stats): ReadOutcome {
    // The file may be appended to at this moment: what it holds at the end of the read is what counts.
    const content = Buffer.allocUnsafeSlow(stats.size + 64 * 1024);
    const size = fill(fd, content, 0);
    this.counts.otherBytesRead += size;
    return this.#cutFile(content.subarray(0, size), { ...liveStat(stats), size });
  }

  #cutFile(content: Buffer, stat: LiveStat): ReadOutcome {
    const parts: StoredPart[] = [];
    let at = 0;
    for (const length of cutLengths(content)) {
      parts.push(this.#store(content.subarray(at, at + length), stat.mtime / 1000));
      at += length;
    }
    return { stat, parts };
  }

  #store(content: Buffer, mtimeMs: number): StoredPart {
    if (PackBuilder.fitsFrame(content.length)) {
      const room = this.#builder.reserve(content.length);
      content.copy(room);
      return this.#keep(room, mtimeMs);
    }
    const sha = hash('sha256', content, 'hex');
    return this.#claim(sha, () => {
      let at = 0;
      this.#builder.addLarge(sha, content.length, mtimeMs / 1000, (room) => {
        at += content.copy(room, 0, at, at + room.length);
      });
    });
  }

  /** Keeps what lies in the builder's room, unless it is stored already. */
  #keep(content: Buffer, mtimeMs: number): StoredPart {
    const sha = hash('sha256', content, 'hex');
    return this.#claim(sha, () => this.#builder.commit(sha, content.length, mtimeMs / 1000));
  }

  #claim(sha: string, add: () => void): StoredPart {
    const tag = this.#tag;
    this.#tagInto(sha, tag);
    const known = this.#options.known?.lookup(tag);
    if (known !== undefined) return { sha, place: known };
    const taken = this.claims.claim(tag, this.#place);
    if (taken !== undefined) return { sha, place: taken };
    const place = this.#place;
    add();
    this.#tags.push(tag.toString('hex'));
    this.counts.entriesStored++;
    if (this.#builder.full) this.#finishPack();
    return { sha, place };
  }

  #finishPack(): void {
    const pack = this.#builder.finish();
    const tags = Buffer.from(this.#tags.sort().join(''), 'hex');
    this.#tags = [];
    this.#options.onPack({ ...pack, place: this.#place, tags });
    this.#place++;
  }

  /** Finishes the pack that is being filled. */
  flush(): void {
    if (!this.#builder.empty) this.#finishPack();
  }
}

/** Reads until the buffer is full or the file ends. @returns bytes read */
function fill(fd: number, into: Buffer, from = 0): number {
  let filled = 0;
  while (filled < into.length) {
    const got = readSync(fd, into, filled, into.length - filled, from + filled);
    if (got === 0) break;
    filled += got;
  }
  return filled;
}

/** As {@link fill}, where half of the entry may be in the pack already: no other file can do without the rest. */
function fillAgain(fd: number, into: Buffer, from: number): number {
  try {
    return fill(fd, into, from);
  } catch (error) {
    throw ioError(error, 'read', 'a file of more than 256 MiB');
  }
}

function changedWhileRead(): MailrecoverError {
  return new MailrecoverError('failed', 'a file of more than 256 MiB changed while it was read', { hint: 'run the backup again' });
}
