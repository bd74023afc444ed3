/** `restore --behind`: the history of mailboxes that were begun anew, behind what they have received since. */
import { join } from 'node:path';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { Source } from '../restore/look/source.ts';
import type { BehindRun } from '../standby/behind/journal.ts';
import type { BehindPlan } from '../standby/behind/model.ts';
import type { BehindReport } from '../standby/behind/run.ts';
import type { Dial } from '../standby/dial/record.ts';
import { displayBytes } from '../store/bytes.ts';
import { monotonic, now } from '../system/clock.ts';
import { audit } from './audit.ts';
import { confirm } from './confirm.ts';
import { identitiesOf, placeOf, threadsOf, type Place } from './from-config.ts';
import type { BEHIND, YES } from './live-options.ts';
import { outcomeOf } from './outcome.ts';
import type { CommandContext, CommandResult, Options, TextHelpers } from './types.ts';

type BehindOptions = Options<typeof BEHIND & typeof YES> & {
  mailbox: readonly string[];
  folder: readonly string[];
  message: readonly string[];
  mapOwner: readonly string[];
  to: string | undefined;
  live: string | undefined;
  imap: string | undefined;
  system: boolean;
  dryRun: boolean;
  identity: readonly string[];
  host: string | undefined;
  repository: string | undefined;
};

/** See {@link file://./restore.ts}. */
export async function restoreBehind(
  context: CommandContext,
  snapshotText: string | undefined,
  options: BehindOptions,
): Promise<CommandResult> {
  check(options);
  const found = await placeOf(context, options);
  const { config, state } = found;
  if (config === undefined)
    throw new MailrecoverError('config', 'a restore into the running server needs a configuration, which says where mail lies', {
      hint: "write one with 'mailrecover init', or restore into a directory: --to DIR",
    });
  const [{ noteDial, readDial }, { BehindRun }, { planBehind, countsOf }, { syncStores }] = await Promise.all([
    import('../standby/dial/record.ts'),
    import('../standby/behind/journal.ts'),
    import('../standby/behind/plan.ts'),
    import('./standby/pair.ts'),
  ]);
  const dial = readDial(state);
  // After a switch it is the mail of the host that is gone that is missing.
  const place: Place = { ...found, host: options.host ?? (dial === undefined || dial.closed ? found.host : dial.from) };
  if (!options.dryRun) await lock(context, state);
  const source = await sourceOf(context, place, options, snapshotText, BehindRun.open(state));
  const { findings } = source;
  const asked = JSON.stringify({ mailbox: options.mailbox.toSorted() });
  const open = BehindRun.open(state);
  if (open !== undefined && (open.plan.asked !== asked || open.plan.snapshot !== source.snapshot.id)) throw notFinished(open);
  let run = open;
  let plan = open?.plan;
  let present = 0;
  const stores = syncStores(config);
  if (plan === undefined) {
    context.progress.phase('comparing');
    const { mailbox: mailboxes, first } = options;
    const planned = await planBehind({ source, stores, dial, mailboxes, first, asked, now: now(), signal: context.signal });
    [plan, present] = [planned.plan, planned.present];
    findings.push(...planned.findings);
  } else if (options.first.length > 0) {
    const { mailboxFilter } = await import('../store/mailbox-filter.ts');
    const isFirst = mailboxFilter(options.first);
    for (const mailbox of plan.mailboxes) mailbox.first = isFirst(mailbox.mailbox);
  }
  const counts = countsOf(plan);
  const fields = {
    snapshot: plan.snapshot,
    resumed: open !== undefined,
    ...(options.dryRun && open === undefined ? {} : { run: plan.id }),
  };
  const nothing = counts.folders === 0;
  if (nothing && !options.dryRun && dial?.closed === false && options.mailbox.length === 0 && outcomeOf(findings) !== 'partial')
    noteDial(state, dial, { closed: true });
  if (options.dryRun || nothing) {
    const table = await tableOf(state, plan, open);
    return {
      outcome: outcomeOf(findings),
      counts: options.dryRun ? {} : { folders: 0, messages: 0, bytes: 0, present, failed: 0 },
      findings,
      fields: { ...fields, plan: counts, mailboxes: table },
      render: (text) =>
        nothing
          ? text.green(
              text.say`nothing to do: every folder has its history${present === 0 ? '' : text.say` (${text.number(present)} folders)`}`,
            )
          : [renderPlan(plan, dial, table, text), text.dim(text.say`nothing was changed: --dry-run`)].join('\n\n'),
    };
  }
  const { textHelpers } = await import('../report/text/helpers.ts');
  if (run === undefined) {
    const rows = await tableOf(state, plan, undefined);
    await confirm(context, options.yes, (text) => renderPlan(plan, dial, rows, text), 'carry this out?');
  }
  findings.push(...(await audit(place, 'restore', { behind: true, snapshot: plan.snapshot, mailboxes: options.mailbox })));
  run ??= await BehindRun.begin(state, plan);
  const begun = monotonic();
  let told = Number.NEGATIVE_INFINITY;
  const { bringBack } = await import('../standby/behind/run.ts');
  const report = await bringBack({
    source,
    threads: await threadsOf(config),
    progress: context.progress,
    signal: context.signal,
    state,
    run,
    stores,
    dial,
    dovecot: { config: config.dovecot?.config, signal: context.signal },
    guard: await guardOf(context, place),
    whole: options.mailbox.length === 0,
    onMailbox: ({ mailbox, messages, left, secondsLeft }) => {
      if (context.quiet || (plan.mailboxes.length > TOLD && left > 0 && monotonic() - told < TOLD_EVERY_MS)) return;
      told = monotonic();
      const text = textHelpers({ color: false, lang: context.lang });
      const rest =
        left === 0
          ? text.say`all are back`
          : text.say`${left} to go${secondsLeft === undefined ? '' : text.say`, about ${text.duration(secondsLeft * 1000)}`}`;
      context.tell(text.say`${mailbox}: ${text.number(messages)} messages are back; ${rest}`);
    },
  });
  findings.push(...report.findings);
  const table = await tableOf(state, plan, run);
  const first = report.firstMs === undefined ? {} : { firstMailMs: report.firstMs };
  const milliseconds = monotonic() - begun;
  const isDone = run.isDone;
  const whole = options.mailbox.length === 0;
  return {
    outcome: outcomeOf(findings),
    counts: report.counts,
    findings,
    fields: { ...fields, plan: counts, mailboxes: table, ...first },
    render: (text) =>
      renderReport(report, { isDone, whole, milliseconds, left: table.filter(({ state: is }) => is === 'waiting').length }, text),
  };
}

