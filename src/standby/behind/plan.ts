/** What of the history of this host's mailboxes is not back yet. Changes nothing. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { FullSection } from '../../repository/catalog/model.ts';
import { LiveReader, listFolder } from '../../restore/live/look.ts';
import { foldersOf, nameOfFolder } from '../../restore/look/folders.ts';
import { stateOf, type Source } from '../../restore/look/source.ts';
import { type ByteString, displayBytes } from '../../store/bytes.ts';
import { mailboxFilter } from '../../store/mailbox-filter.ts';
import { lstatIfThere } from '../../store/stat.ts';
import { isoTime } from '../../system/clock.ts';
import { placesAside } from '../dial/move.ts';
import type { Dial, EmptyFolder } from '../dial/record.ts';
import { placeOf, type MailboxPlace, type SyncStore } from '../sync/place.ts';
import { asideDirs } from './history.ts';
import type { BehindFolder, BehindMailbox, BehindPlan } from './model.ts';

export interface PlanOptions {
  source: Source;
  /** Stores of this host. */
  stores: readonly SyncStore[];
  dial: Dial | undefined;
  /** Names as people write them; all where there are none. */
  mailboxes: readonly string[];
  first: readonly string[];
  /** See {@link BehindPlan.asked}. */
  asked: string;
  /** Milliseconds since 1970. */
  now: number;
  signal?: AbortSignal;
}

export interface Planned {
  plan: BehindPlan;
  /** Folders that have their history already. */
  present: number;
  findings: Finding[];
}

/** @throws MailrecoverError `not-found` where nothing of the kind is in the snapshot */
export async function planBehind(options: PlanOptions): Promise<Planned> {
  const { source, stores, dial, mailboxes: names, first, signal } = options;
  const [isWanted, isFirst] = [mailboxFilter(names), mailboxFilter(first)];
  const reader = new LiveReader();
  const planned: Planned = { plan: headOf(options), present: 0, findings: [] };
  const seen = new Set<string>();
  const add = (store: string, mailbox: ByteString, folders: (place: MailboxPlace) => Compared[]): void => {
    seen.add(`${store}\0${mailbox}`);
    if (!isWanted(mailbox) || dial?.isKept({ store, mailbox }) === true) return;
    const place = placeFor(planned.findings, stores, store, mailbox);
    if (place === undefined) return;
    const all = folders(place);
    const made = dial?.asideOf(place)?.folders ?? [];
    const waiting = all.filter((folder) => !hasHistory(reader, place, folder, made));
    planned.present += all.length - waiting.length;
    const chosen = first.length > 0 && isFirst(mailbox);
    const plain = waiting.map(({ dir, name, messages, bytes, newest }): BehindFolder => ({ dir, name, messages, bytes, newest }));
    if (waiting.length > 0) planned.plan.mailboxes.push({ store, mailbox, first: chosen, folders: plain });
  };
  let found = false;
  try {
    for await (const section of (await stateOf(source)).sections) {
      signal?.throwIfAborted();
      if (section.area === 'view' && isWanted(section.mailbox)) planned.findings.push(notMaildir(section.mailbox));
      if (section.area !== 'mail' || !isWanted(section.mailbox)) continue;
      found = true;
      add(section.store, section.mailbox, (place) => foldersToBring(section, source, place, dial));
    }
    // What the snapshot does not have came after it, and was copied before the switch.
    for (const { store, mailbox } of dial?.aside ?? []) {
      if (seen.has(`${store}\0${mailbox}`) || !isWanted(mailbox)) continue;
      found = true;
      add(store, mailbox, (place) => asideFolders(source, place, dial, new Set()));
    }
  } finally {
    reader.close();
  }
  if (!found)
    throw new MailrecoverError(
      'not-found',
      names.length === 0 ? 'the snapshot has no mailbox' : `no mailbox fits ${names.map((name) => `'${name}'`).join(', ')}`,
      {
        hint: "see what it has: 'mailrecover ls'",
      },
    );
  const odd = new Set(planned.findings.map(({ subject }) => subject));
  planned.plan.mailboxes = planned.plan.mailboxes.filter(({ mailbox }) => !odd.has(displayBytes(mailbox)));
  return planned;
}

