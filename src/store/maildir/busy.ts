/** The last step for a mailbox that never comes to rest: messages and UIDs that fit each other. */
import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { sleep } from '../../system/clock.ts';
import type { LiveStat } from '../live.ts';
import { FileOpener } from '../reach.ts';
import { liveStat } from '../stat.ts';
import type { AreaReader } from './area.ts';
import { parseUidlist } from './uidlist.ts';

/** Cuts through the mailbox, until one fits. */
const MAX_CUTS = 10;
/** Messages whose names change between listing and reading are listed again so often. */
const MAX_CHASES = 20;
/** Listings that tell what was moved from what was hidden by a rename. */
const MAX_LOOKS = 10;
const PAUSE = 5;
const NEWLINE = 10;

export interface BusyMailbox {
  mail: AreaReader;
  /** Reads the control files; the reader of the mail where they lie with it. */
  control: AreaReader;
  controlRoot: string;
  /** Captures all files, the uidlists last. */
  captureFiles: () => Promise<void>;
}

/** Base names that have a UID, by folder; undefined for a folder without a list. */
type Uids = ReadonlyMap<string, ReadonlyMap<string, number> | undefined>;

/**
 * Takes all messages that are listed, then the uidlists, and looks whether the two fit: a message that is captured and has no UID in the
 * list that is kept would be given one by a server on the restored mailbox, though clients may know it under another. That
 * is right only for mail to which the live server has not given a UID either. Otherwise both are taken once more.
 */
export async function captureBusy(mailbox: BusyMailbox): Promise<void> {
  const { mail } = mailbox;
  for (let cut = 1; ; cut++) {
    for (let chase = 1; ; chase++) {
      mail.list();
      mail.messages.dropGone(false);
      await mail.messages.capture();
      if (mail.messages.pending === 0 || chase === MAX_CHASES) break;
      await sleep(PAUSE);
    }
    const before = readLists(mailbox);
    await mailbox.captureFiles();
    const kept = keptUids(mailbox, before);
    if (cut === MAX_CUTS || (kept !== undefined && fits(mailbox, kept))) return dropDoubles(mail, kept ?? new Map());
    await sleep(PAUSE);
  }
}

/** A message that was moved while its folders were listed is captured in both. */
async function dropDoubles(mail: AreaReader, kept: Uids): Promise<void> {
  const hasUid = (folder: string, base: string): boolean => kept.get(folder)?.has(base) ?? false;
  for (let look = 1; ; look++) {
    mail.list();
    if (mail.messages.dropMoved(hasUid) === 0 || look === MAX_LOOKS) return;
    await sleep(PAUSE);
  }
}

function fits({ mail, controlRoot }: BusyMailbox, kept: Uids): boolean {
  mail.list();
  for (const [folder, captured] of mail.messages.folders) {
    const uids = kept.get(folder);
    const strays = [...captured.keys()].filter((base) => uids?.has(base) !== true);
    if (strays.length === 0) continue;
    const now = uidsIn(readList(`${controlRoot}/${listPath(folder)}`)?.content);
    if (strays.some((base) => now.has(base) || (uids !== undefined && mail.messages.isAbsent(folder, base)))) return false;
  }
  return true;
}

interface List {
  stat: LiveStat;
  content: Buffer;
}

function listPath(folder: string): string {
  return `${folder === '' ? '' : `${folder}/`}dovecot-uidlist`;
}

function uidsIn(content: Buffer | undefined): ReadonlyMap<string, number> {
  return (content === undefined ? undefined : parseUidlist(content)?.uids) ?? new Map();
}

function readLists({ mail, controlRoot }: BusyMailbox): Map<string, List | undefined> {
  return new Map(Array.from(mail.messages.folders.keys(), (folder) => [folder, readList(`${controlRoot}/${listPath(folder)}`)]));
}

function readList(path: string): List | undefined {
  const opener = new FileOpener();
  let fd: number;
  try {
    fd = opener.open(path);
  } catch {
    return undefined;
  } finally {
    opener.release();
  }
  try {
    const stats = fstatSync(fd);
    return stats.isFile() ? { stat: liveStat(stats), content: readFileSync(fd) } : undefined;
  } finally {
    closeSync(fd);
  }
}

/**
 * What the lists that were captured say. Lists are appended to, or replaced by others; so the one that is kept is known by the one
 * that was there before, and, where it grew, by the one that is there now.
 * @returns undefined where one is not known, or ends within a line
 */
function keptUids(mailbox: BusyMailbox, before: ReadonlyMap<string, List | undefined>): Uids | undefined {
  const uids = new Map<string, ReadonlyMap<string, number> | undefined>();
  for (const [folder, list] of before) {
    const kept = mailbox.control.file(listPath(folder))?.stat;
    if (kept === undefined) {
      if (list !== undefined) return undefined;
      uids.set(folder, undefined);
      continue;
    }
    const isSource = (source: List | undefined): source is List =>
      source?.stat.ino === kept.ino && source.stat.birth === kept.birth && source.content.length >= kept.size;
    const source = isSource(list) ? list : readList(`${mailbox.controlRoot}/${listPath(folder)}`);
    if (!isSource(source)) return undefined;
    const content = source.content.subarray(0, kept.size);
    if (content.length > 0 && content.at(-1) !== NEWLINE) return undefined;
    uids.set(folder, uidsIn(content));
  }
  return uids;
}
