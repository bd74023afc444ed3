/** Names in a tree of mboxes (Dovecot's mbox format, and mailbox_list_layout fs). */
import { isIndexName, isLeftOut as isLeftOutOfDbox } from '../dbox/names.ts';

export function isLeftOut(name: string, type: 'file' | 'directory'): boolean {
  return isLeftOutOfDbox(name, type);
}

/** Whether a file is an mbox: any that is not hidden, below directories that are not. */
export function isMbox(path: string): boolean {
  return (
    path.split('/').every((name) => !name.startsWith('.')) &&
    !isIndexName(path.slice(path.lastIndexOf('/') + 1)) &&
    !/(^|\/)(subscriptions|dovecot[.-][^/]*)$/.test(path)
  );
}

/** The folder of an mbox, as a directory of a Maildir in the layout `fs` (empty for INBOX). */
export function folderOfMbox(path: string): string {
  return path.toUpperCase() === 'INBOX' ? '' : path;
}

/** Where the index of a folder may lie, below the root of the mail or of the indexes: without the endings of its files. */
export function indexesOf(folder: string): string[] {
  const path = folder === '' ? 'INBOX' : folder;
  const slash = path.lastIndexOf('/') + 1;
  return [
    `${path.slice(0, slash)}.imap/${path.slice(slash)}`,
    `.imap/${path}`,
    path,
    ...(folder === '' ? ['.imap/inbox', 'inbox'] : []),
  ].map((dir) => `${dir}/dovecot.index`);
}
