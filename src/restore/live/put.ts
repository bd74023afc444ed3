/** Putting what lies ready into the folders that are being served: message by message, each by one rename, as Maildir has it. */
import { renameSync } from 'node:fs';
import { ioError, systemCode } from '../../errors/error.ts';
import { type ByteString, displayBytes, fsPath } from '../../store/bytes.ts';
import { imapFlags, maildirFlags } from '../../store/maildir/flags.ts';
import type { Keywords } from '../../store/maildir/keywords.ts';
import { syncDirectorySync } from '../../system/files.ts';
import type { Handles } from './aside.ts';
import { folderPath, listFolder, type LiveReader } from './look.ts';
import type { Add, FolderPlan, MailboxPlan } from './model.ts';

/** Renames; false where the first name is not there. */
export function rename(from: ByteString, to: ByteString): boolean {
  try {
    renameSync(fsPath(from), fsPath(to));
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw ioError(error, 'rename', displayBytes(from));
  }
}

/** Flags without the keywords for which the folder has no letter yet. */
function lettersOf(flags: readonly string[], keywords: Keywords): string {
  const known = new Set([...keywords.values()].map((name) => name.toLowerCase()));
  return maildirFlags(
    flags.filter((flag) => flag.startsWith('\\') || known.has(flag.toLowerCase())),
    keywords,
  ).flagsPart;
}

/**
 * Puts messages into a folder, oldest first. What is not where it was staged was put in before.
 * @param onFirst is told when the first is there
 */
export function putAdds(
  mailbox: MailboxPlan,
  folder: FolderPlan,
  adds: readonly Add[],
  staged: ByteString,
  handles: Handles,
  reader: LiveReader,
  onPut: (add: Add) => void,
): void {
  const cur = `${folderPath(mailbox, folder.dir)}/cur`;
  const keywords = reader.keywords(mailbox, folder.dir);
  for (const add of adds)
    if (rename(`${handles.at(staged)}/${add.base}`, `${handles.at(cur)}/${add.base}${lettersOf(add.flags, keywords)}`)) onPut(add);
  if (adds.length > 0) syncDirectorySync(handles.at(cur));
}

/** Keywords that wanted messages lack, since the folder had no letters for them: UIDs by the list of keywords. */
export function lackingKeywords(
  mailbox: MailboxPlan,
  folder: FolderPlan,
  wanted: readonly { base: ByteString; flags: readonly string[] }[],
  reader: LiveReader,
): Map<string, { flags: string[]; uids: number[] }> {
  const lacking = new Map<string, { flags: string[]; uids: number[] }>();
  if (!wanted.some(({ flags }) => flags.some((flag) => !flag.startsWith('\\')))) return lacking;
  const live = listFolder(mailbox, folder.dir);
  const keywords = reader.keywords(mailbox, folder.dir);
  const uids = reader.uidlist(mailbox, folder.dir)?.uids;
  for (const { base, flags } of wanted) {
    const message = live.get(base);
    const uid = uids?.get(base);
    if (message === undefined || uid === undefined) continue;
    const has = new Set(imapFlags(message.flags, keywords).map((flag) => flag.toLowerCase()));
    const missing = flags.filter((flag) => !flag.startsWith('\\') && !has.has(flag.toLowerCase()));
    if (missing.length === 0) continue;
    const key = missing.join(' ');
    const held = lacking.get(key);
    if (held === undefined) lacking.set(key, { flags: missing, uids: [uid] });
    else held.uids.push(uid);
  }
  return lacking;
}

/** Gives messages the flags that they had. @returns how many a client had changed meanwhile: those are left as they are */
export function putFlags(mailbox: MailboxPlan, folder: FolderPlan, handles: Handles): { done: number; changed: number } {
  const live = listFolder(mailbox, folder.dir);
  const path = folderPath(mailbox, folder.dir);
  const result = { done: 0, changed: 0 };
  for (const { base, from, to } of folder.flags) {
    const message = live.get(base);
    if (
      message?.flags === from &&
      rename(`${handles.at(`${path}/${message.in}`)}/${base}${from}`, `${handles.at(`${path}/cur`)}/${base}${to}`)
    )
      result.done++;
    else if (message?.flags !== to) result.changed++;
  }
  if (folder.flags.length > 0) syncDirectorySync(handles.at(`${path}/cur`));
  return result;
}

/** Takes messages out of a folder, and keeps them beside the mailbox. What came since the plan was made stays. */
export function setAside(mailbox: MailboxPlan, folder: FolderPlan, old: ByteString, handles: Handles): number {
  const path = folderPath(mailbox, folder.dir);
  let done = 0;
  let left = folder.removals;
  // A message whose flags are changed at the same moment is found under its new name the next time.
  for (let look = 0; look < 10 && left.length > 0; look++) {
    const live = listFolder(mailbox, folder.dir);
    left = left.filter(({ base }) => {
      const message = live.get(base);
      if (message === undefined) return false;
      const name = base + message.flags;
      if (!rename(`${handles.at(`${path}/${message.in}`)}/${name}`, `${handles.at(old)}/${name}`)) return true;
      done++;
      return false;
    });
  }
  if (folder.removals.length > 0) for (const each of [old, `${path}/cur`, `${path}/new`]) syncDirectorySync(handles.at(each));
  return done;
}
