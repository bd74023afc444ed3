/** What Dovecot on the standby made up by itself, and must not keep: indexes that know other messages by the same UIDs. */
import { unlinkSync } from 'node:fs';
import type { Handles } from '../../restore/live/aside.ts';
import { namesIn } from '../../restore/live/aside.ts';
import { type ByteString, fsPath } from '../../store/bytes.ts';
import { controlDir } from '../../store/maildir/layout.ts';
import type { Uidlist } from '../../store/maildir/uidlist.ts';
import type { MailboxPlace } from './place.ts';

/**
 * Whether a new list gives a UID to another message than the old one did, or a message another UID. Where it only goes on, an index that goes with
 * the old list goes with the new one as well, and it stays: clients rely on the numbers of changes that only it holds (RFC 7162).
 */
export function givesOtherUids(before: Uidlist, after: Uidlist): boolean {
  if (before.uidValidity !== after.uidValidity) return true;
  const bases = new Map(Array.from(after.uids, ([base, uid]) => [uid, base]));
  for (const [base, uid] of before.uids) {
    const now = after.uids.get(base);
    if (now !== undefined && now !== uid) return true;
    const other = bases.get(uid);
    if (other !== undefined && other !== base) return true;
  }
  // A message that only the old list knew may be in the index under a UID that the new list has not given yet.
  return before.nextUid > after.nextUid;
}

/** Removes the indexes of a folder. @param dir below the root of the mail */
export function dropIndexes(place: MailboxPlace, dir: ByteString, handles: Handles): void {
  const directory =
    place.index === undefined ? (dir === '' ? place.root : `${place.root}/${dir}`) : `${place.index}/${controlDir(dir, place.layout)}`;
  for (const name of namesIn(directory)) if (/^dovecot\.index($|\.)/.test(name)) unlinkSync(fsPath(`${handles.at(directory)}/${name}`));
}
