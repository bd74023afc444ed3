/** Which part of a snapshot is wanted. */
import { MailrecoverError } from '../errors/error.ts';
import type { FullDir, FullSection, MessageState } from '../repository/catalog/model.ts';
import type { Wanted } from '../repository/catalog/reader.ts';
import { displayBytes, toBytes } from '../store/bytes.ts';
import { folderName, type FolderLayout } from '../store/maildir/layout.ts';

export interface Selection {
  /** As users know them; all where absent. */
  mailboxes?: readonly string[];
  /** By their IMAP names, each with all that is in it but not its subfolders. */
  folders?: readonly string[];
  /** Messages by the id that `find` and `ls` show, or by base name. */
  messages?: readonly string[];
}

/** Length of the message ids that are shown: the beginning of the SHA-256. */
export const MESSAGE_ID_LENGTH = 16;

export function wantedMailboxes(selection: Selection): Wanted {
  return selection.mailboxes?.map((mailbox) => ({ mailbox: toBytes(mailbox) }));
}

function isWantedMessage(ids: readonly string[], base: string, message: MessageState): boolean {
  return ids.some((id) => (/^[0-9a-f]{8,64}$/.test(id) && message.sha.startsWith(id)) || id === displayBytes(base));
}

function onlyMessages(dir: FullDir, ids: readonly string[]): FullDir {
  const messages = new Map([...dir.messages].filter(([base, message]) => isWantedMessage(ids, base, message)));
  return { ...dir, files: new Map(), links: new Map(), messages };
}

/** Whether a directory belongs to a folder: it, or its `cur`, `new` and `tmp`. */
function isOfFolder(path: string, folder: string): boolean {
  if (path === folder) return true;
  const prefix = folder === '' ? '' : `${folder}/`;
  return path.startsWith(prefix) && ['cur', 'new', 'tmp'].includes(path.slice(prefix.length));
}

/**
 * Cuts a section down to what is wanted; undefined where nothing of it is.
 * @param layoutOf how folders of a store are named
 */
export function selectFrom(section: FullSection, selection: Selection, layoutOf: (store: string) => FolderLayout): FullSection | undefined {
  const { folders, messages } = selection;
  if (folders === undefined && messages === undefined) return section;
  const dirs = new Map<string, FullDir>();
  for (const [path, dir] of section.dirs) {
    if (folders !== undefined) {
      const parent = /(^|\/)(cur|new|tmp)$/.test(path) ? path.replace(/\/?(cur|new|tmp)$/, '') : path;
      const name = folderName(parent, layoutOf(section.store));
      if (name === undefined || !folders.includes(name) || !isOfFolder(path, parent)) continue;
    }
    dirs.set(path, messages === undefined ? dir : onlyMessages(dir, messages));
  }
  if (messages !== undefined && ![...dirs.values()].some((dir) => dir.messages.size > 0)) return undefined;
  return dirs.size === 0 ? undefined : { ...section, dirs };
}

/** Refuses a selection that nothing in the snapshot fits. */
export function nothingSelected(selection: Selection): MailrecoverError {
  const what = selection.messages?.join(', ') ?? selection.folders?.join(', ') ?? selection.mailboxes?.join(', ') ?? 'anything';
  return new MailrecoverError('not-found', `the snapshot holds no '${what}'`, {
    hint: "see what it holds: 'mailrecover ls SNAPSHOT [MAILBOX]'",
    subject: what,
  });
}
