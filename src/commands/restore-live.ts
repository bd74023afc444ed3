/** `restore --live`: into mailboxes that are being served. */
import { join } from 'node:path';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { Identity } from '../repository/age/keys.ts';
import type { Repository, StoredSnapshot } from '../repository/repository.ts';
import { displayBytes } from '../store/bytes.ts';
import type { Run } from '../restore/live/journal.ts';
import { changes, countsOf, type LiveMode, type LivePlan, mailboxesOf } from '../restore/live/model.ts';
import type { LiveSource } from '../restore/live/plan.ts';
import { asideRoot } from '../restore/live/served/aside.ts';
import type { ServedTask } from '../restore/live/served/plan.ts';
import { monotonic, now } from '../system/clock.ts';
import { audit } from './audit.ts';
import { identitiesOf, placeOf, threadsOf, type Place } from './from-config.ts';
import { FILTERS, type LIVE, type YES } from './live-options.ts';
import { timeOf } from './time-option.ts';
import { confirm } from './confirm.ts';
import type { CommandContext, CommandResult, Options, TextHelpers } from './types.ts';

type LiveOptions = Options<typeof LIVE & typeof YES> & {
  mailbox: readonly string[];
  folder: readonly string[];
  message: readonly string[];
  mapOwner: readonly string[];
  dryRun: boolean;
  identity: readonly string[];
  host: string | undefined;
  repository: string | undefined;
};

interface Opened {
  context: CommandContext;
  place: Place;
  repository: Repository;
  identities: readonly Identity[] | undefined;
  findings: Finding[];
}

function usage(message: string, hint: string): never {
  throw new MailrecoverError('usage', message, { hint });
}

function filterGiven(options: LiveOptions): boolean {
  return (Object.keys(FILTERS) as (keyof typeof FILTERS)[]).some((key) => options[key] !== undefined);
}

function check(mode: LiveMode, snapshot: string | undefined, options: LiveOptions): void {
  const filters = filterGiven(options);
  if (filters && mode !== 'missing') usage(`--live ${mode} takes no filters`, 'filters go with --live missing');
  if (options.moved && mode !== 'missing') usage('--moved goes with --live missing', 'leave it out');
  if (mode === 'replace' && options.message.length > 0)
    usage('--live replace takes whole folders, not messages', 'bring single messages back with --live missing');
  if (options.mapOwner.length > 0) usage('--map-owner goes with --to', 'what is put into a live mailbox belongs to its owner');
  if (snapshot === undefined && !filters) usage('no snapshot is named', `such as: mailrecover restore latest --live ${mode}`);
  if (filters && options.message.length > 0) usage('--message and filters exclude each other', 'leave one of them out');
}

