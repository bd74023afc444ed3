/** Names in a selection that fit nothing: a mistyped one must not pass unnoticed beside others that are right. */
import { MailrecoverError } from '../errors/error.ts';
import { suggest } from '../errors/suggest.ts';
import type { FullDir, FullSection } from '../repository/catalog/model.ts';
import { mailboxFilter } from '../store/mailbox-filter.ts';
import type { FolderLayout } from '../store/maildir/layout.ts';
import { foldersOf, isNamedFolder, wantedOf } from './look/folders.ts';
import { noMailbox } from './look/ls.ts';
import { fitOf, parseMessageId } from './look/message-id.ts';
import { stateOf, type Source } from './look/source.ts';
import { folderOf, selectFrom, wantedMailboxes, type Selection } from './select.ts';

/** The names of a selection that nothing has fitted so far. */
export class Unfitted {
  readonly #mailboxes: Map<string, (mailbox: string) => boolean>;
  readonly #folders: Set<string>;
  readonly #messages: Set<string>;
  readonly #isMailbox: (mailbox: string) => boolean;
  readonly #layoutOf: (store: string) => FolderLayout;

  constructor({ mailboxes, folders, messages }: Selection, layoutOf: (store: string) => FolderLayout) {
    this.#mailboxes = new Map(mailboxes?.map((name) => [name, mailboxFilter([name])]));
    this.#folders = new Set(folders);
    this.#messages = new Set(messages);
    this.#isMailbox = mailboxFilter(mailboxes);
    this.#layoutOf = layoutOf;
  }

  /** Takes note of a section, and of what was selected of it. */
  see(section: FullSection, selected: FullSection | undefined): void {
    const { mailbox, store, dirs } = section;
    if (!this.#isMailbox(mailbox)) return;
    for (const [name, fits] of this.#mailboxes) if (fits(mailbox)) this.#mailboxes.delete(name);
    if (this.#folders.size > 0) {
      const layout = this.#layoutOf(store);
      for (const path of dirs.keys())
        for (const name of this.#folders) if (isNamedFolder(folderOf(path), [name], layout)) this.#folders.delete(name);
    }
    if (selected === undefined || this.#messages.size === 0) return;
    for (const [path, dir] of selected.dirs) for (const id of this.#messages) if (holds(selected, path, dir, id)) this.#messages.delete(id);
  }

  /** The names that fit nothing. */
  get left(): Required<Omit<Selection, 'part'>> {
    return { mailboxes: [...this.#mailboxes.keys()], folders: [...this.#folders], messages: [...this.#messages] };
  }

  get any(): boolean {
    return this.#mailboxes.size + this.#folders.size + this.#messages.size > 0;
  }
}

function holds({ store, mailbox }: FullSection, dir: string, { messages }: FullDir, id: string): boolean {
  const wanted = parseMessageId(id);
  for (const [base, { sha }] of messages) if (fitOf(wanted, { store, mailbox, dir, base }, sha) !== undefined) return true;
  return false;
}

/** The names of a selection that nothing in a snapshot fits. */
export async function unfittedIn(source: Source, selection: Selection): Promise<Unfitted> {
  const unfitted = new Unfitted(selection, source.layoutOf);
  if (!unfitted.any) return unfitted;
  for await (const section of (await stateOf(source, wantedMailboxes(selection))).sections)
    unfitted.see(section, selectFrom(section, selection, source.layoutOf));
  return unfitted;
}

/** @throws MailrecoverError `not-found` where a name of the selection fits nothing, with what was probably meant */
export async function checkSelection(source: Source, selection: Selection): Promise<void> {
  const unfitted = await unfittedIn(source, selection);
  if (unfitted.any) throw await notHeld(source, selection, unfitted);
}

/** The error for a selection of which some names, or all together, fit nothing. */
export async function notHeld(source: Source, selection: Selection, unfitted: Unfitted): Promise<MailrecoverError> {
  const { mailboxes, folders, messages } = unfitted.left;
  if (mailboxes.length > 0) return noMailbox(source, mailboxes);
  const ls = `mailrecover ls ${source.snapshot.id.slice(0, 12)}`;
  const [folder] = folders;
  if (folder !== undefined) {
    const meant = suggest(folder, await folderNames(source, selection.mailboxes));
    return new MailrecoverError('not-found', `the snapshot holds no folder ${quoted(folders)}${inThose(selection)}`, {
      hint:
        meant === undefined
          ? `list the folders of a mailbox: '${ls} ${selection.mailboxes?.[0] ?? 'MAILBOX'}'`
          : `did you mean '${meant}'?`,
      subject: folder,
    });
  }
  const [message] = messages;
  if (message !== undefined)
    return new MailrecoverError('not-found', `the snapshot holds no message ${quoted(messages)}${inThose(selection)}`, {
      hint: "look for it in all snapshots: 'mailrecover find'",
      subject: message,
    });
  return new MailrecoverError('not-found', 'the snapshot holds no mail', { hint: `see what it holds: '${ls}'` });
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}

/** Where a name was looked for, if not everywhere. */
function inThose({ mailboxes = [] }: Selection): string {
  return mailboxes.length === 0 ? '' : mailboxes.length === 1 ? ` in mailbox ${quoted(mailboxes)}` : ' in those mailboxes';
}

async function folderNames(source: Source, mailboxes: readonly string[] | undefined): Promise<Set<string>> {
  const names = new Set<string>();
  const fits = mailboxFilter(mailboxes);
  for await (const section of (await stateOf(source, wantedOf(mailboxes))).sections)
    if (fits(section.mailbox)) for (const { name } of foldersOf(section, source.layoutOf)) names.add(name);
  return names;
}
