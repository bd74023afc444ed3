import { FOLDER, HOST, IDENTITY, IDENTITY_EXIT_CODES, MAILBOX, MAILBOX_FORMS, REPOSITORY, SNAPSHOT_FORMS } from './shared.ts';
import { resolve } from 'node:path';
import { MailrecoverError } from '../errors/error.ts';
import type { ExportReport } from '../restore/look/export/export.ts';
import { audit } from './audit.ts';
import { openSource } from './open-source.ts';
import { defineCommand, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'export',
  summary: 'hand mail out in a common format',
  description: [
    'Writes the messages of a snapshot in a format that other programs read: one mbox file for each folder (mboxrd: lines that begin with From are quoted), one .eml file for each message, Maildir directories as they lay in the store, or a tar archive of .eml files. Messages that Dovecot compressed are opened, except in Maildirs. Names of mailboxes and folders become names of files that are safe on any system. Nothing that is there is overwritten.',
    'Reading mail is written to the audit log.',
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
    ...MAILBOX,
    ...FOLDER,
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
    'counts.bytes': 'their bytes, as they were stored',
    target: 'the directory or file',
  },
  recordsHistory: true,
  async run(context, args, options): Promise<CommandResult> {
    const { format } = options;
    if (options.to === undefined)
      throw new MailrecoverError('usage', 'no place to export to is named', {
        hint: 'name an empty directory (for tar a new file) with --to PATH',
      });
    const streamed = options.to === '-';
    if (streamed && format !== 'tar')
      throw new MailrecoverError('usage', `--format ${format} needs a directory`, { hint: 'only --format tar goes to standard output' });
    const { place, source, findings } = await openSource(context, args.snapshot, options);
    const { exportMail, exportTar } = await import('../restore/look/export/export.ts');
    const selection = { mailboxes: options.mailbox, folders: options.folder };
    const to = streamed ? '-' : resolve(options.to);
    const snapshot = source.snapshot.id;
    findings.push(...(await audit(place, 'export', { snapshot, format, ...selection, to })));
    const warned = findings.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok';
    const { progress, signal } = context;
    if (streamed)
      return {
        outcome: warned,
        findings,
        fields: { snapshot, target: to, archive: notInJson },
        output: exportTar({ source, selection, progress, signal }),
      };
    const report = await exportMail({ source, selection, format, to, progress, signal });
    return {
      outcome: report.findings.length > 0 ? 'partial' : warned,
      counts: report.counts,
      findings: [...findings, ...report.findings],
      artifacts: [{ kind: 'export', path: to }],
      fields: { snapshot, target: to },
      render: (text) => render(report, snapshot, to, text),
    };
  },
});

/** With --json standard output holds the document, and an archive has no place there. */
const notInJson = {
  toJSON(): never {
    throw new MailrecoverError('usage', '--to - and --json both need standard output', { hint: 'name a file with --to' });
  },
};

function render({ counts }: ExportReport, snapshot: string, to: string, text: TextHelpers): string {
  return text.pairs([
    [text.say`snapshot`, text.bold(snapshot.slice(0, 16))],
    [text.say`exported to`, to],
    [
      text.say`messages`,
      text.say`${text.number(counts.messages)} in ${text.number(counts.mailboxes)} ${counts.mailboxes === 1 ? text.say`mailbox` : text.say`mailboxes`}, ${text.size(counts.bytes)}`,
    ],
  ]);
}
