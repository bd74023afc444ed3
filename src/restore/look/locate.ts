/** Finding one message in a snapshot by the id that `find` and `ls` show. */
import { MailrecoverError } from '../../errors/error.ts';
import type { PackNumbering } from '../../repository/catalog/decode.ts';
import type { MessageState } from '../../repository/catalog/model.ts';
import { foldersOf } from './folders.ts';
import { fitOf, messageIdOf, parseMessageId, type MessagePlace } from './message-id.ts';
import { readEntry, stateOf, type Source } from './source.ts';

export interface LocatedMessage {
  place: MessagePlace;
  /** IMAP name. */
  folder: string;
  state: MessageState;
  numbering: PackNumbering;
}

const SHOWN = 5;

/**
 * The message that an id means. Where the same bytes lie in several places, the first of them.
 * @throws MailrecoverError `not-found`, `ambiguous`
 */
export async function locateMessage(source: Source, text: string): Promise<LocatedMessage> {
  const wanted = parseMessageId(text);
  const { sections, numbering } = await stateOf(source, wanted.mailbox === undefined ? undefined : [{ mailbox: wanted.mailbox }]);
  const exact: LocatedMessage[] = [];
  const moved: LocatedMessage[] = [];
  for await (const section of sections) {
    const { store, mailbox } = section;
    for (const { dir, name, state: folder } of foldersOf(section, source.layoutOf)) {
      for (const [base, state] of folder.messages) {
        const place = { store, mailbox, dir, base };
        const fit = fitOf(wanted, place, state.sha);
        if (fit !== undefined) (fit === 'exact' ? exact : moved).push({ place, folder: name, state, numbering });
      }
    }
  }
  const found = exact.length > 0 ? exact : moved;
  const [first] = found;
  if (first === undefined) {
    throw new MailrecoverError('not-found', `the snapshot holds no message '${text}'`, {
      hint: "look for it in all snapshots: 'mailrecover find'",
      subject: text,
    });
  }
  const others = found.filter(({ state }) => state.sha !== first.state.sha);
  if (others.length > 0) {
    const ids = [first, ...others].slice(0, SHOWN).map(({ place, state }) => messageIdOf(place, state.sha));
    throw new MailrecoverError('ambiguous', `'${text}' fits ${others.length + 1} messages: ${ids.join(', ')}`, {
      hint: 'name one of them in full',
      subject: text,
    });
  }
  return first;
}

/** The bytes of a message, proved by their hash. @throws MailrecoverError `damage` */
export async function readLocated(source: Source, { numbering, state }: LocatedMessage): Promise<Buffer> {
  const pieces = [await readEntry(source, numbering, state)];
  for (const part of state.rest ?? []) pieces.push(await readEntry(source, numbering, part));
  return Buffer.concat(pieces);
}
