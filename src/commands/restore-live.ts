/** `restore --live`: into mailboxes that are being served. */
import { join } from 'node:path';
import { MailrecoverError } from '../errors/error.ts';
import type { Run } from '../restore/live/journal.ts';
import type { LiveReport } from '../restore/live/live.ts';
import { changes, countsOf, type LiveMode, type LivePlan, mailboxesOf } from '../restore/live/model.ts';
import type { ServedTask } from '../restore/live/served/plan.ts';
import { monotonic, now } from '../system/clock.ts';
import { audit } from './audit.ts';
import { confirm } from './confirm.ts';
import { identitiesOf, placeOf, threadsOf } from './from-config.ts';
import { renderDone, renderPlan, shownPlan } from './live/shown.ts';
import { filterGiven, type LiveOptions, type Opened, recentOnes, snapshotsOf, sourcesOf } from './live/sources.ts';
import { outcomeOf } from './outcome.ts';
import type { CommandContext, CommandResult } from './types.ts';

function usage(message: string, hint: string): never {
  throw new MailrecoverError('usage', message, { hint });
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
  const opened = await open(context, options);
  const { findings } = opened;
  if (!options.dryRun) await lock(opened);
  const asked = askedFor(mode, snapshotText, options);
  const { run, plan, served } = await planned(opened, mode, snapshotText, options, asked);
  const counts = countsOf(plan);
  const nothing = run === undefined && !mailboxesOf(plan).some((mailbox) => mailbox.folders.some(changes));
  const fields = {
    live: mode,
    ...(run === undefined && (options.dryRun || nothing) ? {} : { run: plan.id }),
    resumed: run !== undefined,
    snapshots: plan.snapshots,
    plan: { ...counts, mailboxes: shownPlan(plan) },
  };
  if (options.dryRun || nothing) {
    return {
      outcome: outcomeOf(findings),
      counts: options.dryRun ? {} : { added: 0, setAside: 0, reflagged: 0, present: counts.present, moved: counts.moved },
      findings,
      fields,
      render: (text) =>
        [renderPlan(plan, text), nothing ? text.green(text.say`nothing to do`) : text.dim(text.say`nothing was changed: --dry-run`)]
          .filter((part) => part !== '')
          .join('\n'),
    };
  }
  const report = await carriedOut(opened, { run, plan, served }, { asked, begun, yes: options.yes });
  const milliseconds = monotonic() - begun;
  return {
    outcome: outcomeOf(findings),
    counts: { mailboxes: counts.mailboxes, folders: counts.folders, ...report.counts, present: counts.present, moved: counts.moved },
    findings,
    fields: { ...fields, ...(report.firstMailMs === undefined ? {} : { firstMailMs: report.firstMailMs }) },
    render: (text) => [renderPlan(plan, text), renderDone(plan, report, milliseconds, text)].join('\n\n'),
  };
}

async function open(context: CommandContext, options: LiveOptions): Promise<Opened> {
  const place = await placeOf(context, options);
  const { config } = place;
  if (config === undefined)
    throw new MailrecoverError('config', 'a restore into the running server needs a configuration, which says where mail lies', {
      hint: "write one with 'mailrecover init', or restore into a directory: --to DIR",
    });
  const { openRepository } = await import('../repository/repository.ts');
  const repository = await openRepository(place.target);
  const identities = await identitiesOf(context, place, repository, options.identity);
  return { context, place, config, repository, identities, findings: [] };
}

/** Nobody else restores into the server, and nothing waits to be brought back that would be there twice. @throws MailrecoverError `locked`, `refused` */
async function lock({ context, place }: Opened): Promise<void> {
  const [{ makeDirectory }, { takeLock }, { BehindRun }] = await Promise.all([
    import('../system/files.ts'),
    import('../system/lock.ts'),
    import('../standby/behind/journal.ts'),
  ]);
  await makeDirectory(place.state);
  context.onEnd(takeLock(join(place.state, 'live.lock'), 'mailrecover restore --live'));
  const behind = BehindRun.open(place.state);
  if (behind !== undefined)
    throw new MailrecoverError('refused', `restore '${behind.plan.id}' behind new mail was interrupted, and comes first`, {
      hint: "finish it: 'mailrecover restore --behind'",
      subject: behind.plan.id,
    });
}

interface Planned {
  /** The run that was cut off, with which this one goes on. */
  run: Run | undefined;
  plan: LivePlan;
  /** What the running Dovecot is to add. */
  served: ServedTask[];
}

/** @throws MailrecoverError `refused` where another run comes first */
async function planned(
  opened: Opened,
  mode: LiveMode,
  snapshotText: string | undefined,
  options: LiveOptions,
  asked: string,
): Promise<Planned> {
  const { context, place, config, repository, identities, findings } = opened;
  const [{ Run: Runs }, { planLive }] = await Promise.all([import('../restore/live/journal.ts'), import('../restore/live/plan.ts')]);
  const run = Runs.all(place.state).findLast((each) => each.state === 'interrupted' || each.state === 'half undone');
  if (run !== undefined && (run.plan.asked !== asked || run.state === 'half undone' || run.plan.repository !== repository.id))
    throw notFinished(run);
  // What Dovecot is to add is compared anew: what a run that was cut off had added is there already.
  if (run !== undefined && run.plan.served === undefined) return { run, plan: run.plan, served: [] };
  context.progress.phase('comparing');
  const fresh = await planLive({
    repository,
    identities,
    sources: await sourcesOf(opened, snapshotText, options),
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
    before: run?.plan.served,
    signal: context.signal,
  });
  findings.push(...fresh.findings);
  return { run, plan: run?.plan ?? fresh.plan, served: fresh.served };
}

async function carriedOut(
  { context, place, config, repository, identities, findings }: Opened,
  { run, plan, served }: Planned,
  { asked, begun, yes }: { asked: string; begun: number; yes: boolean },
): Promise<LiveReport> {
  const [{ Run: Runs }, { carryOut, checkServer }, { checkRoom }] = await Promise.all([
    import('../restore/live/journal.ts'),
    import('../restore/live/live.ts'),
    import('../restore/live/stage.ts'),
  ]);
  const { progress, signal } = context;
  const dovecot = { config: config.dovecot?.config, signal };
  if (run === undefined) {
    await confirm(context, yes, (text) => renderPlan(plan, text), 'carry this out?');
    checkRoom(plan);
    await checkServer(plan, dovecot);
  }
  findings.push(...(await audit(place, 'restore', { live: plan.mode, snapshots: plan.snapshots, asked: JSON.parse(asked) as unknown })));
  const report = await carryOut({
    from: {
      repository,
      identities,
      snapshots: await snapshotsOf(place, plan.snapshots),
      threads: await threadsOf(config),
      progress,
      signal,
    },
    served,
    progress,
    signal,
    run: run ?? (await Runs.begin(place.state, plan)),
    dovecot,
    begun,
  });
  findings.push(...report.findings);
  return report;
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
