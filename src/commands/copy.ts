import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { Config } from '../config/schema.ts';
import type { Repository } from '../repository/repository.ts';
import type { CopyOptions } from '../repository/copy/copy.ts';
import { careOf, CARE_EXIT_CODES, lockUntilEnd, type Care } from './care.ts';
import { targetAt } from './from-config.ts';
import { REPOSITORY } from './shared.ts';
import { defineCommand, type CommandContext, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'copy',
  summary: 'copy snapshots to another repository',
  description: [
    "Copies snapshots, with all that they need, to the places under 'copies' in the configuration, or to one of them by its name, or to any other place. Objects go as they are: no key is needed, nothing is read from the mail store, signatures stay those of the hosts that made the snapshots, and whoever reads the one repository reads the other. Every object is held to its hash on the way. Only what is missing is copied, so a copy that was interrupted goes on when it is run again.",
    'With --from it goes the other way: from a copy into the repository of the configuration. What was forgotten at the place that is copied to stays forgotten there; each place has its own forget and prune.',
  ],
  arguments: { to: { value: 'TO', description: "a name from 'copies', or a place; by default all of 'copies'" } },
  options: {
    from: { kind: 'text', value: 'FROM', description: "copy from here: a name from 'copies', or a place" },
    host: { kind: 'text', value: 'HOST', description: 'only snapshots of this host' },
    since: { kind: 'text', value: 'TIME', description: 'only snapshots from this time on, such as 2026-11-20' },
    init: { kind: 'flag', description: "make the repository at TO where there is none; those under 'copies' are made without asking" },
    dryRun: { kind: 'flag', description: 'say what would be copied, and copy nothing' },
    ...REPOSITORY,
  },
  examples: [
    { command: 'mailrecover copy --quiet', says: "Bring all places under 'copies' up to date, from cron, after the backup." },
    { command: 'mailrecover copy /mnt/usb/mail --init', says: 'Copy everything to a disk that will be carried away.' },
    { command: 'mailrecover copy --from offsite --since 2026-11-01', says: 'Fetch snapshots back from a copy.' },
  ],
  exitCodes: {
    0: 'all is there',
    1: 'it failed',
    3: 'some places could not be brought up to date',
    ...CARE_EXIT_CODES,
    13: 'a place could not be reached',
  },
  json: {
    'copies[].{to,from}': 'each pair of places',
    'copies[].{snapshots,objects,bytes}': 'what was copied, or would be',
    'copies[].present': 'snapshots that were there already',
    'copies[].forgotten': 'snapshots that were forgotten there, and so not copied',
    'counts.snapshots': 'snapshots that were copied, to all places',
    'counts.bytes': 'bytes that were copied',
  },
  recordsHistory: true,
  publishesHistory: true,
  async run(context, args, options): Promise<CommandResult> {
    const care = await careOf(context, { ...options, newKey: !options.dryRun });
    const config = await context.config();
    const since = await sinceOf(options.since);
    const rows: CopyRow[] = [];
    const findings: Finding[] = [];
    const failures: MailrecoverError[] = [];
    for (const [from, to] of pairsOf(config, care, args.to, options.from)) {
      try {
        const row = await copyOne(context, care, { from, to, host: options.host, since, init: options.init, dryRun: options.dryRun });
        rows.push(row);
        findings.push(...row.findings);
      } catch (error) {
        if (!(error instanceof MailrecoverError)) throw error;
        failures.push(error);
        const { code, message, hint } = error;
        findings.push({
          severity: 'error',
          code,
          message: `${to.at ?? to.name ?? ''}: ${message}`,
          ...(hint === undefined ? {} : { hint }),
        });
      }
    }
    const [failure] = failures;
    if (failure !== undefined && rows.length === 0) throw failure;
    const damaged = findings.some(({ severity }) => severity === 'error');
    return {
      outcome: damaged ? 'partial' : 'ok',
      counts: {
        snapshots: rows.reduce((sum, { snapshots }) => sum + snapshots, 0),
        bytes: rows.reduce((sum, { bytes }) => sum + bytes, 0),
      },
      findings,
      fields: { ...(options.dryRun ? { dryRun: true } : {}), copies: rows.map(({ findings: _findings, ...row }) => row) },
      render: (text) => render(rows, options.dryRun, text),
    };
  },
});

interface End {
  /** Where; undefined for the repository of the configuration. */
  at: string | undefined;
  /** Its name under `copies`. */
  name: string | undefined;
  /** How it is reached, where the configuration says. */
  settings: Config['repository'] | undefined;
}

interface CopyRow {
  from: string;
  to: string;
  snapshots: number;
  objects: number;
  bytes: number;
  present: number;
  forgotten: number;
  findings: Finding[];
}