/** So many mailboxes are told of one by one, of more only every few seconds. */
const TOLD = 50;
const TOLD_EVERY_MS = 5000;

function check(options: BehindOptions): void {
  const usage = (message: string, hint: string): never => {
    throw new MailrecoverError('usage', message, { hint });
  };
  if (options.to !== undefined || options.live !== undefined || options.imap !== undefined || options.system)
    usage('--behind goes without --to, --live, --imap and --system', 'name one way to restore');
  if (options.folder.length + options.message.length > 0)
    usage('--behind takes whole mailboxes', 'bring folders and messages back with --live missing, once their mailbox has its history');
  if (options.mapOwner.length > 0) usage('--map-owner goes with --to', 'what is put into a live mailbox belongs to its owner');
}

async function lock(context: CommandContext, state: string): Promise<void> {
  const [{ makeDirectory }, { takeLock }, { Run }] = await Promise.all([
    import('../system/files.ts'),
    import('../system/lock.ts'),
    import('../restore/live/journal.ts'),
  ]);
  await makeDirectory(state);
  context.onEnd(takeLock(join(state, 'live.lock'), 'mailrecover restore --behind'));
  const other = Run.all(state).findLast((each) => each.state === 'interrupted' || each.state === 'half undone');
  if (other !== undefined)
    throw new MailrecoverError('refused', `live restore '${other.plan.id}' was interrupted, and comes first`, {
      hint: `run the same command again, which finishes it, or undo it: 'mailrecover undo ${other.plan.id}'`,
      subject: other.plan.id,
    });
}

/** The snapshot that is meant; one that is under way is gone on with. */
async function sourceOf(
  context: CommandContext,
  place: Place,
  options: BehindOptions,
  text: string | undefined,
  open: BehindRun | undefined,
): Promise<Source & { findings: Finding[] }> {
  const [{ openRepository }, { chooseSnapshot }] = await Promise.all([
    import('../repository/repository.ts'),
    import('./choose-snapshot.ts'),
  ]);
  const repository = await openRepository(place.target);
  const identities = await identitiesOf(context, place, repository, options.identity);
  const { snapshot, findings } = await chooseSnapshot(place, text ?? open?.plan.snapshot ?? 'latest');
  return { repository, snapshot, identities, layoutOf: place.layoutOf, findings };
}

function notFinished({ plan }: BehindRun): MailrecoverError {
  const { mailbox } = JSON.parse(plan.asked) as { mailbox: string[] };
  return new MailrecoverError('refused', `restore '${plan.id}' behind new mail was interrupted, and comes first`, {
    hint: `finish it: 'mailrecover restore ${plan.snapshot.slice(0, 16)} --behind${mailbox.map((name) => ` --mailbox '${name}'`).join('')}'`,
    subject: plan.id,
  });
}

/** Nobody writes into mailboxes of a host that serves no more. */
async function guardOf(context: CommandContext, { config, target }: Place): Promise<() => Promise<void>> {
  if (config?.standby === undefined) return async () => undefined;
  const [{ readEpoch }, { pairOf, thisHost }] = await Promise.all([import('../standby/epoch.ts'), import('./standby/pair.ts')]);
  const me = thisHost(config).name;
  return async () => {
    context.signal.throwIfAborted();
    const { active = pairOf(config).primary.name, epoch } = await readEpoch(target);
    if (active === me) return;
    throw new MailrecoverError('refused', `'${active}' serves since epoch ${epoch}, and this is '${me}': nothing is brought back here`, {
      hint: `run it on '${active}'`,
      subject: me,
    });
  };
}

