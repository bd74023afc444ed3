/** Which part of a snapshot is wanted. */
import type { FullDir, FullSection, MessageState } from '../repository/catalog/model.ts';
import type { Wanted } from '../repository/catalog/reader.ts';
import type { FolderLayout } from '../store/maildir/layout.ts';
import { mailboxFilter } from '../store/mailbox-filter.ts';
import { SYSTEM } from '../store/system/types.ts';
import { isNamedFolder, wantedOf } from './look/folders.ts';
import { fitOf, parseMessageId } from './look/message-id.ts';

export interface Selection {
  /** Mail alone (by default), the server beside it alone, or all that there is. */
  part?: 'mail' | 'system' | 'all';
  /** As users know them, `*` for any characters; all where absent. */
  mailboxes?: readonly string[];
  /** By their IMAP names, each with all that is in it but not its subfolders. */
  folders?: readonly string[];
  /** Messages by the id that `find` and `ls` show (look/message-id.ts), or by base name. */
  messages?: readonly string[];
}

export function wantedMailboxes({ mailboxes, messages, part }: Selection): Wanted {
  if (part === 'system') return [{ mailbox: SYSTEM, store: SYSTEM }];
  if (mailboxes !== undefined || messages === undefined) return wantedOf(mailboxes);
  const named = messages.map((id) => parseMessageId(id).mailbox);
  return named.includes(undefined) ? undefined : named.flatMap((mailbox) => (mailbox === undefined ? [] : [{ mailbox }]));
}

/** The messages of a section that ids mean, each by its place. One that was moved within its mailbox since it was named is meant where it is now. */
function meantMessages(section: FullSection, ids: readonly string[]): Set<MessageState> {
  const meant = new Set<MessageState>();
  for (const id of ids) {
    const wanted = parseMessageId(id);
    const fits = { exact: new Set<MessageState>(), bytes: new Set<MessageState>() };
    for (const [dir, { messages }] of section.dirs) {
      for (const [base, message] of messages) {
        const fit = fitOf(wanted, { store: section.store, mailbox: section.mailbox, dir, base }, message.sha);
        if (fit !== undefined) fits[fit].add(message);
      }
    }
    for (const message of fits.exact.size > 0 ? fits.exact : fits.bytes) meant.add(message);
  }
  return meant;
}

function onlyMessages(dir: FullDir, meant: ReadonlySet<MessageState>): FullDir {
  const messages = new Map([...dir.messages].filter(([, message]) => meant.has(message)));
  return { ...dir, files: new Map(), links: new Map(), messages };
}

/** The directory of the folder that a directory is, or is a part of. */
export function folderOf(path: string): string {
  return /(^|\/)(cur|new|tmp)$/.test(path) ? path.replace(/\/?(cur|new|tmp)$/, '') : path;
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
  const { folders, messages, part = 'mail' } = selection;
  if (part !== 'all' && (section.store === SYSTEM) !== (part === 'system')) return undefined;
  if (!mailboxFilter(selection.mailboxes)(section.mailbox)) return undefined;
  if (folders === undefined && messages === undefined) return section;
  const meant = messages === undefined ? undefined : meantMessages(section, messages);
  const dirs = new Map<string, FullDir>();
  for (const [path, dir] of section.dirs) {
    if (folders !== undefined) {
      const parent = folderOf(path);
      if (!isNamedFolder(parent, folders, layoutOf(section.store)) || !isOfFolder(path, parent)) continue;
    }
    dirs.set(path, meant === undefined ? dir : onlyMessages(dir, meant));
  }
  if (meant !== undefined && ![...dirs.values()].some((dir) => dir.messages.size > 0)) return undefined;
  return dirs.size === 0 ? undefined : { ...section, dirs };
}
