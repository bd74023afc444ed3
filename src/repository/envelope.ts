/** The wrapping that packs and catalogs share (docs/format.md, "The wrapping"). */
import { randomBytes } from 'node:crypto';
import { MailrecoverError } from '../errors/error.ts';
import { decodeHeader, encodeHeader, MAX_HEADER } from './age/header.ts';
import type { Identity, Recipient } from './age/keys.ts';
import { chunkWindow, keyOfPayload, open, openChunks, plainSize, SALT_SIZE, seal, Sealer } from './age/payload.ts';
import type { Target } from './target.ts';
import { Room } from './room.ts';
import { unequal } from './unequal.ts';
import { decodeFooter, encodeFooter, FOOTER_SIZE } from './zstd.ts';

/** How much is read of an object to find its header, or its end. */
const HEAD = 4096;
const TAIL = 128 * 1024;

/** Wraps frames, one after the other, for the recipients; without recipients they stay in clear. */
export class Wrapping {
  readonly #sink: Sealer | Clear;
  #offset = 0;

  /** @param options.prove what is undone again must be what was added @param options.room bytes that the result will have, more or less */
  constructor(recipients: readonly Recipient[] | undefined, options: { prove?: boolean; room?: number } = {}) {
    if (recipients === undefined) this.#sink = new Clear(options);
    else {
      const fileKey = randomBytes(16);
      this.#sink = new Sealer(encodeHeader(fileKey, recipients), fileKey, options);
    }
  }

  /**
   * Adds a frame, which is not looked at again.
   * @returns where it begins in the compressed stream
   * @throws MailrecoverError `failed` where it did not come back as it was
   */
  add(frame: Buffer): number {
    this.#sink.add(frame);
    this.#offset += frame.length;
    return this.#offset - frame.length;
  }

  /** Adds the table frame, which ends the object. @returns all of it, in memory of its own @throws as {@link add} */
  finish(table: Buffer): Buffer {
    this.#sink.add(encodeFooter(this.add(table)));
    return this.#sink.finish();
  }
}

/** Takes what a `Sealer` takes, and leaves it as it is. */
class Clear {
  readonly #room: Room;
  readonly #prove: boolean;

  constructor({ prove = false, room = 0 }: { prove?: boolean; room?: number }) {
    this.#room = new Room(room);
    this.#prove = prove;
  }

  add(part: Buffer): void {
    this.#room.add(part);
    if (this.#prove && !this.#room.bytes.subarray(-part.length).equals(part)) throw unequal();
  }

  finish(): Buffer {
    return this.#room.bytes;
  }
}

/** Opens an object that is in memory: the compressed stream with its footer. */
export function openWhole(bytes: Buffer, identities: readonly Identity[] | undefined, subject: string): Buffer {
  if (identities === undefined) return bytes;
  const { fileKey, length } = decodeHeader(bytes, identities, subject);
  return open(fileKey, bytes.subarray(length), subject);
}

/** Where the table frame begins in a compressed stream that is in memory. */
export function tableOffset(stream: Buffer, subject: string): number {
  return decodeFooter(stream.subarray(-FOOTER_SIZE), stream.length, subject);
}

/** An object on a target, of which only parts are read. */
export interface Window {
  /** Bytes of the compressed stream, footer included. */
  size: number;
  /** Bytes `from` up to, not including, `to` of the compressed stream. */
  read(from: number, to: number): Promise<Buffer>;
}

async function clearWindow(target: Target, path: string, size: number): Promise<Window> {
  return { size, read: (from, to) => target.getRange(path, from, to) };
}

/**
 * Opens an object for reading parts of it.
 * @param identities undefined where the object is not encrypted
 */
export async function openWindow(target: Target, path: string, identities: readonly Identity[] | undefined): Promise<Window> {
  const stored = await target.size(path);
  if (stored === undefined) throw new MailrecoverError('damage', `'${path}' is missing from the repository`, { subject: path });
  if (identities === undefined) return clearWindow(target, path, stored);
  let head = await target.getRange(path, 0, HEAD);
  if (head.indexOf('\n---') < 0 && stored > HEAD) head = await target.getRange(path, 0, MAX_HEADER + SALT_SIZE);
  const { fileKey, length } = decodeHeader(head, identities, path);
  const salt = head.subarray(length, length + SALT_SIZE);
  const size = plainSize(stored - length);
  if (size < FOOTER_SIZE || salt.length < SALT_SIZE) throw new MailrecoverError('damage', `'${path}' is cut short`, { subject: path });
  const key = keyOfPayload(fileKey, salt);
  return {
    size,
    async read(from, to) {
      const { start, end, firstChunk } = chunkWindow(from, to, size);
      const body = await target.getRange(path, length + start, length + end);
      if (body.length < end - start) throw new MailrecoverError('damage', `'${path}' is cut short`, { subject: path });
      const plain = openChunks(key, body, firstChunk, size, path);
      const skipped = firstChunk * 64 * 1024;
      return plain.subarray(from - skipped, to - skipped);
    },
  };
}

/** Reads the table frame of an object, and where it begins; mostly in one request. */
export async function readTableFrame(window: Window, subject: string): Promise<{ frame: Buffer; offset: number }> {
  const from = Math.max(0, window.size - TAIL);
  const tail = await window.read(from, window.size);
  const offset = decodeFooter(tail.subarray(-FOOTER_SIZE), window.size, subject);
  const end = window.size - FOOTER_SIZE;
  if (offset >= from) return { frame: tail.subarray(offset - from, end - from), offset };
  return { frame: await window.read(offset, end), offset };
}

/** Wraps plain bytes, without frames or footer, for the recipients. */
export function sealPlain(bytes: Buffer, recipients: readonly Recipient[] | undefined): Buffer {
  if (recipients === undefined) return bytes;
  const fileKey = randomBytes(16);
  return seal(encodeHeader(fileKey, recipients), fileKey, bytes);
}
