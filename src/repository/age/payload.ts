/** The payload of an age v1 file: ChaCha20-Poly1305 in chunks of 64 KiB (STREAM), over node:crypto. */
import { free } from '../../system/memory.ts';
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

/** Copies what a cipher made, which is used up then. @returns bytes copied */
function take(made: Buffer, into: Buffer, at: number): number {
  const size = made.copy(into, at);
  free(made);
  return size;
}

export interface SealOptions {
  /** Each chunk is decrypted again and compared. */
  prove?: boolean;
  /** Is told of each part that is encrypted, and proved where that was asked for: it is not looked at again. */
  used?: (part: Buffer) => void;
}

/**
 * Encrypts `parts`, one after the other, behind `header`; the result is one buffer.
 * @throws MailrecoverError `failed` where a chunk did not come back as it was
 */
export function seal(header: Buffer, fileKey: Buffer, parts: readonly Buffer[], { prove = false, used }: SealOptions = {}): Buffer {
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  const out = Buffer.allocUnsafeSlow(header.length + sealedSize(total));
  header.copy(out);
  const salt = randomBytes(SALT);
  salt.copy(out, header.length);
  const key = payloadKey(fileKey, salt);
  let at = header.length + SALT;
  let part = 0;
  let offset = 0;
  const chunks = Math.max(1, Math.ceil(total / CHUNK));
  for (let index = 0; index < chunks; index++) {
    const last = index === chunks - 1;
    const start = at;
    const pieces: Buffer[] = [];
    const finished: Buffer[] = [];
    const cipher = createCipheriv('chacha20-poly1305', key, chunkNonce(index, last), { authTagLength: TAG });
    let room = last ? total - index * CHUNK : CHUNK;
    while (room > 0) {
      const source = parts[part] as Buffer;
      const piece = source.subarray(offset, offset + room);
      pieces.push(piece);
      at += take(cipher.update(piece), out, at);
      room -= piece.length;
      offset += piece.length;
      if (offset === source.length) {
        finished.push(source);
        part++;
        offset = 0;
      }
    }
    cipher.final();
    at += cipher.getAuthTag().copy(out, at);
    if (prove && !comesBack(() => openChunks(key, out.subarray(start, at), index, total, 'new object'), pieces)) throw unequal();
    if (used !== undefined) finished.forEach(used);
  }
  return out;
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
      const decipher = createDecipheriv('chacha20-poly1305', key, chunkNonce(index, index === chunks - 1), { authTagLength: TAG });
      decipher.setAuthTag(sealed.subarray(-TAG));
      written += take(decipher.update(sealed.subarray(0, -TAG)), out, written);
      decipher.final();
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
