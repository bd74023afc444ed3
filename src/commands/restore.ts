import { resolve } from 'node:path';
import { MailrecoverError } from '../errors/error.ts';
import type { Selection } from '../restore/select.ts';
import { monotonic } from '../system/clock.ts';
import { audit } from './audit.ts';
import { flagOf } from './flags.ts';
import { BEHIND, IMAP, LIVE, YES } from './live-options.ts';
import { FOLDER, HOST, IDENTITY, IDENTITY_EXIT_CODES, MAILBOX, MAILBOX_FORMS, REPOSITORY, SNAPSHOT_FORMS } from './shared.ts';
import { identitiesOf, placeOf, threadsOf } from './from-config.ts';
import { isMessageId } from './message-id.ts';
import { defineCommand, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'restore',
  summary: 'restore mail into an empty directory, or into the running server',
  description: [
    'Restores a snapshot, or some of its mailboxes, folders or messages, into an empty directory, exactly: bytes, names with flags, times, modes, owners by name, UIDs, keywords, subscriptions, Sieve scripts. Inboxes come first. Below the directory lies the tree as it lay below the fixed part of the store’s path; with several stores, below a directory for each.',
    'Free space is checked first. A restore that was interrupted goes on where it stopped when it is run again. Nothing that is there is overwritten. Reading mail is written to the audit log.',
    '--live restores into mailboxes that Dovecot is serving, never over anything: `missing` adds what is not there, counted per folder; what was moved to another folder since is left there. `folder` puts everything into new folders, Restored/2026-11-21/… `replace` makes folders what they were: what came later is set aside, and kept until it is released. The plan is shown and asked for first; --dry-run prints it, --yes does not ask. A run that was interrupted goes on when the same command is run again, and `undo` undoes the last one.',
    'With filters as find has them (--deleted-since yesterday --from …), --live missing gives back what they find, from whichever snapshot has it last; SNAP may then be left out.',
    'With --system it is the server beside its mail: files by their paths below the directory, databases, queue and facts below mailrecover/, DIFFERENCES.txt (what differs from this host, file by file) and REBUILD.md (the order of rebuilding, with the commands). Nothing on the host is changed.',
    '--imap adds one mailbox, or a part of it, to an IMAP account on any server: what is not there yet, with flags, keywords and dates. Messages are known again by Message-ID, sender, subject and date, and counted per folder, so a second run adds nothing, and one that was interrupted goes on.',
    '--behind is for mailboxes that were begun anew, empty, and are in use: after `standby promote --dial-tone`, or on a server that was built anew. Their history is laid ready beside them and swapped in, folder by folder: INBOX first, --first MAILBOX before all others, then the folders that got mail last. Each gets the UIDVALIDITY and UIDs back that it had; what has come since is behind it, once, with UIDs above all that were ever given. Clients that have the folder open are asked to log in again. A folder that has its history is not touched again. --dry-run prints what is left and how long it takes, also while another run is at work; one that was interrupted goes on.',
    SNAPSHOT_FORMS,
    MAILBOX_FORMS,
  ],
  arguments: { snapshot: { value: 'SNAP', description: 'the snapshot; it may be left out with filters' } },
  options: {
    to: {
      kind: 'text',
      value: 'DIR',
      description: 'the directory to restore into; it must be empty, or hold an interrupted restore of the same',
      complete: 'directory',
    },
    ...MAILBOX,
    ...FOLDER,
    message: {
      kind: 'list',
      value: 'MESSAGE',
      description: 'only these messages, as find and ls name them, or by Message-ID in angle brackets',
    },
    system: {
      kind: 'flag',
      description:
        'restore the server beside its mail: configuration, keys, queue (on hold), dumps; with a report of what differs from this host',
    },
    mapOwner: { kind: 'list', value: 'FROM:TO', description: 'give what belonged to the user or group FROM to TO' },
    ...LIVE,
    ...BEHIND,
    ...IMAP,
    ...YES,
    dryRun: { kind: 'flag', description: 'print the plan that would be carried out, and restore nothing' },
    ...IDENTITY,
    ...HOST,
    ...REPOSITORY,
  },
  examples: [
    {
      command: 'mailrecover restore latest --to /srv/restore --dry-run',
      says: 'See what a restore would do, and how much space it takes.',
    },
    { command: 'mailrecover restore latest --to /srv/restore', says: 'Restore everything.' },
    {
      command: "mailrecover restore '2026-11-20 03:00' --to ./alice --mailbox alice@example.org --folder INBOX",
      says: 'Restore one folder as it was at a time.',
    },
    {
      command: 'mailrecover restore latest --system --to /srv/rebuild',
      says: 'Restore what else the server was made of, with REBUILD.md: the order in which it is built again.',
    },
    {
      command: 'mailrecover restore latest --repository /mnt/backup/mail --identity key.txt --to /srv/restore --map-owner vmail:mail',
      says: 'Restore on a new host, without a configuration.',
    },
    {
      command: 'mailrecover restore latest --live missing --mailbox alice@example.org --dry-run',
      says: 'See what a mailbox on the running server has lost.',
    },
    {
      command: 'mailrecover restore --live missing --deleted-since yesterday --from bob@example.com',
      says: 'Give back what was deleted since yesterday.',
    },
    {
      command: "mailrecover restore '2026-11-20 03:00' --live replace --mailbox alice@example.org --folder INBOX",
      says: 'Make a folder what it was.',
    },
    {
      command: 'mailrecover restore --behind --first ceo@example.org --first office@example.org',
      says: 'Bring the history back behind mailboxes that were begun anew, two of them first.',
    },
    {
      command: 'mailrecover restore latest --imap alice-new --mailbox alice@example.org',
      says: 'Bring a mailbox into an account on another server.',
    },
  ],
  exitCodes: {
    0: 'everything was restored',
    1: 'the restore failed',
    3: 'restored, but something was damaged or could not be written, and is named',
    11: 'another live restore runs',
    ...IDENTITY_EXIT_CODES,
    13: 'the server of the repository can not be reached, or, with --live, Dovecot could not be asked, or, with --imap, the server of the account',
  },
  json: {
    snapshot: 'the id of the snapshot',
    target: 'the directory',
    'counts.mailboxes': 'mailboxes that were restored',
    'counts.messages': 'messages that were restored',
    'counts.bytes': 'their bytes',
    firstMailMs: 'milliseconds until the first message could be read',
    'differences.files[].{path,difference,detail,diff}':
      'with --system: what differs from this host: missing, kind, content, link, owner or mode',
    'differences.{packages,users,groups,services}': 'with --system: what is missing here, or other than it was',
    'counts.{files,differences}': 'with --system: files that were restored, and paths that differ from this host',
    'plan.{mailboxes,messages,bytes,files}': 'what would be restored, with --dry-run',
    'mailboxes[].{mailbox,state,folders,left,messages,bytes,secondsLeft}':
      'with --behind: each mailbox, `served` or `waiting`; how many folders and what of them is left, and when it will be there (null where nobody can tell yet)',
    'counts.{folders,present,failed}': 'with --behind: folders that have their history now, had it before, or could not get it',
    live: 'with --live: the way',
    run: 'with --live: what undo takes',
    snapshots: 'with --live: ids of the snapshots that mail comes from',
    imap: 'with --imap: the account',
    'plan[]': 'with --imap: from, folder, create, add, present',
    resumed: 'whether this run went on with one that was interrupted',
    'plan.mailboxes[].folders[]': 'with --live: folder, create, add, setAside, flags, present, moved',
    'counts.{added,setAside,reflagged}': 'with --live: messages that were put back, set aside, or got flags back',
    'counts.{present,moved}': 'with --live: messages that were there, or in another folder',
  },
  recordsHistory: true,
  publishesHistory: true,
  async run(context, args, options): Promise<CommandResult> {
    const begun = monotonic();
    if (options.live !== undefined) {
      if (options.system)
        throw new MailrecoverError('usage', '--system and --live exclude each other', {
          hint: 'restore the server into a directory: --system --to DIR; REBUILD.md in it says how to go on',
        });
      if (options.to !== undefined)
        throw new MailrecoverError('usage', '--to and --live exclude each other', {
          hint: 'name a directory, or a way into the running server',
        });
      const { restoreLive } = await import('./restore-live.ts');
      return restoreLive(context, options.live, args.snapshot, options);
    }
    if (options.behind) {
      const { restoreBehind } = await import('./restore-behind.ts');
      return restoreBehind(context, args.snapshot, options);
    }
    if (options.first.length > 0)
      throw new MailrecoverError('usage', '--first goes with --behind', { hint: 'add --behind, or leave it out' });
    if (options.imap !== undefined) {
      if (options.to !== undefined || options.system || options.mapOwner.length > 0)
        throw new MailrecoverError('usage', '--imap goes without --to, --system and --map-owner', { hint: 'name one way to restore' });
      if (args.snapshot === undefined)
        throw new MailrecoverError('usage', 'no snapshot is named', {
          hint: 'such as: mailrecover restore latest --imap ACCOUNT --mailbox MAILBOX',
        });
      const { restoreImap } = await import('./restore-imap.ts');
      return restoreImap(context, options.imap, args.snapshot, options);
    }
    const stray = (Object.keys(LIVE) as (keyof typeof LIVE)[]).find((key) => options[key] !== undefined && options[key] !== false);
    if (stray !== undefined)
      throw new MailrecoverError('usage', `${flagOf(stray)} goes with --live`, { hint: 'add --live missing, or leave it out' });
    if (args.snapshot === undefined)
      throw new MailrecoverError('usage', 'no snapshot is named', { hint: 'such as: mailrecover restore latest --to DIR' });
    const mapOwner = ownersOf(options.mapOwner);
    if (options.to === undefined)
      throw new MailrecoverError('usage', 'no directory to restore into is named', {
        hint: 'name one with --to DIR; it must be empty or not there yet',
      });
    if (options.system && options.mailbox.length + options.folder.length + options.message.length > 0)
      throw new MailrecoverError('usage', '--system goes without --mailbox, --folder and --message', {
        hint: `restore mail by itself: mailrecover restore ${args.snapshot} --to DIR`,
      });
    const to = resolve(options.to);
    const place = await placeOf(context, options);
    const [{ openRepository }, { chooseSnapshot }, { restore }] = await Promise.all([
      import('../repository/repository.ts'),
      import('./choose-snapshot.ts'),
      import('../restore/restore.ts'),
    ]);
    const repository = await openRepository(place.target);
    const identities = await identitiesOf(context, place, repository, options.identity);
    const { snapshot, findings } = await chooseSnapshot(place, args.snapshot);
    if (options.system) {
      const { restoreServer } = await import('./restore-system.ts');
      return restoreServer(context, place, { repository, snapshot, identities, to, mapOwner, dryRun: options.dryRun, findings });
    }
    let messages = options.message;
    if (messages.some(isMessageId)) {
      const { plainIds } = await import('./find-index.ts');
      messages = await plainIds(
        { context, place, source: { repository, snapshot, identities, layoutOf: place.layoutOf }, findings },
        messages,
        { mailboxes: options.mailbox, folders: options.folder },
      );
    }
    const selection: Selection = {
      ...(options.mailbox.length > 0 ? { mailboxes: options.mailbox } : {}),
      ...(options.folder.length > 0 ? { folders: options.folder } : {}),
      ...(messages.length > 0 ? { messages } : {}),
    };
    if (!options.dryRun) findings.push(...(await audit(place, 'restore', { snapshot: snapshot.id, ...selection, to })));
    const { dryRun } = options;
    const { layoutOf } = place;
    const { progress, signal } = context;
    const threads = await threadsOf(place.config);
    const report = await restore({
      repository,
      snapshot,
      identities,
      selection,
      layoutOf,
      to,
      mapOwner,
      threads,
      dryRun,
      progress,
      signal,
    });
    const { files, ...counts } = report.counts;
    const milliseconds = monotonic() - begun;
    const first = report.firstMailMs === undefined ? {} : { firstMailMs: report.firstMailMs };
    return {
      outcome: report.outcome === 'ok' && findings.length > 0 ? 'warning' : report.outcome,
      counts: dryRun ? {} : counts,
      findings: [...findings, ...report.findings],
      ...(dryRun ? {} : { artifacts: [{ kind: 'restore', path: to }] }),
      fields: { snapshot: snapshot.id, target: to, ...first, ...(dryRun ? { plan: { ...counts, files } } : { resumed: report.resumed }) },
      render: (text) => render({ snapshot: snapshot.id, target: to, counts, ...first, milliseconds, dryRun }, text),
    };
  },
});

