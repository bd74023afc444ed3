/**
 * Names on disk are bytes, not text. In memory they are *byte strings*: JavaScript strings in which every character is
 * one byte (code 0 to 255), as `buffer.toString('latin1')` gives them. They compare in byte order and survive names
 * that are not UTF-8.
 */
export type ByteString = string;

/** Most names are plain ASCII, where text and byte string are the same string. */
// oxlint-disable-next-line no-control-regex
const ASCII = /^[\x00-\x7f]*$/;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The bytes of a text in UTF-8, as a byte string. */
export function toBytes(text: string): ByteString {
  return ASCII.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The text of a byte string that is UTF-8; undefined where it is not. */
export function toText(bytes: ByteString): string | undefined {
  if (ASCII.test(bytes)) return bytes;
  try {
    return strictUtf8.decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return undefined;
  }
}

/** A byte string for `fs` calls: the string itself when it is ASCII (faster), else its bytes. */
export function fsPath(bytes: ByteString): string | Buffer {
  return ASCII.test(bytes) ? bytes : Buffer.from(bytes, 'latin1');
}

/** A byte string for people: its text, or with the bytes above 127 percent-encoded where it is not UTF-8. */
export function displayBytes(bytes: ByteString): string {
  return toText(bytes) ?? bytes.replace(/[\x80-\xff%]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
