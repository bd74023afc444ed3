/** Who owns a mailbox on the standby: whoever owns it there already, else the one who owns it on the active host, by name. */
import { chmodSync, lchownSync } from 'node:fs';
import type { Finding } from '../../errors/finding.ts';
import type { Handles } from '../../restore/live/aside.ts';
import { type ByteString, displayBytes, fsPath } from '../../store/bytes.ts';
import { lstatIfThere } from '../../store/stat.ts';
import { groupId, userId } from '../../system/owners.ts';
import type { OwnedMailbox, SyncedArea } from './model.ts';
import { pathIn, type MailboxPlace } from './place.ts';

export interface Owner {
  /** undefined leaves what is made with whoever runs this. */
  uid: number | undefined;
  gid: number | undefined;
  /** Of directories; messages have it without the right to search. */
  mode: number;
}

export function ownerOf(cut: OwnedMailbox, place: MailboxPlace): Owner {
  const stats = lstatIfThere(place.root);
  const mode = stats === undefined ? cut.owner.mode : stats.mode & 0o7777;
  if (process.getuid?.() !== 0) return { uid: undefined, gid: undefined, mode };
  return { uid: stats?.uid ?? userId(cut.owner.user), gid: stats?.gid ?? groupId(cut.owner.group), mode };
}

/** Why nobody here could own a mailbox, or undefined. */
export function lacksOwner(cut: OwnedMailbox, place: MailboxPlace): Finding | undefined {
  const { uid, gid } = ownerOf(cut, place);
  if (process.getuid?.() !== 0 || (uid !== undefined && gid !== undefined)) return undefined;
  const { user, group } = cut.owner;
  return {
    severity: 'error',
    code: 'owner-unknown',
    message: `mailbox '${displayBytes(cut.mailbox)}' belongs to '${user}:${group}', and the standby has no such ${uid === undefined ? 'user' : 'group'}`,
    hint: 'make it there: standby prepare does',
    subject: displayBytes(cut.mailbox),
  };
}

/** Makes a directory, as the mailbox's owner's, where it is not there yet. */
function makeOwned(parent: ByteString, name: ByteString, { uid, gid, mode }: Owner, handles: Handles): ByteString {
  const path = `${parent}/${name}`;
  if (lstatIfThere(path) !== undefined) return path;
  handles.make(parent, name);
  const made = fsPath(`${handles.at(parent)}/${name}`);
  if (uid !== undefined && gid !== undefined) lchownSync(made, uid, gid);
  chmodSync(made, mode);
  return path;
}

function parentOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

/** Makes the directories down to the one that holds a tree of the mailbox, as its owner's. @returns that directory */
export function makeParents(place: MailboxPlace, area: SyncedArea, owner: Owner, handles: Handles): ByteString {
  const path = parentOf(pathIn(place, area, ''));
  const fixed = place.fixed[area];
  if (fixed === undefined || lstatIfThere(path) !== undefined) return path;
  makeTree(fixed, path, owner, handles);
  return path;
}

/** Makes a directory and what is above it, down from one that is there, as the mailbox's owner's. */
export function makeTree(fixed: ByteString, path: ByteString, owner: Owner, handles: Handles): void {
  if (lstatIfThere(path) !== undefined) return;
  let at = fixed;
  for (const name of path.slice(fixed.length).split('/')) if (name !== '') at = makeOwned(at, name, owner, handles);
}

/** Makes the root of a tree of the mailbox, and what is above it. */
export function makeRoot(place: MailboxPlace, area: SyncedArea, owner: Owner, handles: Handles): void {
  const parent = makeParents(place, area, owner, handles);
  makeOwned(parent, pathIn(place, area, '').slice(parent === '/' ? 1 : parent.length + 1), owner, handles);
}
