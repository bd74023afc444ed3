/** Names in the trees of sdbox and mdbox (dbox-storage.h, mdbox-storage.h). */
import { leftOut } from '../maildir/leftout.ts';

export type DboxFormat = 'sdbox' | 'mdbox';

const INDEX = /^dovecot\.(?:map\.|list\.)?index(?:\.log(?:\.2)?)?$/;
/** What Dovecot makes anew: caches, a copy of the index as it was before, threads, search. */
const REBUILT = /^dovecot\.(?:map\.|list\.)?index\.(?:cache|backup|thread|search.*|log\.newlock|tmp)$/;
const TEMPORARY = /^\.?temp\./;

/** Files that together say which messages there are. They are read at one moment. */
export function isIndexName(name: string): boolean {
  return INDEX.test(name);
}

export function isLeftOut(name: string, type: 'file' | 'directory'): boolean {
  if (type === 'directory') return leftOut(name, type) !== undefined;
  if (isIndexName(name)) return false;
  return REBUILT.test(name) || TEMPORARY.test(name) || leftOut(name, type) !== undefined;
}

/** `u.<uid>` in the directory of a folder. */
export function uidOfFile(name: string): number | undefined {
  const uid = /^u\.(\d{1,10})$/.exec(name)?.[1];
  return uid === undefined ? undefined : Number(uid);
}

/** `m.<number>` in the storage directory. */
export function storageFile(id: number): string {
  return `storage/m.${id}`;
}

export function isMessageFile(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return uidOfFile(name) !== undefined || /^storage\/m\.\d+$/.test(path);
}

/** Below each folder's own directory, in the tree of the mail. Where indexes lie elsewhere they lie in the folder's directory itself. */
const MAILS = 'dbox-Mails';

/** Where the messages of a folder lie whose index lies in a directory. */
export function mailDirectory(indexDir: string): string {
  return indexDir.endsWith(`/${MAILS}`) ? indexDir : `${indexDir}/${MAILS}`;
}

/** Whether a directory of the mail's tree is that of a folder's messages. */
export function isMailDirectory(dir: string): boolean {
  return dir.startsWith('mailboxes/') && dir.endsWith(`/${MAILS}`);
}

/** The map index, below the root of the indexes. */
export const MAP_INDEX = 'storage/dovecot.map.index';

/**
 * The folder whose index lies in a directory, as a directory of a Maildir in the layout `fs` (empty for INBOX): `mailboxes/A/B/dbox-Mails` is `A/B`. Undefined for
 * other places.
 */
export function folderOfIndex(dir: string): string | undefined {
  const folder = /^mailboxes\/(.+)$/.exec(dir)?.[1]?.replace(/\/dbox-Mails$/, '');
  if (folder === undefined) return undefined;
  return folder.toUpperCase() === 'INBOX' ? '' : folder;
}
