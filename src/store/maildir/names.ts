import { MailrecoverError } from '../../errors/error.ts';
import type { ByteString } from '../bytes.ts';

/** The characters that stand for themselves in catalogs (docs/format.md, "Catalogs"). */
const SAFE = /^[A-Za-z0-9._,:=+@/~-]*$/;
const UNSAFE_ALL = /[^A-Za-z0-9._,:=+@/~-]/g;

const ESCAPES: readonly string[] = Array.from({ length: 256 }, (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`);

/**
 * Percent-encodes a byte string (or the bytes of a Buffer) as catalogs want it: every byte except
 * `A-Z a-z 0-9 . _ , : = + @ / ~ -` becomes `%` and two upper-case hex digits.
 */
export function percentEncode(bytes: ByteString | Buffer): string {
  const text = typeof bytes === 'string' ? bytes : bytes.toString('latin1');
  if (SAFE.test(text)) return text;
  return text.replace(UNSAFE_ALL, (char) => {
    const escape = ESCAPES[char.charCodeAt(0)];
    if (escape === undefined) throw new MailrecoverError('bug', 'a name was encoded as text where bytes are wanted');
    return escape;
  });
}

const ENCODED = /^(?:[A-Za-z0-9._,:=+@/~-]|%[0-9A-F]{2})*$/;

/**
 * The byte string that {@link percentEncode} made a text of. Only the one canonical spelling is taken (upper-case
 * digits, nothing escaped that needs no escape), so that two different keys never mean the same name.
 * @throws {MailrecoverError} `damage` for anything else
 */
export function percentDecode(text: string): ByteString {
  if (SAFE.test(text)) return text;
  if (!ENCODED.test(text)) throw notEncoded(text);
  return text.replace(/%../g, (escape) => {
    const char = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    if (SAFE.test(char)) throw notEncoded(text);
    return char;
  });
}

/** The same as {@link percentDecode}, as a Buffer. */
export function percentDecodeBuffer(text: string): Buffer {
  return Buffer.from(percentDecode(text), 'latin1');
}

function notEncoded(text: string): MailrecoverError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return new MailrecoverError('damage', `a name is not percent-encoded as the format wants it: ${JSON.stringify(shown)}`);
}

/**
 * The base name of a message's file name: what stands before the first `:`. It never changes while the message
 * lives in a folder (https://cr.yp.to/proto/maildir.html).
 */
export function baseName(name: ByteString): ByteString {
  const colon = name.indexOf(':');
  return colon < 0 ? name : name.slice(0, colon);
}

/** The rest of the file name, from the first `:` on; empty when there is none. */
export function flagsPart(name: ByteString): ByteString {
  const colon = name.indexOf(':');
  return colon < 0 ? '' : name.slice(colon);
}

/**
 * Whether Dovecot takes a name in `cur` or `new` for a message: any name that does not begin with `.`, and that has a
 * base name (maildir-sync.c, maildir_scan_dir: "don't even try to use file with empty base name"). Any other spelling
 * will do. That it is a regular file is for the caller to see.
 */
export function isMessageName(name: ByteString): boolean {
  const first = name.charCodeAt(0);
  return first === first && first !== 0x2e && first !== 0x3a;
}
