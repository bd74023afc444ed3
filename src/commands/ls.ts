import { HOST, IDENTITY, IDENTITY_EXIT_CODES, MAILBOX_FORMS, REPOSITORY, SNAPSHOT_FORMS } from './shared.ts';
import { MailrecoverError } from '../errors/error.ts';
import type { ListedFolder, ListedMailbox, ListedMessage } from '../restore/look/ls.ts';
import type { SystemEntry } from '../restore/look/system.ts';
import { openSource } from './open-source.ts';
import { defineCommand, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'ls',
  summary: 'list the mailboxes, folders or messages of a snapshot',
  description: [
    'Lists the mailboxes of a snapshot; with a mailbox, its folders; with --folder, the messages in it; with --system, what it holds of the server beside its mail.',
    SNAPSHOT_FORMS,
    MAILBOX_FORMS,
  ],
  arguments: {
    snapshot: { value: 'SNAP', description: 'the snapshot', required: true },
    mailbox: { value: 'MAILBOX', description: 'the mailbox whose folders to list' },
  },
  options: {
    folder: { kind: 'text', value: 'FOLDER', description: 'list the messages of this folder' },
    system: { kind: 'flag', description: 'list the files of the server, its queue and the dumps of its databases' },
    ...IDENTITY,
    ...HOST,
    ...REPOSITORY,
  },
  examples: [
    { command: 'mailrecover ls latest', says: 'List the mailboxes of the newest snapshot.' },
    { command: 'mailrecover ls 2026-11-20 alice@example.org', says: 'List the folders that Alice had on that day.' },
    { command: 'mailrecover ls latest alice@example.org --folder INBOX', says: "List the messages in Alice's inbox." },
    { command: 'mailrecover ls latest --system', says: 'List what else of the server is in the snapshot.' },
  ],
  exitCodes: { 0: 'the list was printed', 1: 'it could not be read', ...IDENTITY_EXIT_CODES },
  json: {
    snapshot: 'the id of the snapshot',
    'mailboxes[].{mailbox,store,folders,messages,bytes}': 'the mailboxes, where none was named',
    'folders[].{mailbox,folder,messages,bytes}': 'the folders of the mailbox',
    'messages[].{message,mailbox,folder,file,flags,size,date}':
      'the messages of the folder, oldest first; `message` is what cat and restore --message take, `flags` are IMAP flags and keywords',
    'files[].{path,kind,size,mode,user,group,date,to}':
      'with --system: the files and links of the server; what is no file of it lies below `mailrecover/`',
  },
  async run(context, args, options): Promise<CommandResult> {
    const { mailbox } = args;
    const { folder } = options;
    if (options.system && mailbox !== undefined)
      throw new MailrecoverError('usage', '--system goes without a mailbox', { hint: `mailrecover ls ${args.snapshot} --system` });
    if (folder !== undefined && mailbox === undefined)
      throw new MailrecoverError('usage', '--folder needs a mailbox', {
        hint: `mailrecover ls ${args.snapshot} MAILBOX --folder ${folder}`,
      });
    const { source, findings } = await openSource(context, args.snapshot, options);
    const { listFolders, listMailboxes, listMessages } = await import('../restore/look/ls.ts');
    const result = { outcome: findings.length > 0 ? ('warning' as const) : ('ok' as const), findings };
    const snapshot = source.snapshot.id;
    if (options.system) {
      const { listSystem } = await import('../restore/look/system.ts');
      const files = await listSystem(source);
      return { ...result, counts: { files: files.length }, fields: { snapshot, files }, render: (text) => renderSystem(files, text) };
    }
    if (mailbox === undefined) {
      const mailboxes = await listMailboxes(source);
      return {
        ...result,
        counts: { mailboxes: mailboxes.length },
        fields: { snapshot, mailboxes },
        render: (text) => renderMailboxes(mailboxes, text),
      };
    }
    if (folder === undefined) {
      const folders = await listFolders(source, mailbox);
      return {
        ...result,
        counts: { folders: folders.length },
        fields: { snapshot, folders },
        render: (text) => renderFolders(folders, text),
      };
    }
    const messages = await listMessages(source, mailbox, folder);
    return {
      ...result,
      counts: { messages: messages.length },
      fields: { snapshot, messages },
      render: (text) => renderMessages(messages, text),
    };
  },
});

function renderMailboxes(rows: readonly ListedMailbox[], text: TextHelpers): string {
  if (rows.length === 0) return text.say`no mailboxes`;
  const stores = new Set(rows.map((row) => row.store)).size > 1;
  const cells = rows.map((row) => [
    text.number(row.folders),
    text.number(row.messages),
    text.size(row.bytes),
    text.bold(row.mailbox),
    ...(stores ? [row.store] : []),
  ]);
  return text.table(cells, {
    head: [text.say`folders`, text.say`messages`, text.say`size`, text.say`mailbox`, ...(stores ? [text.say`store`] : [])],
    right: [0, 1, 2],
  });
}

function renderFolders(rows: readonly ListedFolder[], text: TextHelpers): string {
  if (rows.length === 0) return text.say`no folders`;
  const several = new Set(rows.map((row) => row.mailbox)).size > 1;
  const cells = rows.map((row) => [
    text.number(row.messages),
    text.size(row.bytes),
    text.bold(row.folder),
    ...(several ? [row.mailbox] : []),
  ]);
  return text.table(cells, {
    head: [text.say`messages`, text.say`size`, text.say`folder`, ...(several ? [text.say`mailbox`] : [])],
    right: [0, 1],
  });
}

function renderMessages(rows: readonly ListedMessage[], text: TextHelpers): string {
  if (rows.length === 0) return text.say`no messages`;
  const cells = rows.map((row) => [text.time(row.date), text.size(row.size), text.bold(row.message), flagsText(row.flags)]);
  return text.table(cells, { head: [text.say`received`, text.say`size`, text.say`message`, text.say`flags`], right: [1] });
}

function renderSystem(rows: readonly SystemEntry[], text: TextHelpers): string {
  if (rows.length === 0) return text.say`nothing but mail; 'system:' in the configuration adds the server`;
  const cells = rows.map(({ path, size, mode, user, group, date, to }) => [
    text.time(date),
    text.size(size),
    mode ?? text.say`link`,
    `${user}:${group}`,
    to === undefined ? text.bold(path) : `${text.bold(path)} → ${to}`,
  ]);
  return text.table(cells, { head: [text.say`modified`, text.say`size`, text.say`mode`, text.say`owner`, text.say`path`], right: [1, 2] });
}

function flagsText(flags: readonly string[]): string {
  return flags.map((flag) => flag.replace(/^\\/, '').toLowerCase()).join(' ');
}
