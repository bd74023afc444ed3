/**
 * Leaving out UIDs on a standby that is about to serve without the last mail of the old host: that has given UIDs which the standby knows nothing of,
 * and clients have seen what they stand for. Given again under the same UIDVALIDITY they would show one message for another.
 */
import { readFileSync } from 'node:fs';
import { storeMailboxes } from '../../backup/mailboxes.ts';
import { ioError } from '../../errors/error.ts';
import { Handles } from '../../restore/live/aside.ts';
import { controlPath, folderDirs, type LivePlace } from '../../restore/live/look.ts';
import { type ByteString, displayBytes } from '../../store/bytes.ts';
import { parseUidlist } from '../../store/maildir/uidlist.ts';
import { FileOpener, withFile } from '../../store/reach.ts';
import { putControlFile } from '../control-file.ts';
import { boxOwner, runBox, type BoxAccess } from './box/doveadm.ts';
import { readBox } from './box/state.ts';
import { isBox, syncPlaceOf, type MailboxPlace, type SyncStore } from './place.ts';
import { lockUidlist } from './uidlock.ts';

/** More messages than a folder gets in the time that a standby is behind. */
export const UID_GAP = 10_000;

const UIDLIST = 'dovecot-uidlist';
const MAX_UID = 0xffff_fffe;

/**
 * Raises UIDNEXT in all folders by {@link UID_GAP}. To be called once for each switch, before the mail services are started.
 * @returns how many folders there were
 */
export async function leaveUids(stores: readonly SyncStore[], access: BoxAccess = {}): Promise<number> {
  const { signal } = access;
  let folders = 0;
  for (const store of stores.filter(({ format }) => isBox(format)))
    for (const { mailbox } of (await storeMailboxes(store, '', signal)).mailboxes)
      folders += await leaveInBox(syncPlaceOf({ store: store.name, mailbox }, stores), access);
  for (const store of stores.filter(({ format = 'maildir' }) => format === 'maildir')) {
    for (const { areas } of (await storeMailboxes(store, '', signal)).mailboxes) {
      const path = (wanted: string): ByteString | undefined => areas.find(({ area }) => area === wanted)?.path;
      const [root, control] = [path('mail'), path('control')];
      if (root === undefined) continue;
      const place: LivePlace = { root, layout: store.layout ?? 'maildir++', ...(control === undefined ? {} : { control }) };
      const handles = new Handles();
      try {
        for (const dir of folderDirs(place)) if (await raise(controlPath(place, dir), handles, signal)) folders++;
      } finally {
        handles.close();
      }
    }
  }
  return folders;
}

/** Has Dovecot do it, for indexes are its own. */
async function leaveInBox(place: MailboxPlace, access: BoxAccess): Promise<number> {
  const owner = boxOwner(place);
  if (owner === undefined) return 0;
  const { box } = await readBox(place, access);
  for (const { name, nextUid } of box.folders) {
    const next = String(Math.min(MAX_UID, nextUid + UID_GAP));
    await runBox(place, owner, access, ['mailbox', 'update', '--min-next-uid', next, name]);
  }
  return box.folders.length;
}

/** @returns false where no server has opened the folder yet: no client knows any UID in it */
async function raise(directory: ByteString, handles: Handles, signal: AbortSignal | undefined): Promise<boolean> {
  if (readList(directory) === undefined) return false;
  const unlock = await lockUidlist(directory, handles, signal);
  try {
    const bytes = readList(directory);
    const list = bytes === undefined ? undefined : parseUidlist(bytes);
    if (bytes === undefined || list?.version !== 3) return false;
    const text = bytes.toString('latin1');
    const end = text.indexOf('\n');
    const next = Math.min(MAX_UID, list.nextUid + UID_GAP);
    const head = text.slice(0, end).replace(/ N\d+/, ` N${next}`);
    putControlFile(handles, directory, UIDLIST, Buffer.from(`${head}${text.slice(end)}`, 'latin1'));
    return true;
  } finally {
    unlock();
  }
}

/** @returns undefined where it is not there */
function readList(directory: ByteString): Buffer | undefined {
  const path = `${directory}/${UIDLIST}`;
  const opener = new FileOpener();
  try {
    const read = withFile(opener, path, (fd) => ({ bytes: readFileSync(fd) }));
    if ('bytes' in read) return read.bytes;
    if (['ENOENT', 'ENOTDIR'].includes(read.error)) return undefined;
    throw ioError(Object.assign(new Error(read.error), { code: read.error }), 'read', displayBytes(path));
  } finally {
    opener.release();
  }
}
