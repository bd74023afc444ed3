/** The messages of a snapshot, one after the other, with their bytes; memory holds one folder's list and a few packs. */
import { MailrecoverError } from '../../../errors/error.ts';
import type { Finding } from '../../../errors/finding.ts';
import type { MessageState, Part } from '../../../repository/catalog/model.ts';
import { displayBytes } from '../../../store/bytes.ts';
import { mailboxFilter } from '../../../store/mailbox-filter.ts';
import { foldersOf, isNamedFolder, nameOfFolder, sectionLayout, showsMessages, wantedOf } from '../folders.ts';
import { messageIdOf, type MessagePlace } from '../message-id.ts';
import { OpenPacks } from '../packs.ts';
import { readEntry, stateOf, type Source } from '../source.ts';

export interface MailSelection {
  /** Names, `*` for any characters; empty for all. */
  mailboxes: readonly string[];
  /** IMAP names; empty for all. */
  folders: readonly string[];
}

/** One message. */
export interface ExportedMessage {
  place: MessagePlace;
  /** For people. */
  mailbox: string;
  folder: string;
  id: string;
  state: MessageState;
  content: Buffer;
}

/** A folder to export, and its messages. */
export interface ExportedFolder {
  /** Names the folder and no other. */
  key: string;
  mailbox: string;
  /** Byte strings. */
  store: string;
  mailboxBytes: string;
  dir: string;
  /** Of a format that keeps messages in files of several: names and flags are those of a view. */
  isView: boolean;
  folder: string;
  messages: number;
  bytes: number;
  /** In the order in which they lie in packs. Can be gone through once. */
  read(): AsyncGenerator<ExportedMessage>;
}

/** Findings name so many messages one by one; the rest is counted. */
const NAMED = 50;

/** What could not be exported. */
export class Losses {
  readonly #named: Finding[] = [];
  #last: Finding | undefined;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(finding: Finding): void {
    this.#count++;
    if (this.#count <= NAMED) this.#named.push(finding);
    else this.#last = finding;
  }

  get findings(): Finding[] {
    if (this.#last === undefined) return this.#named;
    const { severity, code } = this.#last;
    return [...this.#named, { severity, code, message: `${this.#count - NAMED} more messages could not be exported` }];
  }
}

/**
 * Goes through the folders of a snapshot that are wanted.
 * @param losses gets what could not be read
 * @throws MailrecoverError `not-found` where nothing fits
 */
export async function* foldersToExport(source: Source, selection: MailSelection, losses: Losses): AsyncGenerator<ExportedFolder> {
  const { sections, numbering } = await stateOf(source, wantedOf(selection.mailboxes));
  const isWanted = mailboxFilter(selection.mailboxes);
  const packs = new OpenPacks(source);
  let found = false;
  const elsewhere = async (message: Part): Promise<Buffer | undefined> => {
    try {
      return await readEntry(source, numbering, message);
    } catch (error) {
      if (!(error instanceof MailrecoverError) || error.code !== 'damage') throw error;
      return undefined;
    }
  };
  /** All of a message of several pieces. */
  const withRest = async (first: Buffer | undefined, { rest }: MessageState): Promise<Buffer | undefined> => {
    if (first === undefined || rest === undefined) return first;
    const pieces = [first];
    for (const part of rest) {
      const piece = (await packs.content(numbering.names[part.pack] ?? '', part.sha)) ?? (await elsewhere(part));
      if (piece === undefined) return undefined;
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  };
  for await (const section of sections) {
    if (!showsMessages(section) || !isWanted(section.mailbox)) continue;
    const layout = sectionLayout(section, source.layoutOf);
    const { store, mailbox } = section;
    for (const { dir, state } of foldersOf(section, source.layoutOf)) {
      if (selection.folders.length > 0 && !isNamedFolder(dir, selection.folders, layout)) continue;
      found = true;
      const names = { mailbox: displayBytes(mailbox), folder: nameOfFolder(dir, layout) };
      const list = [...state.messages].map(([base, message]) => ({ base, message, sha: message.sha }));
      yield {
        key: `${store}\0${mailbox}\0${dir}`,
        ...names,
        store,
        mailboxBytes: mailbox,
        dir,
        isView: section.area === 'view',
        messages: list.length,
        bytes: list.reduce((sum, { message }) => sum + message.size, 0),
        async *read() {
          for (const [number, wanted] of Map.groupBy(list, ({ message }) => message.pack)) {
            const pack = numbering.names[number] ?? '';
            for (const { base, message } of await packs.inOrder(pack, wanted)) {
              const place: MessagePlace = { store, mailbox, dir, base };
              const id = messageIdOf(place, message.sha);
              const content = await withRest((await packs.content(pack, message.sha)) ?? (await elsewhere(message)), message);
              if (content !== undefined) yield { place, ...names, id, state: message, content };
              else
                losses.add({
                  severity: 'error',
                  code: 'damage',
                  message: `message '${id}' could not be exported: its bytes are missing or damaged`,
                  subject: id,
                });
            }
          }
        },
      };
    }
  }
  if (!found) {
    throw new MailrecoverError('not-found', 'the snapshot holds no mail', {
      hint: `see what it holds: 'mailrecover ls ${source.snapshot.id.slice(0, 12)}'`,
    });
  }
}
