/**
 * Leaving out UIDs on a standby that is about to serve without the last mail of the old host: that has given UIDs which the standby knows nothing of,
 * and clients have seen what they stand for. Given again under the same UIDVALIDITY they would show one message for another.
 */
import { closeSync, fchmodSync, fchownSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { storeMailboxes } from '../../backup/mailboxes.ts';
import { ioError, systemCode } from '../../errors/error.ts';
import { Handles } from '../../restore/live/aside.ts';
import { controlPath, folderDirs, type LivePlace } from '../../restore/live/look.ts';
import { type ByteString, displayBytes, fsPath } from '../../store/bytes.ts';
import { parseUidlist } from '../../store/maildir/uidlist.ts';
import type { SyncStore } from './place.ts';
import { lockUidlist } from './uidlock.ts';

/** More messages than a folder gets in the time that a standby is behind. */
export const UID_GAP = 10_000;

const MAX_UID = 0xffff_fffe;

/**
 * Raises UIDNEXT in all folders by {@link UID_GAP}. To be called once for each switch, before the mail services are started.
 * @returns how many folders there were
 */
export async function leaveUids(stores: readonly SyncStore[], signal?: AbortSignal): Promise<number> {
  let folders = 0;
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

/** @returns false where no server has opened the folder yet: no client knows any UID in it */
async function raise(directory: ByteString, handles: Handles, signal: AbortSignal | undefined): Promise<boolean> {
  const path = `${directory}/dovecot-uidlist`;
  let text: string;
  try {
    text = readFileSync(fsPath(path), 'latin1');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return false;
    throw ioError(error, 'read', displayBytes(path));
  }
  const unlock = await lockUidlist(directory, handles, signal);
  try {
    text = readFileSync(fsPath(path), 'latin1');
    const list = parseUidlist(Buffer.from(text, 'latin1'));
    if (list === undefined || list.version !== 3) return false;
    const end = text.indexOf('\n');
    const next = Math.min(MAX_UID, list.nextUid + UID_GAP);
    const head = text.slice(0, end).replace(/ N\d+/, ` N${next}`);
    replace(handles.at(directory), path, `${head}${text.slice(end)}`);
    return true;
  } catch (error) {
    throw ioError(error, 'write', displayBytes(path));
  } finally {
    unlock();
  }
}

function replace(at: ByteString, path: ByteString, text: string): void {
  const { uid, gid, mode } = statSync(fsPath(path));
  const temporary = fsPath(`${at}/.temp.mailrecover.${process.pid}.dovecot-uidlist`);
  const fd = openSync(temporary, 'w', mode & 0o777);
  try {
    const bytes = Buffer.from(text, 'latin1');
    for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
    if (process.getuid?.() === 0) fchownSync(fd, uid, gid);
    fchmodSync(fd, mode & 0o777);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, fsPath(`${at}/dovecot-uidlist`));
}