interface Row {
  mailbox: string;
  state: 'served' | 'waiting';
  folders: number;
  /** Folders without history. */
  left: number;
  /** What of messages and bytes is left. */
  messages: number;
  bytes: number;
  secondsLeft: number | null;
}

/** Each mailbox of a plan, those that come first first. */
async function tableOf(state: string, plan: BehindPlan, run: BehindRun | undefined): Promise<Row[]> {
  const [{ paceOf, unitsLeft }, { timesLeft, unitsInOrder }, { BehindRun: Runs }] = await Promise.all([
    import('../standby/behind/run.ts'),
    import('../standby/behind/order.ts'),
    import('../standby/behind/journal.ts'),
  ]);
  const units = run === undefined ? unitsInOrder(plan) : unitsLeft(run);
  // Until something is back, the pace is that of the last time.
  const last = Runs.all(state)
    .toReversed()
    .map(paceOf)
    .find((pace) => pace !== undefined);
  const times = timesLeft(plan, units, (run === undefined ? undefined : paceOf(run)) ?? last);
  const rows = plan.mailboxes.map(({ mailbox, folders }, number): Row => {
    const left = units.filter((unit) => unit.mailbox === number).flatMap(({ folder }) => folders[folder] ?? []);
    return {
      mailbox: displayBytes(mailbox),
      state: left.length === 0 ? 'served' : 'waiting',
      folders: folders.length,
      left: left.length,
      messages: left.reduce((sum, { messages }) => sum + messages, 0),
      bytes: left.reduce((sum, { bytes }) => sum + bytes, 0),
      secondsLeft: left.length === 0 ? 0 : (times.get(number) ?? null),
    };
  });
  const turn = new Map([...times.keys()].map((number, at) => [displayBytes(plan.mailboxes[number]?.mailbox ?? ''), at]));
  return rows.sort((a, b) => (turn.get(a.mailbox) ?? -1) - (turn.get(b.mailbox) ?? -1));
}

const SHOWN = 50;

function renderPlan(plan: BehindPlan, dial: Dial | undefined, table: readonly Row[], text: TextHelpers): string {
  const waiting = table.filter(({ state }) => state === 'waiting');
  const sum = (of: (row: Row) => number): number => waiting.reduce((total, row) => total + of(row), 0);
  const lines = waiting.slice(0, SHOWN).map(({ mailbox, left, folders, messages, bytes, secondsLeft }) => {
    const time = secondsLeft === null ? '' : text.say`, in about ${text.duration(secondsLeft * 1000)}`;
    const part = left === folders ? text.number(left) : text.say`${text.number(left)} of ${text.number(folders)}`;
    return text.say`  ${mailbox}: ${part} ${folders === 1 ? text.say`folder` : text.say`folders`}, ${text.number(messages)} messages, ${text.size(bytes)}${time}`;
  });
  return [
    text.pairs([
      [text.say`snapshot`, text.say`${plan.snapshot.slice(0, 16)}, of ${text.time(plan.snapshotTime)}`],
      ...(dial === undefined
        ? []
        : ([[text.say`mail since`, text.say`${text.time(dial.at)}, when the mailboxes were begun anew (epoch ${dial.epoch})`]] as [
            string,
            string,
          ][])),
      [
        text.say`to bring back`,
        text.say`${text.number(sum(({ messages }) => messages))} messages in ${text.number(waiting.length)} ${waiting.length === 1 ? text.say`mailbox` : text.say`mailboxes`}, ${text.size(sum(({ bytes }) => bytes))}`,
      ],
      [text.say`clients`, text.say`that have a folder open are asked to log in again when it gets its history`],
    ]),
    ...lines,
    ...(waiting.length > SHOWN ? [text.say`  … and ${text.number(waiting.length - SHOWN)} more; all are in --json`] : []),
  ].join('\n');
}

function renderReport(
  { counts, firstMs }: BehindReport,
  { isDone, whole, milliseconds, left }: { isDone: boolean; whole: boolean; milliseconds: number; left: number },
  text: TextHelpers,
): string {
  const verdict = isDone
    ? text.green(text.bold(whole ? text.say`all history is back` : text.say`the history of these mailboxes is back`))
    : text.yellow(
        text.bold(
          text.say`${text.number(left)} ${left === 1 ? text.say`mailbox has` : text.say`mailboxes have`} not all of their history: mend what is named below, and run it again`,
        ),
      );
  return [
    verdict,
    text.pairs([
      [
        text.say`brought back`,
        text.say`${text.number(counts.messages)} messages in ${text.number(counts.folders)} ${counts.folders === 1 ? text.say`folder` : text.say`folders`}, ${text.size(counts.bytes)}`,
      ],
      ...(counts.present === 0
        ? []
        : ([[text.say`as they were`, text.say`${text.number(counts.present)} folders had their history`]] as [string, string][])),
      ...(firstMs === undefined ? [] : ([[text.say`first folder after`, text.duration(firstMs)]] as [string, string][])),
      [text.say`took`, text.duration(milliseconds)],
    ]),
  ].join('\n');
}
