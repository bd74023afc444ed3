import { FOLDER, IDENTITY, IDENTITY_EXIT_CODES, MAILBOX, MAILBOX_FORMS, REPOSITORY, SNAPSHOT_FORMS } from './shared.ts';
import type { Match } from '../restore/look/find/search.ts';
import type { Finding } from '../errors/finding.ts';
import { identitiesOf, placeOf } from './from-config.ts';
import { timeOf } from './time-option.ts';
import { shorten } from './shorten.ts';
import { defineCommand, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'find',
  summary: 'find messages in all snapshots',
  description: [
    'Finds messages by their headers, over all snapshots or one. All filters must fit; texts fit anywhere in the header and in either case. Each message is listed once, newest first, with the newest snapshot that has it; `cat` and `restore --message` take what stands under message. One that was moved to another folder of its mailbox is listed where it is now, and does not count as deleted.',
    'The first search reads the headers of all mail, and keeps them in the local state, readable by its user alone; later searches read only what is new.',
    'A time is a date such as 2026-11-20, a date and a time of day, `today` or `yesterday`.',
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
    ...MAILBOX,
    ...FOLDER,
    deletedSince: {
      kind: 'text',
      value: 'TIME',
      description: 'only messages that were there at this time, or came later, and are gone from the newest snapshot',
    },
    snapshot: { kind: 'text', value: 'SNAP', description: 'only in this snapshot' },
    limit: { kind: 'number', value: 'N', description: 'stop after N messages; 0 lists all', default: 0, min: 0 },
    ...IDENTITY,
    host: {
      kind: 'text',
      value: 'HOST',
      description: "only in the snapshots of this host; by default those of all, except that 'latest' and times mean those of this host",
    },
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
    'matches[].date': 'when it was sent, as it says; absent where it does not say',
    'matches[].host': 'the host whose snapshot it is',
    'matches[].deletedAfter': 'the last snapshot that had it, for a message that is gone from its mailbox',
  },
  async run(context, _args, options): Promise<CommandResult> {
    const times = {
      since: timeOf('--since', options.since, 'start'),
      until: timeOf('--until', options.until, 'end'),
      deletedSince: timeOf('--deleted-since', options.deletedSince, 'start'),
    };
    const place = await placeOf(context, options);
    const findings: Finding[] = [];
    const [{ openRepository }, { search }, { believedKeys, chooseSnapshot }] = await Promise.all([
      import('../repository/repository.ts'),
      import('./find-index.ts'),
      import('./choose-snapshot.ts'),
    ]);
    const repository = await openRepository(place.target);
    const identities = await identitiesOf(context, place, repository, options.identity);
    let snapshot: string | undefined;
    if (options.snapshot !== undefined) {
      const chosen = await chooseSnapshot(place, options.snapshot);
      findings.push(...chosen.findings);
      snapshot = chosen.snapshot.id;
    }
    const { messageId, from, to, subject, mailbox: mailboxes, folder: folders, host, limit } = options;
    const believed = await believedKeys(place);
    const filter = {
      ...times,
      messageId,
      from,
      to,
      subject,
      mailboxes,
      folders,
      host: snapshot === undefined ? host : undefined,
      snapshot,
      believed,
      limit,
    };
    const found = await search({ context, place, findings }, repository, identities, filter);
    const { checkNames } = await import('../restore/look/find/names.ts');
    await checkNames({ repository, identities, layoutOf: place.layoutOf }, filter, found);
    const { matches, total } = found;
    const warned = findings.some(({ severity }) => severity === 'warning');
    return {
      outcome: warned ? 'warning' : 'ok',
      counts: { matches: total },
      findings,
      fields: { matches },
      render: (text) => renderMatches(matches, total, text),
    };
  },
});

function renderMatches(rows: readonly Match[], total: number, text: TextHelpers): string {
  if (rows.length === 0) return text.say`no messages found`;
  const cells = rows.map((row) => [
    row.date === undefined ? '' : text.time(row.date),
    row.folder,
    shorten(row.from, 28),
    shorten(row.subject, 40),
    row.deletedAfter === undefined ? row.snapshot.slice(0, 12) : text.yellow(text.say`${row.snapshot.slice(0, 12)} gone`),
    text.bold(row.message),
  ]);
  const table = text.table(cells, {
    head: [text.say`date`, text.say`folder`, text.say`from`, text.say`subject`, text.say`snapshot`, text.say`message`],
  });
  return rows.length < total ? `${table}\n${text.dim(text.say`… and ${text.number(total - rows.length)} more`)}` : table;
}
