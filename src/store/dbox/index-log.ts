/** Dovecot's `dovecot.index.log` (mail-transaction-log.h): what changed since the index was written last. */
import { IndexDamage, nextUid, setNextUid, type Extension, type IndexedMessage, type IndexState } from './index-state.ts';

/** enum mail_transaction_type */
const TYPE = {
  expunge: 0xcd91,
  expungeGuid: 0xed90,
  append: 0x0002,
  flags: 0x0004,
  header: 0x0020,
  extension: 0x0040,
  extensionReset: 0x0080,
  extensionRecord: 0x0200,
  keywords: 0x0400,
  keywordReset: 0x0800,
  increment: 0x1000,
  deleted: 0x0002_0000,
  undeleted: 0x0004_0000,
} as const;
const TYPE_MASK = 0x0fff_ffff;
const HEADER = 8;
const REMOVE_KEYWORD = 1;
const NEW = 0xffff_ffff;

const align4 = (size: number): number => (size + 3) & ~3;

export interface LogHead {
  size: number;
  indexId: number;
  sequence: number;
  previous: number;
}

export function parseLogHead(log: Buffer): LogHead | undefined {
  if (log.length < 24 || log[0] !== 1) return undefined;
  return { size: log.readUInt16LE(2), indexId: log.readUInt32LE(4), sequence: log.readUInt32LE(8), previous: log.readUInt32LE(12) };
}

/** A size as the log has it: 28 bits in the lower seven of each byte, the highest of which is set once it was written whole. */
function sizeOf(log: Buffer, at: number): number {
  const value = log.readUInt32BE(at);
  if ((value & 0x8080_8080) >>> 0 !== 0x8080_8080) return 0;
  return (((value & 0x7f) | ((value & 0x7f00) >> 1) | ((value & 0x7f_0000) >> 2) | ((value & 0x7f00_0000) >> 3)) << 2) >>> 0;
}

/**
 * Applies what a log says from an offset on.
 * @returns where it ends: less than its length while something was being written
 * @throws {IndexDamage}
 */
export function replayLog(state: IndexState, log: Buffer, from: number): number {
  const replay = new Replay(state);
  let at = from;
  while (at + HEADER <= log.length) {
    const size = sizeOf(log, at);
    if (size === 0 || at + size > log.length) break;
    if (size < HEADER) throw new IndexDamage('the log of the index is damaged');
    try {
      replay.apply(log.readUInt32LE(at + 4) & TYPE_MASK, log.subarray(at + HEADER, at + size));
    } catch (error) {
      if (error instanceof RangeError) throw new IndexDamage('the log of the index is damaged');
      throw error;
    }
    at += size;
  }
  return at;
}

class Replay {
  readonly #state: IndexState;
  /** The extension that the records which follow are of; undefined where they are to be passed over. */
  #extension: { number: number; size: number } | undefined;
  #reset: number | undefined;

  constructor(state: IndexState) {
    this.#state = state;
  }

