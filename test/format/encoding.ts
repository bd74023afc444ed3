/** Percent-encoding of names as bytes, and the names of objects, as docs/format.md describes them. */
import { createHash } from 'node:crypto';

const PLAIN = /^[A-Za-z0-9._,:=+@/~-]$/;

/** Encodes the bytes of a name. */
export function encodeName(name: Buffer | string): string {
  let out = '';
  for (const byte of Buffer.from(name as Buffer)) {
    const char = String.fromCharCode(byte);
    out += PLAIN.test(char) ? char : '%' + byte.toString(16).toUpperCase().padStart(2, '0');
  }
  return out;
}

/** Decodes a name to bytes; throws when it is not what `encodeName` writes, save that more bytes may be encoded than must be. */
export function decodeName(text: string): Buffer {
  if (!/^(?:[A-Za-z0-9._,:=+@/~-]|%[0-9A-F]{2})*$/.test(text)) throw new Error(`not a percent-encoded name: ${text}`);
  return Buffer.from(
    text.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    'latin1',
  );
}

/** Lower-case hexadecimal SHA-256. */
export function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Seconds and six digits of microseconds to whole microseconds since 1970. */
export function parseMtime(text: string): bigint {
  const match = /^(-?)(\d+)\.(\d{6})$/.exec(text);
  if (!match) throw new Error(`not a time: ${text}`);
  const value = BigInt(match[2] ?? '') * 1000000n + BigInt(match[3] ?? '');
  return match[1] === '-' ? -value : value;
}
