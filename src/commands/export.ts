import { HOST, IDENTITY, IDENTITY_EXIT_CODES, MAILBOX_FORMS, REPOSITORY, SNAPSHOT_FORMS } from './shared.ts';
import { describeCommand } from './types.ts';

export const exportMail = describeCommand({
  name: 'export',
  summary: 'hand mail out in a common format',
  description: [
    'Writes the messages of a snapshot in a format that other programs read: one mbox file for each folder, one .eml file for each message, Maildir directories, or a tar archive of .eml files. Reading mail is written to the audit log.',
    SNAPSHOT_FORMS,
    MAILBOX_FORMS,
  ],
  arguments: { snapshot: { value: 'SNAP', description: 'the snapshot', required: true } },
  options: {
    format: { kind: 'choice', value: 'FORMAT', choices: ['mbox', 'eml', 'maildir', 'tar'], description: 'the format', default: 'mbox' },
    to: {
      kind: 'text',
      value: 'PATH',
      description: "an empty directory, or for tar a file that does not exist ('-' is standard output)",
      complete: 'file',
    },
    mailbox: { kind: 'list', value: 'MAILBOX', description: 'only these mailboxes' },
    folder: { kind: 'list', value: 'FOLDER', description: 'only these folders' },
    ...IDENTITY,
    ...HOST,
    ...REPOSITORY,
  },
  examples: [
    { command: 'mailrecover export latest --format mbox --to ./alice --mailbox alice@example.org', says: 'Hand a user all their mail.' },
    { command: 'mailrecover export latest --format tar --to mail.tar', says: 'Put all mail into one archive.' },
  ],
  exitCodes: {
    0: 'everything was written',
    1: 'nothing, or not everything, could be written',
    3: 'some messages could not be read',
    ...IDENTITY_EXIT_CODES,
  },
  json: {
    snapshot: 'the id of the snapshot',
    'counts.mailboxes': 'mailboxes that were written',
    'counts.messages': 'messages that were written',
    'counts.bytes': 'their bytes',
  },
  recordsHistory: true,
});
