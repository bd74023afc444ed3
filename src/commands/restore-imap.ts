/** `restore --imap`: into an IMAP account, here or on any other server. */
import type { FolderTask } from '../restore/imap/compare.ts';
import { monotonic } from '../system/clock.ts';
import { audit } from './audit.ts';
import { confirm } from './confirm.ts';
import { imapAccount } from './imap-account.ts';
import { isMessageId } from './message-id.ts';
import { openSource } from './open-source.ts';
import { outcomeOf } from './outcome.ts';
import type { CommandContext, CommandResult, TextHelpers } from './types.ts';

export interface ImapRestoreOptions {
  mailbox: readonly string[];
  folder: readonly string[];
  message: readonly string[];
  dryRun: boolean;
  yes: boolean;
  identity: readonly string[];
  host: string | undefined;
  repository: string | undefined;
}

/** See {@link file://./restore.ts}. */
export async function restoreImap(
  context: CommandContext,
  name: string,
  snapshotText: string,
  options: ImapRestoreOptions,
): Promise<CommandResult> {
  const begun = monotonic();
  const account = await imapAccount(context, name);
  const { place, source, findings } = await openSource(context, snapshotText, options);
  let messages = options.message;
  if (messages.some(isMessageId)) {
    const { plainIds } = await import('./find-index.ts');
    messages = await plainIds({ context, place, source, findings }, messages, { mailboxes: options.mailbox, folders: options.folder });
  }
  const selection = {
    ...(options.mailbox.length > 0 ? { mailboxes: options.mailbox } : {}),
    ...(options.folder.length > 0 ? { folders: options.folder } : {}),
    ...(messages.length > 0 ? { messages } : {}),
  };
  findings.push(...(await audit(place, 'restore', { snapshot: source.snapshot.id, ...selection, imap: name })));
  const { ImapRestore } = await import('../restore/imap/send.ts');
  const { progress, signal } = context;
  const restore = await ImapRestore.compare({ source, selection, account, progress, signal });
  context.onEnd(() => restore.close());
  const { tasks, mailbox } = restore;
  const plan = tasks.map(({ folder, path, create, missing, present }) => ({
    from: folder.name,
    folder: path,
    create,
    add: missing.length,
    present,
  }));
  const fields = { snapshot: source.snapshot.id, imap: name, mailbox, plan };
  const nothing = !tasks.some(({ create, missing }) => create || missing.length > 0);
  const shown = (text: TextHelpers): string => planText(mailbox, name, tasks, text);
  if (options.dryRun || nothing) {
    return {
      outcome: outcomeOf(findings),
      counts: options.dryRun ? {} : { added: 0, bytes: 0, present: tasks.reduce((sum, { present }) => sum + present, 0) },
      findings,
      fields,
      render: (text) =>
        `${shown(text)}\n${nothing ? text.green(text.say`nothing to do`) : text.dim(text.say`nothing was changed: --dry-run`)}`,
    };
  }
  await confirm(context, options.yes, shown, 'add this?');
  const report = await restore.carryOut(begun);
  findings.push(...report.findings);
  const { counts, firstMailMs } = report;
  const milliseconds = monotonic() - begun;
  return {
    outcome: outcomeOf(findings),
    counts,
    findings,
    fields: { ...fields, ...(firstMailMs === undefined ? {} : { firstMailMs }) },
    render: (text) =>
      `${shown(text)}\n\n${text.pairs([
        [text.say`added`, text.say`${text.number(counts.added)} messages, ${text.size(counts.bytes)}`],
        [text.say`were there`, text.number(counts.present)],
        ...(firstMailMs === undefined ? [] : ([[text.say`first mail after`, text.duration(firstMailMs)]] as const)),
        [text.say`took`, text.duration(milliseconds)],
      ])}`,
  };
}

function planText(mailbox: string, account: string, tasks: readonly FolderTask[], text: TextHelpers): string {
  const lines = tasks
    .filter(({ create, missing }) => create || missing.length > 0)
    .map(({ folder, path, create, missing }) => {
      const what = [...(create ? [text.say`new folder`] : []), ...(missing.length > 0 ? [text.say`${missing.length} to add`] : [])];
      return `${folder.name === path ? path : text.say`${folder.name} into ${path}`}: ${what.join(text.words.common.and)}`;
    });
  const present = tasks.reduce((sum, each) => sum + each.present, 0);
  return [
    text.say`${mailbox} into account ${account}`,
    ...lines,
    ...(present > 0 ? [text.say`${present} messages are there already`] : []),
  ].join('\n');
}
