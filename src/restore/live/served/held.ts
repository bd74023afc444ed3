/** What lies in the folders of a mailbox as Dovecot serves it, and what of a snapshot is among it. */
import type { ImapFlow } from 'imapflow';
import { toSeconds } from '../../../store/imap/times.ts';
import { KEY_FIELDS, keyOf } from '../../imap/keys.ts';

/**
 * How a message is known again: by Message-ID, sender, subject and date, and by its size as IMAP counts it. It is the same server that
 * served it before, so it has not changed a byte.
 */
export function sizedKey(head: Buffer, size: number): string {
  return `${size}\0${keyOf(head)}`;
}

/** The messages of one folder by key: when each of them was received, seconds since 1970. */
export type Keys = Map<string, number[]>;

/** Of messages with these UIDs, or all. The folder is open. */
export async function servedKeys(client: ImapFlow, range: string, uid: boolean): Promise<{ uid: number; key: string; received: number }[]> {
  const found: { uid: number; key: string; received: number }[] = [];
  const query = { uid: true, internalDate: true, size: true, headers: KEY_FIELDS };
  for await (const each of client.fetch(range, query, { uid }))
    if (each.headers !== undefined && each.size !== undefined)
      found.push({ uid: each.uid, key: sizedKey(each.headers, each.size), received: toSeconds(each.internalDate) });
  return found;
}

/** Each folder is asked for once. */
export class HeldMail {
  readonly #client: ImapFlow;
  readonly #all = new Map<string, Keys>();
  readonly #left = new Map<string, Keys>();
  readonly #claimed = new Map<string, number>();

  constructor(client: ImapFlow) {
    this.#client = client;
  }

  async #of(path: string): Promise<Keys> {
    let keys = this.#all.get(path);
    if (keys !== undefined) return keys;
    keys = new Map();
    const { exists } = await this.#client.mailboxOpen(path, { readOnly: true });
    if (exists > 0)
      for (const { key, received } of await servedKeys(this.#client, '1:*', false)) {
        const held = keys.get(key);
        if (held === undefined) keys.set(key, [received]);
        else held.push(received);
      }
    this.#all.set(path, keys);
    this.#left.set(path, new Map([...keys].map(([key, list]) => [key, [...list]])));
    return keys;
  }

  /** Takes one of a folder for each of these, first those that were received at the same second. @returns those that are not there */
  async missing<T extends { key: string; received: number }>(path: string, wanted: readonly T[]): Promise<T[]> {
    await this.#of(path);
    const left = this.#left.get(path) ?? new Map<string, number[]>();
    const others = wanted.filter(({ key, received }) => {
      const held = left.get(key);
      const at = held?.indexOf(received) ?? -1;
      if (at >= 0) held?.splice(at, 1);
      return at < 0;
    });
    return others.filter(({ key }) => left.get(key)?.pop() === undefined);
  }

  /** Takes a message of a folder that is more than the snapshot has there: one that was moved. */
  async claim(path: string, key: string, expected: number): Promise<boolean> {
    const count = (await this.#of(path)).get(key)?.length ?? 0;
    const id = `${path}\0${key}`;
    const claimed = this.#claimed.get(id) ?? 0;
    if (count - expected - claimed <= 0) return false;
    this.#claimed.set(id, claimed + 1);
    return true;
  }
}
