/** Which part of a snapshot is wanted. */
import { MailrecoverError } from '../errors/error.ts';
import type { FullDir, FullSection, MessageState } from '../repository/catalog/model.ts';
import type { Wanted } from '../repository/catalog/reader.ts';
import type { FolderLayout } from '../store/maildir/layout.ts';
import { isNamedFolder, mailboxFilter, wantedOf } from './look/folders.ts';
import { fitOf, parseMessageId } from './look/message-id.ts';

export interface Selection {
  /** As users know them, `*` for any characters; all where absent. */
  mailboxes?: readonly string[];
  /** By their IMAP names, each with all that is in it but not its subfolders. */
  folders?: readonly string[];
  /** Messages by the id that `find` and `ls` show (look/message-id.ts), or by base name. */
  messages?: readonly string[];
}

export function wantedMailboxes({ mailboxes, messages }: Selection): Wanted {
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
function folderOf(path: string): string {
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
  const { folders, messages } = selection;
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

/** The names of a selection that nothing has fitted so far: a mistyped one must not pass unnoticed beside others that are right. */
export class Unfitted {
  readonly #mailboxes: Map<string, (mailbox: string) => boolean>;
  readonly #folders: Set<string>;
  readonly #messages: Set<string>;
  readonly #layoutOf: (store: string) => FolderLayout;

  constructor({ mailboxes, folders, messages }: Selection, layoutOf: (store: string) => FolderLayout) {
    this.#mailboxes = new Map(mailboxes?.map((name) => [name, mailboxFilter([name])]));
    this.#folders = new Set(folders);
    this.#messages = new Set(messages);
    this.#layoutOf = layoutOf;
  }

  /** Takes note of a section, and of what was selected of it. */
  see({ mailbox }: FullSection, selected: FullSection | undefined): void {
    for (const [name, fits] of this.#mailboxes) if (fits(mailbox)) this.#mailboxes.delete(name);
    if (selected === undefined || this.#folders.size + this.#messages.size === 0) return;
    const layout = this.#layoutOf(selected.store);
    for (const [path, dir] of selected.dirs) {
      for (const name of this.#folders) if (isNamedFolder(folderOf(path), [name], layout)) this.#folders.delete(name);
      for (const id of this.#messages) if (holds(selected, path, dir, id)) this.#messages.delete(id);
    }
  }

  get names(): string[] {
    return [...this.#mailboxes.keys(), ...this.#folders, ...this.#messages];
  }
}

function holds({ store, mailbox }: FullSection, dir: string, { messages }: FullDir, id: string): boolean {
  const wanted = parseMessageId(id);
  for (const [base, { sha }] of messages) if (fitOf(wanted, { store, mailbox, dir, base }, sha) !== undefined) return true;
  return false;
}

/** Refuses a selection that nothing in the snapshot fits. @param names those of its names that are not there, where only some are */
export function nothingSelected(selection: Selection, names?: readonly string[]): MailrecoverError {
  const what = (names ?? selection.messages ?? selection.folders ?? selection.mailboxes)?.join(', ') ?? 'anything';
  return new MailrecoverError('not-found', `the snapshot holds no '${what}'`, {
    hint: "see what it holds: 'mailrecover ls SNAPSHOT [MAILBOX]'",
    subject: what,
  });
}
