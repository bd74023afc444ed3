/** What of the wanted mail an account does not have yet, and where it goes. */
import type { ImapFlow, ListResponse } from 'imapflow';
import { toSeconds } from '../../store/imap/times.ts';
import { KEY_FIELDS, keyOf, ServedKeys } from './keys.ts';
import type { Contents, WantedFolder, WantedMessage } from './wanted.ts';

/** A folder, and what is to be added to it. */
export interface FolderTask {
  folder: WantedFolder;
  /** Path on the server. */
  path: string;
  create: boolean;
  missing: WantedMessage[];
  present: number;
}

/** Folders that servers have for a purpose (RFC 6154), by the names that others use for them. */
const PURPOSES: Readonly<Record<string, string>> = {
  sent: '\\Sent',
  'sent items': '\\Sent',
  'sent messages': '\\Sent',
  drafts: '\\Drafts',
  trash: '\\Trash',
  'deleted items': '\\Trash',
  junk: '\\Junk',
  spam: '\\Junk',
  archive: '\\Archive',
};

/** Where a folder goes: to the one of its name, else to the one of its purpose (unless `byName` alone counts), else it is to be made. */
export function placeOnServer(
  client: ImapFlow,
  list: readonly ListResponse[],
  levels: readonly string[],
  byName = false,
): { path: string; create: boolean } {
  if (levels.length === 1 && levels[0]?.toUpperCase() === 'INBOX') return { path: 'INBOX', create: false };
  const delimiter = client.namespace?.delimiter ?? '/';
  // A character that parts levels there can not stand in one.
  const plain = levels.map((level) => level.replaceAll(delimiter, '_')).join(delimiter);
  const prefix = client.namespace?.prefix ?? '';
  const path = plain.startsWith(prefix) ? plain : prefix + plain;
  const held = list.find((each) => each.path === path);
  if (held !== undefined && !held.flags.has('\\Noselect') && !held.flags.has('\\NonExistent')) return { path, create: false };
  const purpose = levels.length === 1 && !byName ? PURPOSES[plain.toLowerCase()] : undefined;
  const special = purpose === undefined ? undefined : list.find(({ specialUse }) => specialUse === purpose);
  return special === undefined ? { path, create: true } : { path: special.path, create: false };
}

/** What lies in a folder on the server. */
async function servedKeys(client: ImapFlow, path: string): Promise<ServedKeys> {
  const served = new ServedKeys();
  const { exists } = await client.mailboxOpen(path, { readOnly: true });
  if (exists === 0) return served;
  for await (const { headers, internalDate } of client.fetch('1:*', { uid: true, internalDate: true, headers: KEY_FIELDS })) {
    if (headers !== undefined) served.add(keyOf(headers), toSeconds(internalDate));
  }
  return served;
}

/** Keys of wanted messages; each message is read once. */
export class WantedKeys {
  readonly #keys = new Map<WantedMessage, string>();

  async learn(messages: readonly WantedMessage[], contents: Contents): Promise<void> {
    const unknown = messages.filter((message) => !this.#keys.has(message));
    for await (const { message, content } of contents.read(unknown)) this.#keys.set(message, keyOf(content));
  }

  get(message: WantedMessage): string | undefined {
    return this.#keys.get(message);
  }
}

/** Compares one folder with the server's. */
export async function compareFolder(
  client: ImapFlow,
  list: readonly ListResponse[],
  folder: WantedFolder,
  contents: Contents,
  keys: WantedKeys,
): Promise<FolderTask> {
  const place = placeOnServer(client, list, folder.levels);
  if (place.create || folder.messages.length === 0) return { folder, ...place, missing: folder.messages, present: 0 };
  const served = await servedKeys(client, place.path);
  await keys.learn(folder.messages, contents);
  const received = (message: WantedMessage): number => Math.floor(message.state.mtime / 1e6);
  const left = folder.messages.filter((message) => {
    const key = keys.get(message);
    // What can not be read can not be added either.
    return key !== undefined && !served.takeExact(key, received(message));
  });
  const missing = left.filter((message) => !served.take(keys.get(message) ?? ''));
  return { folder, ...place, missing, present: folder.messages.length - missing.length };
}
