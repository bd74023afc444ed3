import { HOST, IDENTITY, IDENTITY_EXIT_CODES, MAILBOX, MAILBOX_FORMS, REPOSITORY, SNAPSHOT_FORMS } from './shared.ts';
import type { Change, DiffReport } from '../restore/look/diff.ts';
import type { SystemChange } from '../restore/look/system.ts';
import { openSource } from './open-source.ts';
import { defineCommand, type CommandResult, type TextHelpers } from './types.ts';
import { shorten } from './shorten.ts';

export default defineCommand({
  name: 'diff',
  summary: 'tell what changed between two snapshots',
  description: [
    'Lists the messages that came, went, were moved to another folder of their mailbox or have other flags, by mailbox and folder, from the first snapshot to the second. Sender and subject are told for up to 1000 changes. Files of the server that changed are listed too.',
    SNAPSHOT_FORMS,
    MAILBOX_FORMS,
  ],
  arguments: {
    from: { value: 'FROM', description: 'the earlier snapshot', required: true },
    to: { value: 'TO', description: 'the later snapshot', required: true },
  },
  options: {
    ...MAILBOX,
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
    'counts.moved': 'messages that were moved to another folder',
    'counts.flags': 'messages with other flags',
    'counts.content': 'messages that have other bytes under the same name, which mail never has',
    'counts.system': 'files of the server that came, went or changed',
    'system[].{change,path}': 'which: added, removed, content or attributes',
    'changes[].change': 'added, removed, moved, flags or content',
    'changes[].{mailbox,folder,message}': 'which message; `message` is what cat takes, of the later snapshot where it is still there',
    'changes[].movedFrom': 'the folder where it was, for change moved',
    'changes[].flags.{from,to}': 'the IMAP flags before and after, for change flags',
    'changes[].{messageId,from,subject,date}': 'what the message says; absent where there are more than 1000 changes',
  },
  async run(context, args, options): Promise<CommandResult> {
    const before = await openSource(context, args.from, options);
    const after = await openSource(context, args.to, options);
    const { diffSnapshots } = await import('../restore/look/diff.ts');
    const report = await diffSnapshots(before.source, after.source, options.mailbox);
    const { diffSystem } = await import('../restore/look/system.ts');
    const system = options.mailbox.length > 0 ? [] : await diffSystem(before.source, after.source);
    const findings = [...new Map([...before.findings, ...after.findings].map((finding) => [finding.message, finding])).values()];
    return {
      outcome: findings.length > 0 ? 'warning' : 'ok',
      counts: { ...report.counts, system: system.length },
      findings,
      fields: { from: before.source.snapshot.id, to: after.source.snapshot.id, changes: report.changes, system },
      render: (text) =>
        [...(report.changes.length > 0 || system.length === 0 ? [renderDiff(report, text)] : []), ...renderSystem(system, text)].join('\n'),
    };
  },
});

function renderDiff({ changes, counts }: DiffReport, text: TextHelpers): string {
  if (changes.length === 0) return text.say`no difference`;
  const sign = { added: text.green('+'), removed: text.red('-'), moved: text.cyan('>'), flags: text.yellow('~'), content: text.red('!') };
  const blocks = [...Map.groupBy(changes, ({ mailbox }) => mailbox)].map(([mailbox, rows]) => {
    const cells = rows.map((row) => [
      `  ${sign[row.change]} ${folderText(row)}`,
      row.message.slice(row.message.lastIndexOf('/') + 1),
      shorten(row.from, 28),
      shorten(row.subject, 40),
      flagsText(row),
    ]);
    return `${text.bold(mailbox)}\n${text.table(cells)}`;
  });
  const words = {
    added: text.say`added`,
    removed: text.say`removed`,
    moved: text.say`moved`,
    flags: text.say`with other flags`,
    content: text.red(text.say`with other bytes`),
  };
  const sums = (['added', 'removed', 'moved', 'flags', 'content'] as const)
    .filter((kind) => counts[kind] > 0)
    .map((kind) => `${text.number(counts[kind])} ${words[kind]}`);
  return `${blocks.join('\n')}\n${sums.join(', ')}`;
}

function renderSystem(changes: readonly SystemChange[], text: TextHelpers): string[] {
  if (changes.length === 0) return [];
  const sign = { added: text.green('+'), removed: text.red('-'), content: text.yellow('~'), attributes: text.cyan('%') };
  return [text.bold(text.say`the server`), ...changes.map(({ change, path }) => `  ${sign[change]} ${path}`)];
}

function folderText({ folder, movedFrom }: Change): string {
  return movedFrom === undefined ? folder : `${movedFrom} → ${folder}`;
}

function flagsText({ flags }: Change): string {
  if (flags === undefined) return '';
  const gone = flags.from.filter((flag) => !flags.to.includes(flag)).map((flag) => `-${flag}`);
  const came = flags.to.filter((flag) => !flags.from.includes(flag)).map((flag) => `+${flag}`);
  return [...gone, ...came].join(' ').replaceAll('\\', '').toLowerCase();
}
