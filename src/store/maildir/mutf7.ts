import type { ByteString } from '../bytes.ts';

/**
 * Folder names in IMAP's modified UTF-7 (RFC 3501 section 5.1.3): printable ASCII stands for itself, `&` is `&-`, and
 * everything else is UTF-16 in base64, with `,` for `/` and without padding, between `&` and `-`.
 */
export function mutf7Encode(text: string): ByteString {
  return text.toWellFormed().replace(/&|[^\x20-\x7e]+/g, (run) => (run === '&' ? '&-' : `&${base64(run)}-`));
}

/**
 * The text of a name in modified UTF-7; undefined where it is not the one spelling that {@link mutf7Encode} gives. Two
 * spellings of one name would be two folders with the same name, so other ones ("superfluous shifts", encoded ASCII)
 * are no valid names, as the RFC has it.
 */
export function mutf7Decode(bytes: ByteString): string | undefined {
  if (!bytes.includes('&')) return /^[\x20-\x7e]*$/.test(bytes) ? bytes : undefined;
  const text = bytes.replace(/&([^-]*)-/g, (_, run: string) => (run === '' ? '&' : utf16(run)));
  return text.isWellFormed() && mutf7Encode(text) === bytes ? text : undefined;
}

function base64(text: string): string {
  return Buffer.from(text, 'utf16le').swap16().toString('base64').replace(/=+$/, '').replaceAll('/', ',');
}

function utf16(run: string): string {
  const bytes = Buffer.from(run.replaceAll(',', '/'), 'base64');
  return bytes.length % 2 === 0 ? bytes.swap16().toString('utf16le') : '';
}
