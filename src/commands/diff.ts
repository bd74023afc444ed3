import { HOST, IDENTITY, IDENTITY_EXIT_CODES, MAILBOX_FORMS, REPOSITORY, SNAPSHOT_FORMS } from './shared.ts';
import { describeCommand, type TextHelpers } from './types.ts';

export const diff = describeCommand({
  name: 'diff',
  summary: 'tell what changed between two snapshots',
  description: [
    'Lists the messages that came, went or have other flags, by mailbox and folder, from the first snapshot to the second.',
    SNAPSHOT_FORMS,
    MAILBOX_FORMS,
  ],
  arguments: {
    from: { value: 'FROM', description: 'the earlier snapshot', required: true },
    to: { value: 'TO', description: 'the later snapshot', required: true },
  },
  options: {
    mailbox: { kind: 'list', value: 'MAILBOX', description: 'only in these mailboxes' },
    ...IDENTITY,
    ...HOST,
    ...REPOSITORY,
  },
  examples: [
    { command: 'mailrecover diff latest~1 latest', says: 'See what the last backup found changed.' },
    { command: 'mailrecover diff 2026-11-19 latest --mailbox alice@example.org', says: 'See what happened to one mailbox since a day.' },
  ],
  exitCodes: { 0: 'the difference was told, whether there is one or not', 1: 'it could not be told', ...IDENTITY_EXIT_CODES },
  json: {
    from: 'the id of the earlier snapshot',
    to: 'the id of the later snapshot',
    'counts.added': 'messages that came',
    'counts.removed': 'messages that went',
    'counts.changed': 'messages with other flags',
    'changes[].change': 'added, removed or flags',
    'changes[].{mailbox,folder,message}': 'which message',
    'changes[].flags.{from,to}': 'the flags before and after, for change flags',
  },
});

export interface ChangeRow {
  change: 'added' | 'removed' | 'flags';
  mailbox: string;
  folder: string;
  message: string;
  flags?: { from: string; to: string };
}

export function renderChanges(rows: readonly ChangeRow[], text: TextHelpers): string {
  if (rows.length === 0) return 'no difference';
  const sign = { added: text.green('+'), removed: text.red('-'), flags: text.yellow('~') };
  return text.table(
    rows.map((row) => [
      sign[row.change],
      row.mailbox,
      row.folder,
      row.message,
      row.flags === undefined ? '' : `${row.flags.from} → ${row.flags.to}`,
    ]),
  );
}
