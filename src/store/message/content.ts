/** What the bytes of a stored message are. */
export type Content = 'mail' | 'empty' | 'gzip' | 'zstd' | 'bzip2' | 'xz' | 'lz4' | 'mail-crypt' | 'unknown';

/** Magic bytes of what Dovecot's mail_compress (zlib) and mail_crypt plugins write; the file's name does not tell. */
const MAGIC: readonly (readonly [Content, Buffer])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b])],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['bzip2', Buffer.from('BZh')],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
  ['lz4', Buffer.from('Dovecot-LZ4\x0d\x2a\x9b\xc5', 'latin1')],
  ['mail-crypt', Buffer.from('CRYPTED\x03\x07', 'latin1')],
];

const DEL = 0x7f;
const COLON = 0x3a;

/**
 * What a message's file holds, from its first bytes. `mail` means that it begins with a header field (RFC 5322 section
 * 2.2), or with the `From ` line that some deliveries leave there; `unknown` is anything that is neither mail nor
 * compressed nor encrypted by Dovecot.
 */
export function contentOf(head: Buffer): Content {
  const first = head[0];
  if (first === undefined) return 'empty';
  for (const [content, magic] of MAGIC) {
    if (first === magic[0] && head.subarray(0, magic.length).equals(magic)) return content;
  }
  return beginsWithField(head) ? 'mail' : 'unknown';
}

function beginsWithField(head: Buffer): boolean {
  let at = 0;
  for (const end = Math.min(head.length, 256); at < end; at++) {
    const byte = head[at] ?? 0;
    if (byte === COLON) return at > 0;
    // A field's name is printable ASCII; white space before the colon is obsolete but lawful (section 4.5.3).
    if (byte <= 0x20 || byte >= DEL) break;
  }
  if (at === 0) return false;
  const text = head.toString('latin1', 0, Math.min(head.length, 256));
  return /^>?From \S/.test(text) || /^[!-9;-~]+[ \t]+:/.test(text);
}