function headOf({ source, asked, now }: PlanOptions): BehindPlan {
  return {
    version: 1,
    id: `${isoTime(now).slice(0, 19).replace(/[-:]/g, '').replace('T', '-')}-${process.pid.toString(36)}`,
    made: isoTime(now),
    asked,
    repository: source.repository.id,
    snapshot: source.snapshot.id,
    snapshotTime: source.snapshot.time,
    mailboxes: [],
  };
}

function placeFor(findings: Finding[], stores: readonly SyncStore[], store: string, mailbox: ByteString): MailboxPlace | undefined {
  try {
    return placeOf({ store, mailbox }, stores);
  } catch (error) {
    if (!(error instanceof MailrecoverError) || error.code !== 'config') throw error;
    const { message, hint } = error;
    findings.push({
      severity: 'error',
      code: 'no-store',
      message,
      subject: displayBytes(mailbox),
      ...(hint === undefined ? {} : { hint }),
    });
    return undefined;
  }
}

type Compared = BehindFolder & { bases: ReadonlySet<ByteString> };

function foldersToBring(section: FullSection, source: Source, place: MailboxPlace, dial: Dial | undefined): Compared[] {
  const folders = foldersOf(section, source.layoutOf).map(({ dir, name, state: { messages } }): Compared => {
    let [bytes, newest] = [0, 0];
    for (const { size, mtime } of messages.values()) [bytes, newest] = [bytes + size, Math.max(newest, mtime)];
    return { dir, name, messages: messages.size, bytes, newest, bases: new Set(messages.keys()) };
  });
  return [...folders, ...asideFolders(source, place, dial, new Set(folders.map(({ dir }) => dir)))];
}

/** Folders that only the mail has that was moved aside. */
function asideFolders(source: Source, place: MailboxPlace, dial: Dial | undefined, known: ReadonlySet<ByteString>): Compared[] {
  const moved = dial?.asideOf(place);
  if (moved === undefined) return [];
  const aside = placesAside(place, moved.aside);
  return asideDirs(aside).flatMap((dir): Compared[] => {
    if (known.has(dir)) return [];
    const messages = listFolder(aside, dir);
    let [bytes, newest] = [0, 0];
    for (const [base, { in: where, flags }] of messages) {
      const stats = lstatIfThere(`${aside.root}/${dir === '' ? '' : `${dir}/`}${where}/${base}${flags}`);
      [bytes, newest] = [bytes + (stats?.size ?? 0), Math.max(newest, Math.floor((stats?.mtimeMs ?? 0) * 1000))];
    }
    const name = nameOfFolder(dir, source.layoutOf(place.store));
    return [{ dir, name, messages: messages.size, bytes, newest, bases: new Set(messages.keys()) }];
  });
}

/** Whether a folder was never begun anew, or has its history again: its list of UIDs knows messages of that. */
function hasHistory(reader: LiveReader, place: MailboxPlace, { dir, bases }: Compared, made: readonly EmptyFolder[]): boolean {
  const list = reader.uidlist(place, dir);
  if (list === undefined || made.some((each) => each.dir === dir && each.uidValidity === list.uidValidity)) return false;
  for (const base of list.uids.keys()) if (bases.has(base)) return true;
  return false;
}

function notMaildir(mailbox: ByteString): Finding {
  const subject = displayBytes(mailbox);
  return {
    severity: 'error',
    code: 'format',
    message: `mailbox '${subject}' is no Maildir in the snapshot, and its history can not be brought back behind new mail`,
    hint: `add it over IMAP: mailrecover restore latest --imap ACCOUNT --mailbox '${subject}'`,
    subject,
  };
}

/** What is to be brought back. */
export function countsOf({ mailboxes }: Pick<BehindPlan, 'mailboxes'>): {
  mailboxes: number;
  folders: number;
  messages: number;
  bytes: number;
} {
  const folders = mailboxes.flatMap((mailbox: BehindMailbox) => mailbox.folders);
  return {
    mailboxes: mailboxes.length,
    folders: folders.length,
    messages: folders.reduce((sum, { messages }) => sum + messages, 0),
    bytes: folders.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
