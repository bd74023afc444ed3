/** Mailboxes as people name them on a command line. */
import { type ByteString, displayBytes, toBytes } from './bytes.ts';

/**
 * The mailboxes that a name without `*` can mean: its bytes in UTF-8 and, where it is written as names that are not
 * UTF-8 are shown (`b%FFb@example.org`), those bytes.
 */
export function namedMailboxes(name: string): ByteString[] {
  const plain = toBytes(name);
  const bytes = plain.replace(/%([89A-F][0-9A-F]|25)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return bytes !== plain && displayBytes(bytes) === name ? [plain, bytes] : [plain];
}

/** Whether a mailbox fits one of the names; `*` stands for any characters. Without names all do. */
export function mailboxFilter(names: readonly string[] | undefined): (mailbox: ByteString) => boolean {
  if (names === undefined || names.length === 0) return () => true;
  const plain = new Set(names.filter((name) => !name.includes('*')).flatMap(namedMailboxes));
  const patterns = names.filter((name) => name.includes('*')).map(patternOf);
  return (mailbox) => plain.has(mailbox) || patterns.some((pattern) => pattern.test(mailbox));
}

function patternOf(name: string): RegExp {
  const literal = toBytes(name).replace(/[\\^$.+?()[\]{}|]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll(/\*+/g, '.*')}$`, 's');
}
