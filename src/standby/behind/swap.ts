/**
 * A folder gets its history under its clients' eyes: the messages go in while Dovecot's lock of the list of UIDs is held, and one rename of that list makes them and
 * what came since one folder, with the UIDVALIDITY and the UIDs of the history. What came since keeps its UIDs, which lie above all that the history ever gave; so a
 * UID stands for the same message before and after, whatever a client has seen of it. Dovecot sees that UIDVALIDITY is another one, resets its index, and has clients that
 * had the folder open log in again (maildir-sync-index.c; measured with 2.3.19). Indexes stay: without them such clients go on with what is no longer true (measured).
 */
import { utimesSync } from 'node:fs';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { namesIn, type Handles } from '../../restore/live/aside.ts';
import type { Doveadm } from '../../restore/live/doveadm.ts';
import { controlPath, folderPath, isFolder, listFolder, type LiveReader } from '../../restore/live/look.ts';
import { rename } from '../../restore/live/put.ts';
import { type ByteString, displayBytes, fsPath } from '../../store/bytes.ts';
import { maildirFlags } from '../../store/maildir/flags.ts';
import { formatKeywords, type Keywords } from '../../store/maildir/keywords.ts';
import { now } from '../../system/clock.ts';
import { syncDirectorySync } from '../../system/files.ts';
import { putControlFile } from '../control-file.ts';
import { UID_GAP } from '../sync/leave-uids.ts';
import type { MailboxPlace } from '../sync/place.ts';
import { lockUidlist } from '../sync/uidlock.ts';
import { linesIn, type FolderHistory } from './history.ts';
import { composeUidlist, MAX_UID, type UidLine, type UidLines } from './uidlist.ts';

export interface SwapOptions {
  place: MailboxPlace;
  folder: { dir: ByteString; name: string };
  history: FolderHistory;
  /** Where the messages lie ready, by their base names. */
  staged: ByteString;
  /** What is known of the UIDs that the folder gave since: none below the floor, under that UIDVALIDITY. */
  floor: { floor: number; uidValidity: number } | undefined;
  doveadm: Doveadm;
  reader: LiveReader;
  handles: Handles;
  signal?: AbortSignal;
}

/** `lift`: it has given UIDs that its history may have given, too. */
export type Swapped =
  | { result: 'served'; messages: number; bytes: number; findings: Finding[] }
  | { result: 'present' }
  | { result: 'lift'; floor: number };

/** Renames between two signs of life to Dovecot, which takes a lock over that is 120 s old. */
const TOUCH_EVERY = 1000;

/**
 * Where what came since must begin: above all UIDs that the history is known to have given, and those that a dead host may have given after.
 * @throws MailrecoverError `failed` where there are no such UIDs any more
 */
export function floorOf({ list, nextUid }: FolderHistory): number {
  const floor = Math.max(list?.nextUid ?? 1, nextUid) + UID_GAP;
  if (floor < MAX_UID - UID_GAP) return floor;
  throw new MailrecoverError('failed', 'the UIDs of the folder are used up', {
    hint: 'add its mail with new UIDs: mailrecover restore … --live missing',
  });
}

/** Safe to be repeated after it was cut off anywhere. @throws MailrecoverError `unreachable` where Dovecot does not answer, `locked`, `io` */
export async function swap(options: SwapOptions): Promise<Swapped> {
  const { place, folder, history, doveadm, reader, handles, signal } = options;
  const user = displayBytes(place.mailbox);
  if (!isFolder(place, folder.dir)) await makeFolder(options, user);
  const target = history.list?.uidValidity;
  // The list is what is made last: where it has the UIDVALIDITY of the history, all of that is there.
  const isMade = (list: UidLines | undefined): boolean => target !== undefined && list?.uidValidity === target;
  // What a client knew of the history before counts as old from now on: it asks for all that is newer (RFC 7162, section 3.2.5).
  if (!isMade(linesIn(reader, place, folder.dir))) await doveadm.raiseModseq(user, folder.name, now());
  const unlock = await lockUidlist(controlPath(place, folder.dir), handles, signal);
  let lost: string[];
  try {
    const list = linesIn(reader, place, folder.dir);
    const floor = floorOf(history);
    if (isMade(list)) return wasMade(options);
    if (target !== undefined && !isClear(list, options.floor, floor)) return { result: 'lift', floor };
    lost = put(options);
    if (target !== undefined) writeList(options, list, floor);
  } finally {
    unlock();
  }
  await doveadm.open(user, folder.name);
  const { list } = history;
  return { result: 'served', messages: history.messages.length, bytes: sizeOf(history), findings: findingsOf(options, user, lost, list) };
}

