/**
 * Beginning mailboxes anew: what lies there is moved aside, and folders of the same names, empty, take its place, so that mail is received and sent at once, and filters and
 * clients find the folders that they know. They have another UIDVALIDITY, and their UIDs begin above all that are known to have been given: when the history comes back, every UID
 * goes on standing for the same message.
 */
import { randomBytes } from 'node:crypto';
import { storeMailboxes } from '../../backup/mailboxes.ts';
import { MailrecoverError } from '../../errors/error.ts';
import { folderDirs, LiveReader } from '../../restore/live/look.ts';
import { displayBytes } from '../../store/bytes.ts';
import { isoNow, now } from '../../system/clock.ts';
import { emptyUidlist } from '../behind/uidlist.ts';
import type { DialCounts, DialRequest } from './model.ts';
import { readLag } from '../sync/lag.ts';
import type { MailboxName } from '../sync/model.ts';
import { isBox, placeOf, type MailboxPlace, type SyncStore } from '../sync/place.ts';
import { hashOf } from '../sync/taken.ts';
import { moveAside, moveBack } from './move.ts';
import { dropDial, readDial, writeDial, type AsideMailbox, type Dial, type DialRecord, type EmptyFolder } from './record.ts';
import { buildEmpty } from './skeleton.ts';

interface BeginOptions {
  /** Directory of this host's state. */
  state: string;
  stores: readonly SyncStore[];
  signal?: AbortSignal | undefined;
}

/** More UIDs than a folder gives between the last synchronisation and the last backup. */
const ROOM = 1_000_000;
const MAX_FLOOR = 0xf000_0000;

/** What would be done. Changes nothing. */
export async function lookAtDial(options: BeginOptions, request: DialRequest): Promise<DialCounts> {
  return countsOf(await recordOf(options, request));
}

/** Safe to be repeated after it was cut off anywhere. Nobody may use the mail meanwhile. */
export async function beginDial(options: BeginOptions, request: DialRequest): Promise<DialCounts> {
  const { state, stores, signal } = options;
  const there = readDial(state);
  if (there !== undefined && !there.closed && there.run !== request.run)
    throw new MailrecoverError('refused', `mailboxes that were begun anew at ${there.at} have no history yet`, {
      hint: "bring it back first: 'mailrecover restore --behind'",
      subject: there.run,
    });
  let record: Pick<Dial, 'kept' | 'aside' | 'run'> | undefined = there?.run === request.run ? there : undefined;
  if (record === undefined) {
    const made = await recordOf(options, request);
    await writeDial(state, made);
    record = made;
  }
  for (const mailbox of record.aside) {
    signal?.throwIfAborted();
    const place = placeOf(mailbox, stores);
    const lists = new Map(mailbox.folders.map(({ dir, uidValidity, floor }) => [dir, emptyUidlist(uidValidity, floor, guid())]));
    moveAside(place, mailbox.aside, (built) => buildEmpty(place, built, lists));
  }
  return countsOf(record);
}

/** Takes it back, as long as nobody has used the empty mailboxes. Safe to be repeated. */
export async function endDial({ state, stores }: BeginOptions, run: string): Promise<void> {
  const record = readDial(state);
  if (record === undefined || record.run !== run) return;
  for (const mailbox of record.aside) moveBack(placeOf(mailbox, stores), mailbox.aside);
  dropDial(state);
}

function countsOf({ kept, aside, run }: Pick<Dial, 'kept' | 'aside' | 'run'>): DialCounts {
  return { kept: kept.length, anew: aside.length, aside: `${asideName(run)}…` };
}

function asideName(run: string): string {
  return `.mailrecover-before-${run.slice(0, 8)}-`;
}

async function recordOf({ state, stores, signal }: BeginOptions, { run, epoch, from, keepSince }: DialRequest): Promise<DialRecord> {
  const current = new Set(readLag(state).flatMap((lag) => (lag.syncedAt !== undefined && lag.syncedAt >= keepSince ? [hashOf(lag)] : [])));
  const record: DialRecord = { version: 1, run, epoch, from, at: isoNow(), kept: [], aside: [] };
  const reader = new LiveReader();
  try {
    for (const name of await mailboxesOf(stores, (format) => format === 'maildir', signal)) {
      if (current.has(hashOf(name))) record.kept.push(name);
      else record.aside.push(anew(reader, placeOf(name, stores), `${asideName(run)}${hashOf(name).slice(0, 8)}`));
    }
  } finally {
    reader.close();
  }
  for (const name of await mailboxesOf(stores, isBox, signal)) {
    const subject = displayBytes(name.mailbox);
    if (!current.has(hashOf(name)))
      throw new MailrecoverError('refused', `mailbox '${subject}' is not current, and is no Maildir: only Maildirs can begin anew`, {
        hint: 'synchronise it first, or switch without --dial-tone: it serves what it has then',
        subject,
      });
    record.kept.push(name);
  }
  return record;
}

async function mailboxesOf(
  stores: readonly SyncStore[],
  isWanted: (format: string) => boolean,
  signal: AbortSignal | undefined,
): Promise<MailboxName[]> {
  const found: MailboxName[] = [];
  for (const store of stores.filter(({ format = 'maildir' }) => isWanted(format))) {
    const { mailboxes, findings } = await storeMailboxes(store, '', signal);
    const problem = findings.find(({ severity }) => severity === 'error');
    if (problem !== undefined) throw new MailrecoverError('io', problem.message, { subject: store.name });
    for (const { mailbox } of mailboxes) found.push({ store: store.name, mailbox });
  }
  return found;
}

function anew(reader: LiveReader, place: MailboxPlace, aside: string): AsideMailbox {
  const { store, mailbox } = place;
  const seconds = Math.floor(now() / 1000);
  const folders = folderDirs(place).map((dir): EmptyFolder => {
    const { uidValidity = 0, nextUid = 1 } = reader.uidlist(place, dir) ?? {};
    return { dir, uidValidity: Math.max(seconds, uidValidity + 1), floor: Math.min(MAX_FLOOR, nextUid + ROOM) };
  });
  return { store, mailbox, aside, folders: folders.some(({ dir }) => dir === '') ? folders : [inbox(seconds), ...folders] };
}

function inbox(uidValidity: number): EmptyFolder {
  return { dir: '', uidValidity, floor: ROOM };
}

function guid(): string {
  return randomBytes(16).toString('hex');
}
