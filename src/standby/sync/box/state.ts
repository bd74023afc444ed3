/** What Dovecot says of a mailbox: folders, messages by GUID and UID, flags, subscriptions. Nothing is read but indexes. */
import { MailrecoverError } from '../../../errors/error.ts';
import { displayBytes, toBytes } from '../../../store/bytes.ts';
import type { BoxFacts, MailboxCut, MessageCut } from '../model.ts';
import { isBox, type MailboxPlace } from '../place.ts';
import { boxOwner, runBox, type BoxAccess, type BoxOwner } from './doveadm.ts';

/** One with a {@link MailboxCut.box}. */
export type BoxState = Pick<MailboxCut, 'messages'> & { box: BoxFacts };

/** A row of `doveadm mailbox status`. */
interface Status {
  mailbox: string;
  guid: string;
  uidvalidity: string;
  uidnext: string;
  messages: string;
}

/** @returns nothing at all where the mailbox is not there; then Dovecot is not asked, since it would make one */
export async function readBox(place: MailboxPlace, access: BoxAccess): Promise<BoxState> {
  const { format } = place;
  if (!isBox(format)) throw new MailrecoverError('bug', `Dovecot was to copy ${format}`);
  const owner = boxOwner(place);
  if (owner === undefined) return { box: { format, folders: [], subscriptions: [] }, messages: [] };
  const rows = await statusOf(place, owner, access);
  const subscriptions = (await runBox(place, owner, access, ['mailbox', 'list', '-s'])).split('\n').filter((name) => name !== '');
  const box: BoxFacts = {
    format,
    folders: rows
      .map(({ mailbox, guid, uidvalidity, uidnext }) => ({
        name: mailbox,
        guid,
        uidValidity: Number(uidvalidity),
        nextUid: Number(uidnext),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    subscriptions: subscriptions.sort(),
  };
  if (rows.every(({ messages }) => messages === '0')) return { box, messages: [] };
  const listed = await runBox(place, owner, access, ['-f', 'tab', 'fetch', 'mailbox-guid uid guid flags', 'ALL']);
  const guids = new Set(box.folders.map(({ guid }) => guid));
  // Without the heading.
  const lines = listed.slice(listed.indexOf('\n') + 1).split('\n');
  return { box, messages: lines.flatMap((line) => messageOf(line, guids)) };
}

async function statusOf(place: MailboxPlace, owner: BoxOwner, access: BoxAccess): Promise<Status[]> {
  const said = await runBox(place, owner, access, ['-f', 'json', 'mailbox', 'status', 'guid uidvalidity uidnext messages', '*']);
  try {
    return JSON.parse(said) as Status[];
  } catch (cause) {
    throw new MailrecoverError('failed', `what doveadm says of mailbox '${displayBytes(place.mailbox)}' is not understood`, {
      subject: displayBytes(place.mailbox),
      cause,
    });
  }
}

function messageOf(line: string, folders: ReadonlySet<string>): MessageCut[] {
  const [dir = '', uid = '', guid = '', flags = ''] = line.split('\t');
  if (!folders.has(dir)) return [];
  const kept = flags.split(' ').filter((flag) => flag !== '' && flag !== '\\Recent');
  // Neither its size nor its time is asked for: a GUID stands for the same bytes for ever.
  return [{ dir, base: `${toBytes(guid)}.${uid}`, in: 'cur', flags: toBytes(kept.sort().join(' ')), size: 0, mtime: 0 }];
}

/** GUID of a message in such a state. */
export function guidOf({ base }: Pick<MessageCut, 'base'>): string {
  return base.slice(0, base.lastIndexOf('.'));
}

/** Whether folders and subscriptions are the same. UIDNEXT may be higher on the second: it never goes back. */
export function sameFacts(wanted: BoxFacts, has: BoxFacts): boolean {
  const shown = ({ folders, subscriptions }: BoxFacts): string =>
    JSON.stringify([folders.map(({ name, guid, uidValidity }) => [name, guid, uidValidity]), subscriptions]);
  const next = new Map(has.folders.map(({ guid, nextUid }) => [guid, nextUid]));
  return shown(wanted) === shown(has) && wanted.folders.every(({ guid, nextUid }) => nextUid <= (next.get(guid) ?? 0));
}
