/** What a snapshot holds: its mailboxes, the folders of one, the messages of a folder. */
import { MailrecoverError } from '../../errors/error.ts';
import { suggest } from '../../errors/suggest.ts';
import type { FullDir, FullSection } from '../../repository/catalog/model.ts';
import { displayBytes } from '../../store/bytes.ts';
import { mailboxFilter } from '../../store/mailbox-filter.ts';
import { imapFlags } from '../../store/maildir/flags.ts';
import { flagsOfView } from '../../store/view.ts';
import { foldersOf, isNamedFolder, sectionLayout, showsMessages, wantedOf } from './folders.ts';
import { messageIdOf } from './message-id.ts';
import { keywordsOf, stateOf, type Source } from './source.ts';

export interface ListedMailbox {
  mailbox: string;
  store: string;
  folders: number;
  messages: number;
  bytes: number;
}

export interface ListedFolder {
  mailbox: string;
  folder: string;
  messages: number;
  bytes: number;
}

export interface ListedMessage {
  /** What `cat` and `restore --message` take. */
  message: string;
  mailbox: string;
  folder: string;
  /** Name of the file in the Maildir; in other formats what the view has for it. */
  file: string;
  /** IMAP flags and keywords. */
  flags: string[];
  size: number;
  /** When it was received (INTERNALDATE), UTC. */
  date: string;
}

function sizesOf(dir: FullDir): number {
  let bytes = 0;
  for (const message of dir.messages.values()) bytes += message.size;
  return bytes;
}

export async function listMailboxes(source: Source): Promise<ListedMailbox[]> {
  const mailboxes: ListedMailbox[] = [];
  for await (const section of (await stateOf(source)).sections) {
    if (!showsMessages(section)) continue;
    const row = { mailbox: displayBytes(section.mailbox), store: displayBytes(section.store), folders: 0, messages: 0, bytes: 0 };
    for (const { state } of foldersOf(section, source.layoutOf)) {
      row.folders++;
      row.messages += state.messages.size;
      row.bytes += sizesOf(state);
    }
    const last = mailboxes.at(-1);
    // What a view shows goes before what its files look like.
    if (last?.mailbox === row.mailbox && last.store === row.store) mailboxes.pop();
    mailboxes.push(row);
  }
  return mailboxes;
}

/** The folders of a mailbox, or of all that fit a name with `*`. @throws MailrecoverError `not-found` */
export async function listFolders(source: Source, mailbox: string): Promise<ListedFolder[]> {
  const folders: ListedFolder[] = [];
  const fits = mailboxFilter([mailbox]);
  let found = false;
  for await (const section of (await stateOf(source, wantedOf([mailbox]))).sections) {
    if (!fits(section.mailbox)) continue;
    found = true;
    for (const { name, state } of foldersOf(section, source.layoutOf)) {
      folders.push({ mailbox: displayBytes(section.mailbox), folder: name, messages: state.messages.size, bytes: sizesOf(state) });
    }
  }
  if (!found) throw await noMailbox(source, [mailbox]);
  return folders.sort(
    (a, b) =>
      a.mailbox.localeCompare(b.mailbox) || Number(b.folder === 'INBOX') - Number(a.folder === 'INBOX') || a.folder.localeCompare(b.folder),
  );
}

/** The messages of a folder, in the order in which they came; of all mailboxes that fit the name. @throws MailrecoverError `not-found` */
export async function listMessages(source: Source, mailbox: string, folder: string): Promise<ListedMessage[]> {
  const { sections, numbering } = await stateOf(source, wantedOf([mailbox]));
  const all: FullSection[] = [];
  const fits = mailboxFilter([mailbox]);
  for await (const section of sections) if (fits(section.mailbox)) all.push(section);
  const messages: ListedMessage[] = [];
  const names: string[] = [];
  let found = false;
  for (const section of all) {
    const layout = sectionLayout(section, source.layoutOf);
    const control = all.find((other) => other.area === 'control' && other.store === section.store && other.mailbox === section.mailbox);
    for (const { dir, name, state } of foldersOf(section, source.layoutOf)) {
      names.push(name);
      if (!isNamedFolder(dir, [folder], layout)) continue;
      found = true;
      const keywords = await keywordsOf(source, numbering, [state, control?.dirs.get(dir)]);
      for (const [base, message] of state.messages) {
        messages.push({
          message: messageIdOf({ store: section.store, mailbox: section.mailbox, dir, base }, message.sha),
          mailbox: displayBytes(section.mailbox),
          folder: name,
          file: displayBytes(base + message.flags),
          flags: section.area === 'view' ? flagsOfView(message.flags) : imapFlags(message.flags, keywords),
          size: message.size,
          date: new Date(Math.floor(message.mtime / 1000)).toISOString(),
        });
      }
    }
  }
  if (all.length === 0) throw await noMailbox(source, [mailbox]);
  if (!found) {
    const meant = suggest(folder, names);
    throw new MailrecoverError('not-found', `mailbox '${mailbox}' has no folder '${folder}' in this snapshot`, {
      hint: meant === undefined ? `list them: 'mailrecover ls ${source.snapshot.id.slice(0, 12)} ${mailbox}'` : `did you mean '${meant}'?`,
      subject: folder,
    });
  }
  return messages.sort((a, b) => (a.date < b.date ? -1 : a.date > b.date ? 1 : a.file < b.file ? -1 : 1));
}

/** The error for mailboxes that a snapshot does not hold. @param names as they were typed; at least one */
export async function noMailbox(source: Source, names: readonly string[]): Promise<MailrecoverError> {
  const [first = ''] = names;
  const held = (await listMailboxes(source)).map((row) => row.mailbox);
  const meant = first.includes('*') ? undefined : suggest(first, held);
  const fits = names.some((name) => name.includes('*')) ? ' that fits' : '';
  return new MailrecoverError('not-found', `the snapshot holds no mailbox${fits} ${names.map((name) => `'${name}'`).join(', ')}`, {
    hint: meant === undefined ? `list them: 'mailrecover ls ${source.snapshot.id.slice(0, 12)}'` : `did you mean '${meant}'?`,
    subject: first,
  });
}
