import { IDENTITY, MAILBOX_FORMS, READING_EXIT_CODES } from './shared.ts';
import type { BackupCounts } from '../backup/report.ts';
import { monotonic } from '../system/clock.ts';
import { backupOptions } from './backup-options.ts';
import { defineCommand, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'backup',
  summary: 'make a snapshot of all mail',
  description: [
    'Reads what changed since the snapshot before, stores the messages that are not stored yet, and commits a snapshot. A backup can be killed at any time: the next one uploads nothing twice. It needs no key that reads mail; an identity is only of use after this host lost its own dedup secret, so that mail is not stored once more.',
    'What could not be read is named, the rest is backed up, the snapshot is partial, and the exit code is 3.',
    MAILBOX_FORMS,
  ],
  arguments: {},
  options: {
    deep: { kind: 'flag', description: 'list and compare every file, also in folders that look unchanged' },
    mailbox: {
      kind: 'list',
      value: 'MAILBOX',
      description: "read only these mailboxes; '*' stands for any characters; others stay as the snapshot before has them",
    },
    dryRun: { kind: 'flag', description: 'say what would be stored, and store nothing' },
    ...IDENTITY,
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
    'counts.mailboxes': 'mailboxes in the snapshot',
    'counts.folders': 'folders in the snapshot',
    'counts.messages': 'messages in the snapshot',
    'counts.newMessages': 'messages that were not in the snapshot before',
    'counts.removedMessages': 'messages that were in the snapshot before and are gone',
    'counts.flagChanges': 'messages whose flags changed, or that moved from new to cur',
    'counts.{systemFiles,dumps}': 'files of the server beside its mail, and dumps of databases; absent where the server was not looked at',
    'counts.bytesRead': 'bytes of messages that were read; 0 where only flags changed',
    'counts.otherBytesRead': 'bytes of other files that were read: lists of UIDs, keywords, subscriptions, Sieve scripts',
    'counts.bytesStored': 'bytes that were written to the repository',
  },
  recordsHistory: true,
  publishesHistory: true,
  async run(context, _args, options): Promise<CommandResult> {
    const begun = monotonic();
    const [{ backup }, { identityFiles }] = await Promise.all([import('../backup/backup.ts'), import('./from-config.ts')]);
    const report = await backup({
      ...(await backupOptions(context)),
      deep: options.deep,
      ...(options.mailbox.length > 0 ? { mailboxes: options.mailbox } : {}),
      dryRun: options.dryRun,
      identities: options.identity.length > 0 ? await identityFiles(context, options.identity) : [],
    });
    const { outcome, counts, findings, snapshot } = report;
    const milliseconds = monotonic() - begun;
    return {
      outcome,
      counts: { ...counts },
      findings,
      fields: snapshot === undefined ? { dryRun: true } : { snapshot },
      render: (text) => render({ snapshot, counts, milliseconds }, text),
    };
  },
});

interface Shown {
  snapshot: string | undefined;
  counts: BackupCounts;
  milliseconds: number;
}

function render({ snapshot, counts, milliseconds }: Shown, text: TextHelpers): string {
  const n = (value: number): string => text.number(value);
  const words = text.words.commands.backup;
  const { row } = words;
  return text.pairs([
    [row.snapshot, snapshot === undefined ? text.dim(words.dry) : text.bold(snapshot.slice(0, 16))],
    [row.holds, words.holds(counts.messages, counts.folders, counts.mailboxes)],
    ...(counts.systemFiles === undefined
      ? []
      : [[row.server, words.server(counts.systemFiles, counts.dumps ?? 0)] satisfies [string, string]]),
    [row.changed, words.changed(n(counts.newMessages), n(counts.removedMessages), n(counts.flagChanges))],
    ...(snapshot === undefined
      ? []
      : ([
          [row.read, words.read(text.size(counts.bytesRead), text.size(counts.otherBytesRead))],
          [row.stored, text.size(counts.bytesStored)],
        ] as [string, string][])),
    [row.took, text.duration(milliseconds)],
  ]);
}
