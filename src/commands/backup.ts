import { MAILBOX_FORMS, READING_EXIT_CODES } from './shared.ts';
import { describeCommand, type TextHelpers } from './types.ts';

export const backup = describeCommand({
  name: 'backup',
  summary: 'make a snapshot of all mail',
  description: [
    'Reads what changed since the snapshot before, stores the messages that are not stored yet, and commits a snapshot. A backup can be killed at any time: the next one uploads nothing twice. It holds no lock and no key that reads mail.',
    'What could not be read is named, the rest is backed up, the snapshot is partial, and the exit code is 3.',
    MAILBOX_FORMS,
  ],
  arguments: {},
  options: {
    deep: { kind: 'flag', description: 'list and compare every file, also in folders that look unchanged' },
    mailbox: { kind: 'list', value: 'MAILBOX', description: 'read only these mailboxes; others stay as the snapshot before has them' },
    dryRun: { kind: 'flag', description: 'say what would be stored, and store nothing' },
  },
  examples: [
    { command: 'mailrecover backup --quiet', says: 'Back up from cron: silent unless something is wrong.' },
    { command: 'mailrecover backup --deep', says: 'Compare every file, after the clock or the file system misbehaved.' },
    {
      command: 'mailrecover backup --mailbox alice@example.org --json',
      says: 'Back up one mailbox before touching it, and keep the id of the snapshot.',
    },
  ],
  exitCodes: {
    0: 'the snapshot is complete',
    1: 'no snapshot was made',
    3: 'a snapshot was made, but something could not be read',
    ...READING_EXIT_CODES,
    11: 'another backup of this host runs',
    12: 'the signing key of this host or the dedup secret can not be read',
  },
  json: {
    snapshot: 'the id of the snapshot; absent with --dry-run',
    parent: 'the id of the snapshot before, where there is one',
    'counts.mailboxes': 'mailboxes in the snapshot',
    'counts.folders': 'folders in the snapshot',
    'counts.messages': 'messages in the snapshot',
    'counts.newMessages': 'messages that were not in the snapshot before',
    'counts.removedMessages': 'messages that were in the snapshot before and are gone',
    'counts.flagChanges': 'messages whose flags changed, or that moved from new to cur',
    'counts.bytesRead': 'bytes of message files that were read',
    'counts.bytesStored': 'bytes that were written to the repository',
  },
  recordsHistory: true,
});

/** What {@link renderBackup} tells. */
export interface BackupReport {
  snapshot?: string;
  counts: {
    mailboxes: number;
    folders: number;
    messages: number;
    newMessages: number;
    removedMessages: number;
    flagChanges: number;
    bytesRead: number;
    bytesStored: number;
  };
  milliseconds: number;
}

export function renderBackup({ snapshot, counts, milliseconds }: BackupReport, text: TextHelpers): string {
  const n = (value: number): string => text.number(value);
  return text.pairs([
    ['snapshot', snapshot === undefined ? text.dim('none (dry run)') : text.bold(snapshot.slice(0, 16))],
    ['holds', `${n(counts.messages)} messages in ${n(counts.folders)} folders of ${n(counts.mailboxes)} mailboxes`],
    ['changed', `${n(counts.newMessages)} new, ${n(counts.removedMessages)} gone, ${n(counts.flagChanges)} flags`],
    ['read', text.size(counts.bytesRead)],
    ['stored', text.size(counts.bytesStored)],
    ['took', text.duration(milliseconds)],
  ]);
}
