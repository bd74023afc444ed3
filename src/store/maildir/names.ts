import type { ByteString } from '../bytes.ts';

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

/** Whether the part of a name after its base holds nothing but the flags and keywords of a message, or is not there. */
export function holdsOnlyFlags(part: ByteString): boolean {
  return /^(?::2,[DFPRSTa-z]*)?$/.test(part);
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
