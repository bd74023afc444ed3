/** Whether a file can be mail: plain, or compressed or encrypted as Dovecot does it. For noticing what is neither. */

/** How files begin that Dovecot's zlib and mail-crypt plugins write. */
const MAGICS = [
  '\x1f\x8b', // gzip (RFC 1952)
  'BZh', // bzip2
  '\xfd7zXZ\0', // xz
  '\x28\xb5\x2f\xfd', // zstd (RFC 8878)
  'Dovecot-LZ4\r\x2a\x9b\xc5',
  'CRYPTED\x03\x07', // mail-crypt
];

/** A header field (RFC 5322, section 3.6.8): printable characters without a colon, then the colon; or the line that mbox files begin with. */
const FIELD = /^(?:>?From |[\x21-\x39\x3b-\x7e]{1,200}[ \t]*:)/;

/** @param head the first bytes of the file, a few hundred are enough; a file without any is no surprise */
export function looksLikeMail(head: Uint8Array): boolean {
  if (head.length === 0) return true;
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, 256)).toString('latin1');
  return MAGICS.some((magic) => text.startsWith(magic)) || FIELD.test(text);
}
