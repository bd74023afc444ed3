import { HOST, IDENTITY, IDENTITY_EXIT_CODES, MAILBOX_FORMS, REPOSITORY, SNAPSHOT_FORMS } from './shared.ts';
import { describeCommand, type TextHelpers } from './types.ts';

export const ls = describeCommand({
  name: 'ls',
  summary: 'list the mailboxes, folders or messages of a snapshot',
  description: [
    'Lists the mailboxes of a snapshot; with a mailbox, its folders; with --folder, the messages in it.',
    SNAPSHOT_FORMS,
    MAILBOX_FORMS,
  ],
  arguments: {
    snapshot: { value: 'SNAP', description: 'the snapshot', required: true },
    mailbox: { value: 'MAILBOX', description: 'the mailbox whose folders to list' },
  },
  options: {
    folder: { kind: 'text', value: 'FOLDER', description: 'list the messages of this folder' },
    ...IDENTITY,
    ...HOST,
    ...REPOSITORY,
  },
  examples: [
    { command: 'mailrecover ls latest', says: 'List the mailboxes of the newest snapshot.' },
    { command: 'mailrecover ls 2026-11-20 alice@example.org', says: 'List the folders that Alice had on that day.' },
    { command: 'mailrecover ls latest alice@example.org --folder INBOX', says: "List the messages in Alice's inbox." },
  ],
  exitCodes: { 0: 'the list was printed', 1: 'it could not be read', ...IDENTITY_EXIT_CODES },
  json: {
    snapshot: 'the id of the snapshot',
    'mailboxes[].{mailbox,store,folders,messages,bytes}': 'the mailboxes, where none was named',
    'folders[].{mailbox,folder,messages,bytes}': 'the folders of the mailbox',
    'messages[].{message,folder,file,flags,size,date}': 'the messages of the folder; `message` is what cat and restore --message take',
  },
});

/** A line of any of the three lists. */
export interface ListRow {
  name: string;
  folders?: number;
  messages?: number;
  bytes: number;
  flags?: string;
  date?: string;
}

export function renderList(rows: readonly ListRow[], kind: 'mailboxes' | 'folders' | 'messages', text: TextHelpers): string {
  if (rows.length === 0) return `no ${kind}`;
  if (kind === 'messages') {
    const cells = rows.map((row) => [row.name, row.date === undefined ? '' : text.time(row.date), row.flags ?? '', text.size(row.bytes)]);
    return text.table(cells, { head: ['message', 'received', 'flags', 'size'], right: [3] });
  }
  if (kind === 'folders') {
    const cells = rows.map((row) => [row.name, text.number(row.messages ?? 0), text.size(row.bytes)]);
    return text.table(cells, { head: ['folder', 'messages', 'size'], right: [1, 2] });
  }
  const cells = rows.map((row) => [row.name, text.number(row.folders ?? 0), text.number(row.messages ?? 0), text.size(row.bytes)]);
  return text.table(cells, { head: ['mailbox', 'folders', 'messages', 'size'], right: [1, 2, 3] });
}