  apply(type: number, data: Buffer): void {
    const { messages } = this.#state;
    switch (type) {
      // A request to expunge counts as done: the next server that opens the folder carries it out.
      case TYPE.expunge:
        for (let at = 0; at + 8 <= data.length; at += 8) for (const uid of this.#uids(data, at)) messages.delete(uid);
        break;
      case TYPE.expungeGuid:
        for (let at = 0; at + 20 <= data.length; at += 20) messages.delete(data.readUInt32LE(at));
        break;
      case TYPE.append:
        for (let at = 0; at + 8 <= data.length; at += 8) {
          const uid = data.readUInt32LE(at);
          messages.set(uid, { flags: data[at + 4] ?? 0, keywords: new Set(), data: [] });
          if (uid >= nextUid(this.#state)) setNextUid(this.#state, uid + 1);
        }
        break;
      case TYPE.flags:
        for (let at = 0; at + 12 <= data.length; at += 12)
          for (const uid of this.#uids(data, at)) {
            const message = messages.get(uid);
            if (message !== undefined) message.flags = (message.flags & ~(data[at + 9] ?? 0)) | (data[at + 8] ?? 0);
          }
        break;
      case TYPE.header:
        for (let at = 0; at + 4 <= data.length;) {
          const [offset, size] = [data.readUInt16LE(at), data.readUInt16LE(at + 2)];
          data.copy(this.#state.header, offset, at + 4, at + 4 + size);
          at += align4(4 + size);
        }
        break;
      case TYPE.extension:
        for (let at = 0; at + 20 <= data.length; at += align4(20 + data.readUInt16LE(at + 18))) this.#introduce(data, at);
        break;
      case TYPE.extensionReset:
        this.#resetExtension(data);
        break;
      case TYPE.extensionRecord:
        this.#records(data);
        break;
      case TYPE.increment:
        this.#increment(data);
        break;
      case TYPE.keywords:
        this.#keywords(data);
        break;
      case TYPE.keywordReset:
        for (let at = 0; at + 8 <= data.length; at += 8) for (const uid of this.#uids(data, at)) messages.get(uid)?.keywords.clear();
        break;
      case TYPE.deleted:
        this.#state.deleted = true;
        break;
      case TYPE.undeleted:
        this.#state.deleted = false;
        break;
      default:
    }
  }

  /** The UIDs of a range that are there. */
  *#uids(data: Buffer, at: number): Generator<number> {
    const [first, last] = [data.readUInt32LE(at), data.readUInt32LE(at + 4)];
    const { messages } = this.#state;
    if (last - first > messages.size) {
      for (const uid of messages.keys()) if (uid >= first && uid <= last) yield uid;
    } else for (let uid = first; uid <= last; uid++) if (messages.has(uid)) yield uid;
  }

  #numberOf(name: string): number {
    const { extensions } = this.#state;
    const number = extensions.findIndex((extension) => extension.name === name);
    return number >= 0 ? number : extensions.push({ name, resetId: 0, recordSize: 0 } satisfies Extension) - 1;
  }

  #introduce(data: Buffer, at: number): void {
    const { extensions } = this.#state;
    const id = data.readUInt32LE(at);
    const resetId = data.readUInt32LE(at + 4);
    const size = data.readUInt16LE(at + 12);
    const known = extensions.length;
    const number = id === NEW ? this.#numberOf(data.toString('latin1', at + 20, at + 20 + data.readUInt16LE(at + 18))) : id;
    const extension = extensions[number];
    this.#reset = number;
    if (extension === undefined) throw new IndexDamage(`the log of the index speaks of extension ${id}, of which there are ${known}`);
    if (number === known) extension.resetId = resetId;
    extension.recordSize = Math.max(extension.recordSize, size);
    // Of another generation than what is there: meant for data that is gone.
    this.#extension = extension.resetId === resetId ? { number, size } : undefined;
  }

  #resetExtension(data: Buffer): void {
    const number = this.#reset;
    const extension = number === undefined ? undefined : this.#state.extensions[number];
    if (number === undefined || extension === undefined) return;
    extension.resetId = data.readUInt32LE(0);
    if (data[4] === 0) for (const message of this.#state.messages.values()) message.data[number] = undefined;
    this.#extension = { number, size: extension.recordSize };
  }

  #records(data: Buffer): void {
    if (this.#extension === undefined) return;
    const { number, size } = this.#extension;
    const step = align4(4 + size);
    for (let at = 0; at + 4 + size <= data.length; at += step) {
      const message = this.#state.messages.get(data.readUInt32LE(at));
      if (message !== undefined) message.data[number] = data.subarray(at + 4, at + 4 + size);
    }
  }

  #increment(data: Buffer): void {
    if (this.#extension === undefined) return;
    const { number, size } = this.#extension;
    for (let at = 0; at + 8 <= data.length; at += 8) {
      const message: IndexedMessage | undefined = this.#state.messages.get(data.readUInt32LE(at));
      if (message === undefined || size > 4 || size === 0) continue;
      const bytes = Buffer.alloc(size);
      message.data[number]?.copy(bytes);
      bytes.writeUIntLE(Math.max(0, bytes.readUIntLE(0, size) + data.readInt32LE(at + 4)) % 2 ** (8 * size), 0, size);
      message.data[number] = bytes;
    }
  }

  #keywords(data: Buffer): void {
    const size = data.readUInt16LE(2);
    const name = data.toString('latin1', 4, 4 + size);
    // Dovecot makes the extension with the first keyword, and numbers those that come after by it.
    this.#numberOf('keywords');
    for (let at = align4(4 + size); at + 8 <= data.length; at += 8)
      for (const uid of this.#uids(data, at)) {
        const message = this.#state.messages.get(uid);
        if (data[0] === REMOVE_KEYWORD) message?.keywords.delete(name);
        else message?.keywords.add(name);
      }
  }
}