/** See {@link file://./restore.ts}. */
export async function restoreLive(
  context: CommandContext,
  mode: LiveMode,
  snapshotText: string | undefined,
  options: LiveOptions,
): Promise<CommandResult> {
  const begun = monotonic();
  check(mode, snapshotText, options);
  const place = await placeOf(context, options);
  const { config } = place;
  if (config === undefined)
    throw new MailrecoverError('config', 'a restore into the running server needs a configuration, which says where mail lies', {
      hint: "write one with 'mailrecover init', or restore into a directory: --to DIR",
    });
  const [{ openRepository }, { Run }, { planLive }, { carryOut, checkServer }, { checkRoom }, { makeDirectory }, { takeLock }] =
    await Promise.all([
      import('../repository/repository.ts'),
      import('../restore/live/journal.ts'),
      import('../restore/live/plan.ts'),
      import('../restore/live/live.ts'),
      import('../restore/live/stage.ts'),
      import('../system/files.ts'),
      import('../system/lock.ts'),
    ]);
  const repository = await openRepository(place.target);
  const identities = await identitiesOf(context, place, repository, options.identity);
  const findings: Finding[] = [];
  const opened: Opened = { context, place, repository, identities, findings };
  if (!options.dryRun) {
    await makeDirectory(place.state);
    context.onEnd(takeLock(join(place.state, 'live.lock'), 'mailrecover restore --live'));
    const { BehindRun } = await import('../standby/behind/journal.ts');
    const behind = BehindRun.open(place.state);
    // What it has not brought back yet would be there twice.
    if (behind !== undefined)
      throw new MailrecoverError('refused', `restore '${behind.plan.id}' behind new mail was interrupted, and comes first`, {
        hint: "finish it: 'mailrecover restore --behind'",
        subject: behind.plan.id,
      });
  }

  const asked = askedFor(mode, snapshotText, options);
  const interrupted = Run.all(place.state).findLast((each) => each.state === 'interrupted' || each.state === 'half undone');
  if (
    interrupted !== undefined &&
    (interrupted.plan.asked !== asked || interrupted.state === 'half undone' || interrupted.plan.repository !== repository.id)
  )
    throw notFinished(interrupted);

  let run = interrupted;
  let plan = interrupted?.plan;
  let served: ServedTask[] = [];
  // What Dovecot is to add is compared anew: what a run that was cut off had added is there already.
  if (plan === undefined || plan.served !== undefined) {
    context.progress.phase('comparing');
    const sources = await sourcesOf(opened, snapshotText, options);
    const planned = await planLive({
      repository,
      identities,
      sources,
      stores: config.stores.map((store) =>
        store.path === undefined ? { name: store.name, format: 'an IMAP account', path: '' } : { ...store, path: store.path },
      ),
      layoutOf: place.layoutOf,
      mode,
      others: mode === 'replace' ? await recentOnes(place) : [],
      moved: options.moved,
      asked,
      now: now(),
      dovecot: { config: config.dovecot?.config, signal: context.signal },
      before: plan?.served,
      signal: context.signal,
    });
    plan ??= planned.plan;
    served = planned.served;
    findings.push(...planned.findings);
  }
  const counts = countsOf(plan);
  const nothing = run === undefined && !mailboxesOf(plan).some((mailbox) => mailbox.folders.some(changes));
  const fields = {
    live: mode,
    ...(run === undefined && (options.dryRun || nothing) ? {} : { run: plan.id }),
    resumed: run !== undefined,
    snapshots: plan.snapshots,
    plan: { ...counts, mailboxes: shownPlan(plan) },
  };
  const outcomeOf = (): CommandResult['outcome'] =>
    findings.some(({ severity }) => severity === 'error')
      ? 'partial'
      : findings.some(({ severity }) => severity === 'warning')
        ? 'warning'
        : 'ok';
  const shown: LivePlan = plan;
  if (options.dryRun || nothing) {
    return {
      outcome: outcomeOf(),
      counts: options.dryRun ? {} : { added: 0, setAside: 0, reflagged: 0, present: counts.present, moved: counts.moved },
      findings,
      fields,
      render: (text) =>
        [renderPlan(shown, text), nothing ? text.green(text.say`nothing to do`) : text.dim(text.say`nothing was changed: --dry-run`)]
          .filter((part) => part !== '')
          .join('\n'),
    };
  }
  if (run === undefined) {
    await confirm(context, options.yes, (text) => renderPlan(plan, text), 'carry this out?');
    checkRoom(plan);
    await checkServer(plan, { config: config.dovecot?.config, signal: context.signal });
  }
  findings.push(...(await audit(place, 'restore', { live: mode, snapshots: plan.snapshots, asked: JSON.parse(asked) as unknown })));
  run ??= await Run.begin(place.state, plan);
  const { progress, signal } = context;
  const from = {
    repository,
    identities,
    snapshots: await snapshotsOf(place, plan.snapshots),
    threads: await threadsOf(config),
    progress,
    signal,
  };
  const report = await carryOut({
    from,
    served,
    progress,
    signal,
    run,
    dovecot: { config: config.dovecot?.config, signal: context.signal },
    begun,
  });
  findings.push(...report.findings);
  const first = report.firstMailMs === undefined ? {} : { firstMailMs: report.firstMailMs };
  const milliseconds = monotonic() - begun;
  return {
    outcome: outcomeOf(),
    counts: { mailboxes: counts.mailboxes, folders: counts.folders, ...report.counts, present: counts.present, moved: counts.moved },
    findings,
    fields: { ...fields, ...first },
    render: (text) =>
      [
        renderPlan(shown, text),
        text.pairs([
          [text.say`put back`, text.say`${text.number(report.counts.added)} messages, ${text.size(report.counts.bytes)}`],
          ...(mode === 'replace'
            ? ([
                [
                  text.say`set aside`,
                  text.say`${text.number(report.counts.setAside)} messages, until 'mailrecover undo ${shown.id} --release'`,
                ],
                ...(shown.served?.some(({ folders }) => folders.some(({ removals }) => removals.length > 0)) === true
                  ? ([[text.say`people see it in`, asideRoot(shown.id)]] as const)
                  : []),
                [text.say`flags given back`, text.number(report.counts.reflagged)],
              ] as const)
            : []),
          ...(report.firstMailMs === undefined ? [] : ([[text.say`first mail after`, text.duration(report.firstMailMs)]] as const)),
          [text.say`took`, text.duration(milliseconds)],
          [text.say`to undo it`, `mailrecover undo ${shown.id}`],
        ]),
      ].join('\n\n'),
  };
}

/** The same for the same command line: so an interrupted run is known again. */
function askedFor(mode: LiveMode, snapshot: string | undefined, options: LiveOptions): string {
  const { mailbox, folder, message, moved, host, deletedSince, from, recipient, subject, since, until } = options;
  return JSON.stringify({ mode, snapshot, mailbox, folder, message, moved, host, deletedSince, from, recipient, subject, since, until });
}

function notFinished(run: Run): MailrecoverError {
  const undoing = run.state === 'half undone';
  return new MailrecoverError(
    'refused',
    `live restore '${run.plan.id}' was interrupted${undoing ? ' while it was undone' : ''}, and comes first`,
    {
      hint:
        run.plan.mode === 'merge'
          ? "finish it: 'mailrecover standby failback'"
          : undoing
            ? `finish that: 'mailrecover undo ${run.plan.id}'`
            : `run the same command again, which finishes it, or undo it: 'mailrecover undo ${run.plan.id}'`,
      subject: run.plan.id,
    },
  );
}

