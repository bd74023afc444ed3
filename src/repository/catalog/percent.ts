/**
 * Names in catalogs: bytes, percent-encoded. In memory such a name is a *binary
 * string*: one character a byte (`latin1`), so any bytes survive.
 */

const UNSAFE = /[^A-Za-z0-9._,:=+@/~-]/;
const UNSAFE_ALL = /[^A-Za-z0-9._,:=+@/~-]/g;
const ENCODED = /^(?:[A-Za-z0-9._,:=+@/~-]|%[0-9A-F]{2})*$/;
const ESCAPE = /%([0-9A-F]{2})/g;
const HEX = Array.from({ length: 256 }, (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`);

/** Encodes a binary string. */
export function encodeName(name: string): string {
  return UNSAFE.test(name) ? name.replace(UNSAFE_ALL, (byte) => HEX[byte.charCodeAt(0)] as string) : name;
}

/**
 * Decodes to a binary string.
 * @returns undefined for anything but the one spelling that {@link encodeName} gives, so that two spellings never mean the same name
 */
export function decodeName(text: string): string | undefined {
  if (!UNSAFE.test(text)) return text;
  if (!ENCODED.test(text)) return undefined;
  const name = text.replace(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return encodeName(name) === text ? name : undefined;
}

/** Text as a binary string of its UTF-8 bytes. */
export function toBinary(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** A binary string as text; bytes that are no UTF-8 become U+FFFD. */
export function fromBinary(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}

/** Compares two strings by their bytes as written (both hold only ASCII, or are binary strings). */
export function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