function ownersOf(pairs: readonly string[]): Map<string, string> {
  return new Map(
    pairs.map((pair) => {
      const [from, to, ...rest] = pair.split(':');
      if (from === undefined || from === '' || to === undefined || to === '' || rest.length > 0)
        throw new MailrecoverError('usage', `'${pair}' does not say whose files go to whom`, { hint: 'such as --map-owner vmail:mail' });
      return [from, to];
    }),
  );
}

interface Shown {
  snapshot: string;
  target: string;
  counts: { mailboxes: number; messages: number; bytes: number };
  firstMailMs?: number;
  milliseconds: number;
  dryRun: boolean;
}

function render(report: Shown, text: TextHelpers): string {
  const { counts } = report;
  const rows: [string, string][] = [
    [text.say`snapshot`, text.bold(report.snapshot.slice(0, 16))],
    [report.dryRun ? text.say`would go to` : text.say`restored to`, report.target],
    [
      text.say`messages`,
      text.say`${text.number(counts.messages)} in ${text.number(counts.mailboxes)} ${counts.mailboxes === 1 ? text.say`mailbox` : text.say`mailboxes`}, ${text.size(counts.bytes)}`,
    ],
  ];
  if (report.firstMailMs !== undefined) rows.push([text.say`first mail after`, text.duration(report.firstMailMs)]);
  if (!report.dryRun) rows.push([text.say`took`, text.duration(report.milliseconds)]);
  return text.pairs(rows);
}
