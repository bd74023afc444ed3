/** What of a snapshot goes into an IMAP account. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { FullSection, MessageState, Part } from '../../repository/catalog/model.ts';
import type { PackNumbering } from '../../repository/catalog/decode.ts';
import { displayBytes, type ByteString } from '../../store/bytes.ts';
import { flagsOfView } from '../../store/view.ts';
import { imapFlags } from '../../store/maildir/flags.ts';
import { controlDir } from '../../store/maildir/layout.ts';
import { foldersOf, nameOfFolder, sectionLayout, showsMessages } from '../look/folders.ts';
import { messageIdOf } from '../look/message-id.ts';
import { OpenPacks } from '../look/packs.ts';
import { isLoss, keywordsOf, readEntry, stateOf, type Source } from '../look/source.ts';
import { plainMessage } from '../look/export/plain.ts';
import { selectFrom, wantedMailboxes, type Selection } from '../select.ts';
import { notHeld, Unfitted } from '../unfitted.ts';

export interface WantedMessage {
  id: string;
  state: MessageState;
  /** IMAP flags and keywords. */
  flags: string[];
}

export interface WantedFolder {
  /** Directory below the mailbox's root in the snapshot. */
  dir: ByteString;
  /** IMAP name in the snapshot. */
  name: string;
  /** Its levels, without any prefix. */
  levels: string[];
  /** Oldest first. */
  messages: WantedMessage[];
}

export interface WantedMail {
  mailbox: string;
  /** INBOX first. */
  folders: WantedFolder[];
  contents: Contents;
}

/** @throws MailrecoverError `not-found`; `usage` where more than one mailbox is meant */
export async function wantedMail(source: Source, selection: Selection): Promise<WantedMail> {
  const { sections, numbering } = await stateOf(source, wantedMailboxes(selection));
  const unfitted = new Unfitted(selection, source.layoutOf);
  const found: SelectedMailbox[] = [];
  let control: FullSection | undefined;
  for await (const section of sections) {
    if (section.area === 'control') control = section;
    if (!showsMessages(section)) continue;
    const selected = selectFrom(section, selection, source.layoutOf);
    unfitted.see(section, selected);
    if (selected === undefined) continue;
    const own = control?.mailbox === section.mailbox && control.store === section.store ? control : undefined;
    found.push({ mail: selected, whole: section, control: own });
    if (new Set(found.map(({ mail }) => mail.mailbox)).size > 1)
      throw new MailrecoverError('usage', 'more than one mailbox is meant, and an account is one', {
        hint: `name one: --mailbox '${displayBytes(section.mailbox)}'`,
      });
  }
  const [first] = found;
  if (first === undefined || unfitted.any) throw await notHeld(source, selection, unfitted);
  const folders: WantedFolder[] = [];
  for (const each of found) folders.push(...(await wantedFolders(source, numbering, each, selection.messages !== undefined)));
  folders.sort((a, b) => Number(b.levels[0] === 'INBOX') - Number(a.levels[0] === 'INBOX') || (a.name < b.name ? -1 : 1));
  return { mailbox: displayBytes(first.mail.mailbox), folders, contents: new Contents(source, numbering) };
}

/** A mailbox of a snapshot, and what was selected of it. */
export interface SelectedMailbox {
  mail: FullSection;
  whole: FullSection;
  control: FullSection | undefined;
}

