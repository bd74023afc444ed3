/** The mailboxes that are watched: where they lie, and what a backup calls them. */
import { displayBytes, toText } from '../../store/bytes.ts';
import type { StoreSource } from '../mailboxes.ts';
import { storeMailboxes } from '../mailboxes.ts';
import { watchedRoot, type WatchedRoot } from './places.ts';

/** Names by path; undefined for one whose name is no plain text, and can't be asked for. */
export type Mailboxes = ReadonlyMap<string, string | undefined>;

/** Whether messages are files of their own, which make events of their own. */
export function isWatched({ format = 'maildir', imap }: StoreSource): boolean {
  return format === 'maildir' && imap === undefined;
}

/** @throws as listing a store does */
export async function listMailboxes(stores: readonly StoreSource[], signal: AbortSignal | undefined): Promise<Mailboxes> {
  const found = new Map<string, string | undefined>();
  for (const store of stores.filter(isWatched)) {
    for (const { mailbox, areas } of (await storeMailboxes(store, '', signal)).mailboxes) {
      const path = toText(areas.find(({ area }) => area === 'mail')?.path ?? '');
      const name = toText(mailbox);
      if (path !== undefined && path !== '')
        found.set(path, name === undefined || /[*?[\]%]/.test(name) ? undefined : displayBytes(mailbox));
    }
  }
  return found;
}

/** Where mailboxes come and go. */
export function rootsOf(stores: readonly StoreSource[]): WatchedRoot[] {
  return stores.filter(isWatched).flatMap(({ path }) => watchedRoot(path) ?? []);
}

/** The names of these mailboxes; undefined where one is not known: then all are to be looked at. */
export function namesOf(paths: ReadonlySet<string>, mailboxes: Mailboxes): string[] | undefined {
  const names: string[] = [];
  for (const path of paths) {
    const name = mailboxes.get(path);
    if (name === undefined) return undefined;
    names.push(name);
  }
  return names.length === 0 ? undefined : names;
}