function pairsOf(config: Config, care: Care, to: string | undefined, from: string | undefined): [End, End][] {
  const end = (text: string): End => {
    const copy = config.copies.find(({ name }) => name === text);
    if (copy === undefined) return { at: text, name: undefined, settings: config.repository };
    const { name, ...settings } = copy;
    return { at: copy.at, name, settings };
  };
  const own: End = { at: undefined, name: undefined, settings: undefined };
  if (from !== undefined) return [[end(from), to === undefined ? own : end(to)]];
  if (to !== undefined) return [[own, end(to)]];
  if (config.copies.length === 0)
    throw new MailrecoverError('config', 'no place is named to which could be copied', {
      hint: `name one, or set 'copies' in the configuration: [{name: offsite, at: '…'}]`,
      subject: care.place.target.location,
    });
  return config.copies.map(({ name }) => [own, end(name)]);
}

async function sinceOf(text: string | undefined): Promise<number | undefined> {
  if (text === undefined) return undefined;
  const { parseLocalTime } = await import('../repository/local-time.ts');
  const time = parseLocalTime(text, 'start');
  if (time !== undefined) return time;
  throw new MailrecoverError('usage', `'${text}' is no time`, { hint: "write a time such as 2026-11-20 or '2026-11-20 03:00'" });
}

async function copyOne(
  context: CommandContext,
  care: Care,
  wish: { from: End; to: End; host: string | undefined; since: number | undefined; init: boolean; dryRun: boolean },
): Promise<CopyRow> {
  const { planCopy, copySnapshots } = await import('../repository/copy/copy.ts');
  const from = await openEnd(context, care, wish.from);
  const opened = await openEnd(context, care, wish.to).catch((error: unknown) => {
    if (error instanceof MailrecoverError && error.code === 'no-repository') return undefined;
    throw error;
  });
  if (opened?.id === from.id && opened.target.location === from.target.location)
    throw new MailrecoverError('usage', 'a repository is not copied onto itself', { subject: from.target.location });
  const to = opened ?? (await makeEnd(context, wish, from));
  if (to === undefined) {
    // A dry run, and nothing is there yet.
    const { listSnapshots } = await import('../repository/repository.ts');
    const { snapshots } = await listSnapshots(from.target);
    return {
      from: from.target.location,
      to: wish.to.at ?? '',
      snapshots: snapshots.length,
      objects: 0,
      bytes: 0,
      present: 0,
      forgotten: 0,
      findings: [],
    };
  }
  const { host, since } = wish;
  const { author, believed } = care;
  const options: CopyOptions = { from, to, host, since, author, believed, progress: context.progress, signal: context.signal };
  const ends = { from: from.target.location, to: to.target.location };
  if (wish.dryRun) {
    const { snapshots, objects, bytes, present, forgotten, findings } = await planCopy(options);
    return { ...ends, snapshots: snapshots.length, objects: objects.size, bytes, present, forgotten, findings };
  }
  // Nothing is removed there while this relies on what is there.
  const lock = await lockUntilEnd(context, { ...care, repository: to }, 'copy');
  const plan = await planCopy(options);
  const report = await copySnapshots(options, plan, lock);
  return { ...ends, ...report, present: plan.present, forgotten: plan.forgotten };
}

async function openEnd(context: CommandContext, care: Care, end: End): Promise<Repository> {
  if (end.at === undefined) return care.repository;
  const { openRepository } = await import('../repository/repository.ts');
  return openRepository(await targetAt(context, end.at, end.settings));
}

/** Makes the repository that is copied to. @returns undefined in a dry run */
async function makeEnd(
  context: CommandContext,
  { to, init, dryRun }: { to: End; init: boolean; dryRun: boolean },
  from: Repository,
): Promise<Repository | undefined> {
  if (to.name === undefined && !init)
    throw new MailrecoverError('no-repository', `there is no repository at '${to.at ?? ''}'`, {
      hint: 'make one there with --init; or is the disk not mounted?',
      ...(to.at === undefined ? {} : { subject: to.at }),
    });
  if (dryRun) return undefined;
  const [{ createRepository }, { rescueFiles }] = await Promise.all([
    import('../repository/repository.ts'),
    import('../repository/recover/files.ts'),
  ]);
  return createRepository(await targetAt(context, to.at ?? '', to.settings), {
    recipients: from.encrypted ? [] : undefined,
    rescue: await rescueFiles(),
    like: from,
  });
}

function render(rows: readonly CopyRow[], dry: boolean, text: TextHelpers): string {
  const cells = rows.map(({ to, snapshots, objects, bytes, present, forgotten }) => [
    to,
    text.number(snapshots),
    text.number(objects),
    text.size(bytes),
    text.number(present),
    forgotten === 0 ? '' : text.say`${text.number(forgotten)} forgotten there`,
  ]);
  const head = [
    text.say`to`,
    dry ? text.say`would be copied` : text.say`copied`,
    text.say`objects`,
    text.say`size`,
    text.say`there before`,
    '',
  ];
  return text.table(cells, { head, right: [1, 2, 3, 4] });
}