/** The folders of a mailbox that are wanted. @param single whether single messages were named: then folders that hold none of them are left out */
export async function wantedFolders(
  source: Source,
  numbering: PackNumbering,
  { mail, whole, control }: SelectedMailbox,
  single: boolean,
): Promise<WantedFolder[]> {
  const folders: WantedFolder[] = [];
  const layout = sectionLayout(mail, source.layoutOf);
  for (const { dir, name, state } of foldersOf(mail, source.layoutOf)) {
    if (state.messages.size === 0 && single) continue;
    const isView = mail.area === 'view';
    const keywords = isView
      ? new Map<number, string>()
      : await keywordsOf(source, numbering, [whole.dirs.get(dir), control?.dirs.get(controlDir(dir, layout.layout))]);
    const messages = [...state.messages].map(([base, message]) => ({
      id: messageIdOf({ store: mail.store, mailbox: mail.mailbox, dir, base }, message.sha),
      state: message,
      flags: isView ? flagsOfView(message.flags) : imapFlags(message.flags, keywords),
    }));
    messages.sort((a, b) => a.state.mtime - b.state.mtime);
    folders.push({ dir, name, levels: levelsOf(dir, layout), messages });
  }
  return folders;
}

function levelsOf(dir: ByteString, layout: Parameters<typeof nameOfFolder>[1]): string[] {
  return nameOfFolder(dir, { ...layout, separator: '\0', prefix: '' }).split('\0');
}

/** So many bytes are held at once, so that messages of one pack are read together. */
const WINDOW = 32 * 1024 * 1024;

/** The bytes of messages, opened where they are stored compressed. */
export class Contents {
  readonly findings: Finding[] = [];
  readonly #source: Source;
  readonly #numbering: PackNumbering;
  readonly #packs: OpenPacks;

  constructor(source: Source, numbering: PackNumbering) {
    [this.#source, this.#numbering, this.#packs] = [source, numbering, new OpenPacks(source)];
  }

  /** In the order in which they are asked for; what is lost, or can not be opened, is told and left out. */
  async *read(messages: readonly WantedMessage[]): AsyncGenerator<{ message: WantedMessage; content: Buffer }> {
    for (let at = 0; at < messages.length;) {
      const window: WantedMessage[] = [];
      for (let bytes = 0; at < messages.length && (window.length === 0 || bytes < WINDOW); at++) {
        const message = messages[at];
        if (message === undefined) break;
        window.push(message);
        bytes += message.state.size;
      }
      const contents = new Map<WantedMessage, Buffer>();
      for (const [pack, list] of Map.groupBy(window, ({ state }) => this.#numbering.names[state.pack] ?? '')) {
        const inOrder = await this.#packs.inOrder(
          pack,
          list.map((message) => ({ sha: message.state.sha, message })),
        );
        for (const { sha, message } of inOrder) {
          const content = await this.#withRest((await this.#packs.content(pack, sha)) ?? (await this.#elsewhere(message.state)), message);
          if (content !== undefined) contents.set(message, content);
        }
      }
      for (const message of window) {
        const stored = contents.get(message);
        const plain = stored === undefined ? undefined : plainMessage(stored);
        if (plain?.ending === '') yield { message, content: plain.content };
        else this.#lost(message, plain?.ending);
      }
    }
  }

  /** All of a message of several pieces. */
  async #withRest(first: Buffer | undefined, { state }: WantedMessage): Promise<Buffer | undefined> {
    if (first === undefined || state.rest === undefined) return first;
    const pieces = [first];
    for (const part of state.rest) {
      const piece = (await this.#packs.content(this.#numbering.names[part.pack] ?? '', part.sha)) ?? (await this.#elsewhere(part));
      if (piece === undefined) return undefined;
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  }

  async #elsewhere(part: Part): Promise<Buffer | undefined> {
    try {
      return await readEntry(this.#source, this.#numbering, part);
    } catch (error) {
      if (!isLoss(error)) throw error;
      return undefined;
    }
  }

  #lost({ id }: WantedMessage, ending: string | undefined): void {
    if (this.findings.some(({ subject }) => subject === id)) return;
    this.findings.push({
      severity: 'error',
      code: ending === undefined ? 'damage' : 'not-mail',
      message:
        ending === undefined
          ? `message '${id}' could not be restored: its bytes are missing or damaged`
          : `message '${id}' is stored in a form that can not be opened here (${ending.slice(1)}), and was left out`,
      subject: id,
    });
  }
}
