import { HOST, IDENTITY, IDENTITY_EXIT_CODES, MAILBOX_FORMS, REPOSITORY, SNAPSHOT_FORMS } from './shared.ts';
import { describeCommand, type TextHelpers } from './types.ts';

export const find = describeCommand({
  name: 'find',
  summary: 'find messages in all snapshots',
  description: [
    'Finds messages by their headers, over all snapshots or one. All filters must fit; texts fit anywhere in the header and in either case. Each message is listed once, with the newest snapshot that has it; `cat` and `restore --message` take what stands under message.',
    'A time is a date such as 2026-11-20, or a date and a time of day.',
    SNAPSHOT_FORMS,
    MAILBOX_FORMS,
  ],
  arguments: {},
  options: {
    messageId: { kind: 'text', value: 'ID', description: 'the Message-ID, with or without its angle brackets' },
    from: { kind: 'text', value: 'TEXT', description: 'text in the sender' },
    to: { kind: 'text', value: 'TEXT', description: 'text in a recipient (To, Cc)' },
    subject: { kind: 'text', value: 'TEXT', description: 'text in the subject' },
    since: { kind: 'text', value: 'TIME', description: 'sent at or after this time' },
    until: { kind: 'text', value: 'TIME', description: 'sent before the end of this time' },
    mailbox: { kind: 'list', value: 'MAILBOX', description: 'only in these mailboxes' },
    deletedSince: {
      kind: 'text',
      value: 'TIME',
      description: 'only messages that were there at this time, or came later, and are gone from the newest snapshot',
    },
    snapshot: { kind: 'text', value: 'SNAP', description: 'only in this snapshot' },
    limit: { kind: 'number', value: 'N', description: 'stop after N messages; 0 lists all', default: 0, min: 0 },
    ...IDENTITY,
    ...HOST,
    ...REPOSITORY,
  },
  examples: [
    { command: 'mailrecover find --mailbox alice@example.org --subject invoice', says: 'Find what a user is missing.' },
    { command: 'mailrecover find --mailbox alice@example.org --deleted-since 2026-11-19', says: 'List what was deleted since a day.' },
    { command: "mailrecover find --message-id '<abc@example.net>' --json", says: 'Look for one message, from a script.' },
  ],
  exitCodes: { 0: 'the search was done, whether it found something or not', 1: 'the search failed', ...IDENTITY_EXIT_CODES },
  json: {
    'counts.matches': 'how many messages were found',
    'matches[].snapshot': 'the newest snapshot that has the message',
    'matches[].mailbox': 'the mailbox',
    'matches[].folder': 'the folder',
    'matches[].message': 'what cat and restore --message take',
    'matches[].messageId': 'the Message-ID',
    'matches[].from': 'the sender',
    'matches[].subject': 'the subject',
    'matches[].date': 'when it was sent, as it says',
  },
});

export interface MatchRow {
  snapshot: string;
  mailbox: string;
  folder: string;
  message: string;
  from: string;
  subject: string;
  date?: string;
}

export function renderMatches(rows: readonly MatchRow[], text: TextHelpers): string {
  if (rows.length === 0) return 'no messages found';
  const cells = rows.map((row) => [
    row.date === undefined ? '' : text.time(row.date),
    row.mailbox,
    row.folder,
    shorten(row.from, 32),
    shorten(row.subject, 48),
    row.snapshot.slice(0, 12),
    text.bold(row.message),
  ]);
  return text.table(cells, { head: ['date', 'mailbox', 'folder', 'from', 'subject', 'snapshot', 'message'] });
}

function shorten(value: string, length: number): string {
  const characters = Array.from(value);
  return characters.length <= length ? value : `${characters.slice(0, length - 1).join('')}…`;
}
