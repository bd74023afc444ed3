/** The payload of an age v1 file: ChaCha20-Poly1305 in chunks of 64 KiB (STREAM), over node:crypto. */
import { free } from '../../system/memory.ts';
import { Room } from '../room.ts';
import { unequal } from '../unequal.ts';
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';

export const CHUNK = 64 * 1024;
const TAG = 16;
const SEALED = CHUNK + TAG;
const SALT = 16;

function chunkNonce(index: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(index, 5, 6);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/** As a key object: the cipher of every chunk would else convert it anew. */
function payloadKey(fileKey: Buffer, salt: Buffer): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', fileKey, salt, 'payload', 32)));
}

/** The stored size of a payload of `plain` bytes, with its salt. */
export function sealedSize(plain: number): number {
  return SALT + plain + TAG * Math.max(1, Math.ceil(plain / CHUNK));
}

/** The size of the plain bytes in a payload of `sealed` stored bytes (salt included). */
export function plainSize(sealed: number): number {
  const body = sealed - SALT;
  return body - TAG * Math.max(1, Math.ceil(body / SEALED));
}

/**
 * Encrypts what is added bit by bit, behind `header`. A chunk is kept until more comes, since only the last one is sealed as such.
 */
export class Sealer {
  readonly #key: KeyObject;
  readonly #out: Room;
  readonly #prove: boolean;
  #index = 0;
  /** What was added and not encrypted: at most a chunk. */
  #held = Buffer.alloc(0);

  /** @param options.prove each chunk is decrypted again and compared @param options.room bytes that the result will have, more or less */
  constructor(header: Buffer, fileKey: Buffer, { prove = false, room = 0 }: { prove?: boolean; room?: number } = {}) {
    const salt = randomBytes(SALT);
    this.#key = payloadKey(fileKey, salt);
    this.#prove = prove;
    this.#out = new Room(room + header.length + SALT + TAG);
    this.#out.add(header);
    this.#out.add(salt);
  }

  /**
   * Encrypts all of `part` but what may belong to the last chunk, which is copied: `part` is not looked at again.
   * @throws MailrecoverError `failed` where a chunk did not come back as it was
   */
  add(part: Buffer): void {
    let at = 0;
    for (; this.#held.length + part.length - at > CHUNK; this.#held = Buffer.alloc(0)) {
      const piece = part.subarray(at, at + CHUNK - this.#held.length);
      this.#seal(this.#held.length === 0 ? [piece] : [this.#held, piece], false);
      at += piece.length;
    }
    if (at < part.length) this.#held = Buffer.concat([this.#held, part.subarray(at)]);
  }

  /** The result, in memory of its own. @throws as {@link add} */
  finish(): Buffer {
    this.#seal([this.#held], true);
    return this.#out.bytes;
  }

  #seal(pieces: readonly Buffer[], last: boolean): void {
    const start = this.#out.bytes.length;
    const nonce = chunkNonce(this.#index++, last);
    const cipher = createCipheriv('chacha20-poly1305', this.#key, nonce, { authTagLength: TAG });
    for (const piece of pieces) {
      const made = cipher.update(piece);
      this.#out.add(made);
      free(made);
    }
    cipher.final();
    this.#out.add(cipher.getAuthTag());
    if (this.#prove && !comesBack(() => openChunk(this.#key, nonce, this.#out.bytes.subarray(start)), pieces)) throw unequal();
  }
}

/**
 * Encrypts bytes behind `header`.
 * @throws as {@link Sealer.add}
 */
export function seal(header: Buffer, fileKey: Buffer, bytes: Buffer): Buffer {
  const sealer = new Sealer(header, fileKey, { room: sealedSize(bytes.length) });
  sealer.add(bytes);
  return sealer.finish();
}

function comesBack(open: () => Buffer, pieces: readonly Buffer[]): boolean {
  let plain: Buffer;
  try {
    plain = open();
  } catch {
    return false;
  }
  let at = 0;
  const same = pieces.every((piece) => plain.subarray(at, (at += piece.length)).equals(piece));
  const whole = at === plain.length;
  free(plain);
  return same && whole;
}

/** @param sealed what one chunk became, with its tag @throws where its bytes were changed */
function openChunk(key: KeyObject, nonce: Buffer, sealed: Buffer): Buffer {
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG });
  decipher.setAuthTag(sealed.subarray(-TAG));
  const plain = decipher.update(sealed.subarray(0, -TAG));
  decipher.final();
  return plain;
}

/**
 * Decrypts the chunks that cover the plain bytes `from` to `to` of a payload.
 * @param body stored bytes after the salt: a window that begins with chunk `firstChunk`
 * @param total number of plain bytes of the whole payload, which decides where the last chunk is
 * @throws MailrecoverError `damage` where a chunk is not what was written
 */
export function openChunks(key: KeyObject, body: Buffer, firstChunk: number, total: number, subject: string): Buffer {
  const chunks = Math.max(1, Math.ceil(total / CHUNK));
  const out = Buffer.allocUnsafeSlow(Math.max(0, body.length - TAG * Math.ceil(body.length / SEALED)));
  let written = 0;
  for (let at = 0, index = firstChunk; at < body.length; at += SEALED, index++) {
    const sealed = body.subarray(at, at + SEALED);
    try {
      const plain = openChunk(key, chunkNonce(index, index === chunks - 1), sealed);
      written += plain.copy(out, written);
      free(plain);
    } catch (cause) {
      throw new MailrecoverError('damage', `'${subject}' does not decrypt: its bytes were changed`, { subject, cause });
    }
  }
  return out.subarray(0, written);
}

/** The key of a payload whose stored bytes begin with its salt. */
export function keyOfPayload(fileKey: Buffer, payload: Buffer): KeyObject {
  return payloadKey(fileKey, payload.subarray(0, SALT));
}

/** Decrypts a whole payload (salt, then chunks). */
export function open(fileKey: Buffer, payload: Buffer, subject: string): Buffer {
  if (payload.length < SALT + TAG) throw new MailrecoverError('damage', `'${subject}' is cut short`, { subject });
  return openChunks(keyOfPayload(fileKey, payload), payload.subarray(SALT), 0, plainSize(payload.length), subject);
}

/** Which stored bytes (after the header) hold the plain bytes `from` to `to`, and with which chunk they begin. */
export function chunkWindow(from: number, to: number, total: number): { start: number; end: number; firstChunk: number } {
  const firstChunk = Math.floor(from / CHUNK);
  const lastChunk = Math.max(firstChunk, Math.ceil(to / CHUNK) - 1);
  const end = Math.min(SALT + (lastChunk + 1) * SEALED, sealedSize(total));
  return { start: SALT + firstChunk * SEALED, end, firstChunk };
}

export const SALT_SIZE = SALT;