async function snapshotsOf(place: Place, ids: readonly string[]): Promise<StoredSnapshot[]> {
  const { resolveSnapshot } = await import('../repository/resolve.ts');
  return Promise.all(ids.map((id) => resolveSnapshot(place.target, id, { host: place.host })));
}

/** So many of the newest snapshots are asked for the highest UIDs that they saw. */
const LOOKED_AT = 100;

async function recentOnes(place: Place): Promise<StoredSnapshot[]> {
  const { recentSnapshots } = await import('../repository/resolve.ts');
  return (await recentSnapshots(place.target, { limit: LOOKED_AT, host: place.host, trusted: [] })).snapshots;
}

/** The snapshots, and what of each is wanted. */
async function sourcesOf(opened: Opened, snapshotText: string | undefined, options: LiveOptions): Promise<LiveSource[]> {
  const { context, place, repository, identities, findings } = opened;
  const { believedKeys, chooseSnapshot } = await import('./choose-snapshot.ts');
  const folders = options.folder.length > 0 ? { folders: options.folder } : {};
  const chosen = snapshotText === undefined ? undefined : await chooseSnapshot(place, snapshotText);
  findings.push(...(chosen?.findings ?? []));
  if (chosen !== undefined && !filterGiven(options)) {
    const { isMessageId } = await import('./message-id.ts');
    let messages = options.message;
    if (messages.some(isMessageId)) {
      const { plainIds } = await import('./find-index.ts');
      const source = { repository, snapshot: chosen.snapshot, identities, layoutOf: place.layoutOf };
      messages = await plainIds({ context, place, source, findings }, messages, { mailboxes: options.mailbox, folders: options.folder });
    }
    const selection = {
      ...(options.mailbox.length > 0 ? { mailboxes: options.mailbox } : {}),
      ...folders,
      ...(messages.length > 0 ? { messages } : {}),
    };
    return [{ snapshot: chosen.snapshot, selection }];
  }
  const { search } = await import('./find-index.ts');
  const { matches } = await search({ context, place, findings }, repository, identities, {
    deletedSince: timeOf('--deleted-since', options.deletedSince, 'start'),
    since: timeOf('--since', options.since, 'start'),
    until: timeOf('--until', options.until, 'end'),
    from: options.from,
    to: options.recipient,
    subject: options.subject,
    mailboxes: options.mailbox,
    folders: options.folder,
    host: chosen === undefined ? place.host : undefined,
    snapshot: chosen?.snapshot.id,
    believed: await believedKeys(place),
    limit: 0,
  });
  const snapshots = await snapshotsOf(place, [...new Set(matches.map(({ snapshot }) => snapshot))]);
  return snapshots.map((snapshot) => ({
    snapshot,
    selection: { messages: matches.filter((match) => match.snapshot === snapshot.id).map(({ message }) => message) },
  }));
}

function shownPlan(plan: LivePlan): unknown[] {
  return mailboxesOf(plan).map(({ mailbox, folders }) => ({
    mailbox: displayBytes(mailbox),
    folders: folders.map(({ name, from, create, adds, removals, flags, present, moved }) => ({
      folder: name,
      ...(from === undefined ? {} : { from }),
      create,
      add: adds.length,
      setAside: removals.length,
      flags: flags.length,
      present,
      moved,
    })),
  }));
}

/** A line for each folder in which something happens, and one that says what does not. */
function renderPlan(plan: LivePlan, text: TextHelpers): string {
  const lines: string[] = [];
  for (const { mailbox, folders } of mailboxesOf(plan)) {
    for (const folder of folders.filter(changes)) {
      const what = [
        ...(folder.create ? [text.say`new folder`] : []),
        ...(folder.adds.length > 0 ? [text.say`${text.number(folder.adds.length)} to bring back`] : []),
        ...(folder.removals.length > 0 ? [text.say`${text.number(folder.removals.length)} newer to set aside`] : []),
        ...(folder.minNextUid === undefined ? [] : [text.say`UIDNEXT is raised to ${folder.minNextUid}, which a snapshot has seen`]),
        ...(folder.flags.length > 0 ? [text.say`${text.number(folder.flags.length)} to get flags back`] : []),
      ];
      lines.push(`${displayBytes(mailbox)}  ${folder.name}: ${what.join(text.words.common.and)}`);
    }
  }
  const counts = countsOf(plan);
  if (counts.present > 0) lines.push(text.dim(text.say`${text.number(counts.present)} messages are there, and stay as they are`));
  const moved = mailboxesOf(plan).flatMap(({ folders }) => folders.flatMap((folder) => Object.entries(folder.moved)));
  if (moved.length > 0) {
    const where = new Map<string, number>();
    for (const [folder, count] of moved) where.set(folder, (where.get(folder) ?? 0) + count);
    const list = [...where].map(([folder, count]) => `${folder} (${text.number(count)})`).join(', ');
    lines.push(text.say`moved since, and left where they are now: ${list}; --moved gives one more copy of each`);
  }
  return lines.join('\n');
}