/** Either by a run that was killed just then, or it is the folder that the history is of, and was never begun anew. */
function wasMade({ staged, history }: SwapOptions): Swapped {
  const { messages } = history;
  if (namesIn(staged).length === messages.length && messages.length > 0) return { result: 'present' };
  return { result: 'served', messages: messages.length, bytes: sizeOf(history), findings: [] };
}

function sizeOf({ messages }: FolderHistory): number {
  return messages.reduce((sum, { size }) => sum + size, 0);
}

async function makeFolder({ place, folder, doveadm }: SwapOptions, user: string): Promise<void> {
  await doveadm.make(user, folder.name);
  if (isFolder(place, folder.dir)) return;
  throw new MailrecoverError('config', `dovecot keeps folder '${folder.name}' of '${user}' elsewhere than where it was expected`, {
    hint: "make 'layout', 'separator' and 'prefix' of the store what they are in Dovecot's namespace (doveconf -n)",
    subject: user,
  });
}

/** Whether no client can know a UID of this folder that its history gave, too. */
function isClear(list: UidLines | undefined, known: SwapOptions['floor'], floor: number): boolean {
  if (list === undefined || list.nextUid <= 1) return true;
  return known !== undefined && known.uidValidity === list.uidValidity && known.floor >= floor;
}

/** Puts the messages in. What is not where it was staged was put in before. @returns keywords for which the folder has no letter left */
function put({ place, folder, history, staged, reader, handles }: SwapOptions): string[] {
  const had = reader.keywords(place, folder.dir);
  let keywords: Keywords = had;
  const lost = new Set<string>();
  const letters = new Map<ByteString, string>();
  for (const { base, flags } of history.messages) {
    const found = maildirFlags(flags, keywords);
    keywords = found.keywords;
    for (const name of found.lost) lost.add(name);
    letters.set(base, found.flagsPart);
  }
  // Names before what refers to them. Everything about them hangs on the lock that is held (maildir-keywords.c).
  if (keywords.size > had.size)
    putControlFile(handles, controlPath(place, folder.dir), 'dovecot-keywords', Buffer.from(formatKeywords(keywords), 'utf8'));
  const cur = `${folderPath(place, folder.dir)}/cur`;
  const live = listFolder(place, folder.dir);
  const lock = fsPath(`${handles.at(controlPath(place, folder.dir))}/dovecot-uidlist.lock`);
  const ready = new Set(namesIn(staged));
  let count = 0;
  for (const { base } of history.messages) {
    if (!ready.has(base) || live.has(base)) continue;
    rename(`${handles.at(staged)}/${base}`, `${handles.at(cur)}/${base}${letters.get(base) ?? ':2,'}`);
    if (++count % TOUCH_EVERY === 0) utimesSync(lock, now() / 1000, now() / 1000);
  }
  syncDirectorySync(handles.at(cur));
  return [...lost];
}

/** The step that counts: from here on the folder is what it was, and what came since. */
function writeList({ place, folder, history, handles }: SwapOptions, list: UidLines | undefined, floor: number): void {
  const { list: old } = history;
  if (old === undefined) return;
  const there = listFolder(place, folder.dir);
  const ours: [ByteString, UidLine][] = history.messages.flatMap(({ base, line }) =>
    line !== undefined && there.has(base) ? [[base, line] as [ByteString, UidLine]] : [],
  );
  const known = new Set(ours.map(([base]) => base));
  // Below the floor are names of the history that Dovecot saw while this was cut off: they have their own UIDs.
  const since = [...(list?.lines ?? [])].filter(([base, { uid }]) => uid >= floor && there.has(base) && !known.has(base));
  const nextUid = Math.max(floor, list?.nextUid ?? 0);
  const text = composeUidlist({ uidValidity: old.uidValidity, nextUid, guid: old.guid }, [...ours, ...since]);
  putControlFile(handles, controlPath(place, folder.dir), 'dovecot-uidlist', Buffer.from(text, 'latin1'));
}

function findingsOf({ folder }: SwapOptions, user: string, lost: readonly string[], list: UidLines | undefined): Finding[] {
  const of = `folder '${folder.name}' of '${user}'`;
  return [
    ...(list === undefined
      ? [
          {
            severity: 'info' as const,
            code: 'new-uids',
            message: `${of}: the snapshot has no list of UIDs, so its messages got new ones`,
            subject: user,
          },
        ]
      : []),
    ...(lost.length === 0
      ? []
      : [
          {
            severity: 'warning' as const,
            code: 'keywords',
            message: `${of}: a folder has room for 26 keywords, and these did not fit any more: ${lost.slice(0, 5).join(', ')}`,
            subject: user,
          },
        ]),
  ];
}
