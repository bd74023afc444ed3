/**
 * Knowing a message again on a server that may have changed its bytes (some servers add lines, fold others anew): by Message-ID, sender,
 * subject and date, and by when it was received. Equal ones are counted.
 */
import { readHeaders } from '../../store/message/headers.ts';

/** The header fields that {@link keyOf} reads. */
export const KEY_FIELDS = ['message-id', 'from', 'subject', 'date'];

/** @param head the first bytes of a message, or its header fields alone */
export function keyOf(head: Buffer): string {
  const { messageId = '', from = '', subject = '', date = '' } = readHeaders(head);
  const plain = (text: string): string => text.replace(/\s+/g, ' ').trim();
  return [messageId, from, subject, date].map(plain).join('\0');
}

/** The messages of a folder on the server; each stands for one of the snapshot's. */
export class ServedKeys {
  readonly #received = new Map<string, number[]>();

  /** @param received seconds since 1970 */
  add(key: string, received: number): void {
    const held = this.#received.get(key);
    if (held === undefined) this.#received.set(key, [received]);
    else held.push(received);
  }

  /** Takes one that was received at that very second. */
  takeExact(key: string, received: number): boolean {
    const held = this.#received.get(key);
    const at = held?.indexOf(received) ?? -1;
    if (at < 0) return false;
    held?.splice(at, 1);
    return true;
  }

  /** Takes one, whenever it was received. */
  take(key: string): boolean {
    return this.#received.get(key)?.pop() !== undefined;
  }
}
