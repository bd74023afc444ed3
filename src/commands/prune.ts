import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { Amount, PendingMark, PruneOptions, PrunePlan } from '../repository/prune/prune.ts';
import { careOf, CARE_EXIT_CODES, lockBackups, lockUntilEnd, reasonOf, secondsOf, type Care } from './care.ts';
import { REPOSITORY } from './shared.ts';
import { defineCommand, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'prune',
  summary: 'give the space of forgotten snapshots back',
  description: [
    'Removes what no snapshot needs: packs, tags and catalogs of snapshots that were forgotten, and what runs that were killed left. It needs no key that reads mail. It works in two steps: first it marks what is not needed, in a signed object; a later run removes it, when the wait in the configuration is over, when every other host that writes into the repository has made a snapshot that says it knows the mark, and when one more look shows that still nothing needs it. So nothing is removed that a running backup could need, whatever the clocks say. Run it every night.',
    'A host that will never come back keeps prune waiting; --gone says so once and for all, and is written down.',
    'Only whole objects go. What is left in packs that are still needed in part is bounded by backup, which writes packs of which little is needed anew from the live mail; see docs/retention.md.',
    'Nothing is removed while something is wrong: a snapshot that is out of the ordinary, of the future, damaged or missing.',
  ],
  arguments: {},
  options: {
    dryRun: { kind: 'flag', description: 'show what would be marked and removed, and change nothing' },
    gone: {
      kind: 'text',
      value: 'HOST',
      description: 'do not wait for this host any more: it is gone for good; its name, or the number of its key',
    },
    reason: { kind: 'text', value: 'TEXT', description: 'with --gone: why' },
    ...REPOSITORY,
  },
  examples: [
    { command: 'mailrecover prune --dry-run', says: 'See what would go, and what prune waits for.' },
    { command: 'mailrecover prune --quiet', says: 'Prune every night, from cron.' },
    { command: "mailrecover prune --gone mx2 --reason 'replaced by mx3'", says: 'Stop waiting for a host that was taken out of service.' },
  ],
  exitCodes: { 0: 'done', 1: 'it failed', 3: 'done, but something could not be removed', ...CARE_EXIT_CODES },
  json: {
    'counts.removed': 'objects that were removed',
    'counts.bytesRemoved': 'their bytes',
    'counts.marked': 'objects that were marked for a later run',
    'counts.bytesMarked': 'their bytes',
    'counts.left': 'objects that were due and could not be removed',
    'counts.needed': 'objects that snapshots need',
    'counts.bytesNeeded': 'their bytes',
    'marks[].{id,host,time,from,due,rescued}': 'marks, and when each is due at the earliest',
    'marks[].left.{objects,bytes}': 'what each still names',
    'marks[].waitsFor[].{fingerprint,host,newest}': 'hosts that have not said that they know it',
  },
  recordsHistory: true,
  publishesHistory: true,
  async run(context, _args, options): Promise<CommandResult> {
    const care = await careOf(context, options);
    const { planPrune, prune } = await import('../repository/prune/prune.ts');
    const wait = secondsOf(care.place.config?.retention.wait ?? '1d');
    const pruning: PruneOptions = { ...care.survey, author: care.author, wait, alone: true, progress: context.progress };
    const { refuseFrozen } = await import('../repository/retention/survey.ts');
    if (options.dryRun) {
      const plan = await planPrune(pruning);
      const findings = [...plan.survey.frozen.map((finding) => ({ ...finding, severity: 'warning' as const })), ...waiting(plan.marks)];
      const marked = amount(plan.unmarked);
      return {
        outcome: findings.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok',
        counts: countsOf(plan, { removed: amount(plan.removable), marked, left: { objects: 0, bytes: 0 } }),
        findings,
        fields: { dryRun: true, marks: plan.marks },
        render: (text) => render(plan, amount(plan.removable), marked, true, text),
      };
    }
    const lock = await lockUntilEnd(context, care, 'prune');
    await lockBackups(context, care, 'prune');
    if (options.gone !== undefined) await callGone(care, options.gone, reasonOf(options.reason));
    const plan = await planPrune(pruning);
    refuseFrozen(plan.survey, 'prune');
    const report = await prune(pruning, plan, lock);
    const findings = [...report.findings, ...waiting((await planPrune(pruning)).marks)];
    return {
      outcome: report.left.objects > 0 ? 'partial' : findings.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok',
      counts: countsOf(plan, report),
      findings,
      fields: { marks: plan.marks },
      render: (text) => render(plan, report.removed, report.marked, false, text),
    };
  },
});

function amount(sizes: ReadonlyMap<string, number>): Amount {
  return { objects: sizes.size, bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0) };
}

function countsOf(
  { needed }: PrunePlan,
  { removed, marked, left }: { removed: Amount; marked: Amount; left: Amount },
): Record<string, number> {
  return {
    removed: removed.objects,
    bytesRemoved: removed.bytes,
    marked: marked.objects,
    bytesMarked: marked.bytes,
    left: left.objects,
    needed: needed.objects,
    bytesNeeded: needed.bytes,
  };
}

const DAYS_SILENT = 3;

/** What prune waits for that may never come by itself. */
function waiting(marks: readonly PendingMark[]): Finding[] {
  const hosts = new Map(marks.flatMap(({ waitsFor }) => waitsFor.map((each) => [each.fingerprint, each] as const)));
  return [...hosts.values()].map(({ fingerprint, host, newest }) => {
    const silent = newest === undefined || marks.some(({ time }) => Date.parse(time) - Date.parse(newest) > DAYS_SILENT * 86_400_000);
    return {
      severity: silent ? ('warning' as const) : ('info' as const),
      code: 'prune-waits',
      message: `prune waits until host '${host}' (${fingerprint}) makes a backup; its newest is ${newest === undefined ? 'none' : `of ${newest}`}`,
      ...(silent ? { hint: `if that host is gone for good: mailrecover prune --gone ${fingerprint} --reason TEXT` } : {}),
      subject: fingerprint,
    };
  });
}

/** Writes down that a host will not come back. */
async function callGone({ repository, author, survey }: Care, text: string, reason: string): Promise<void> {
  const [{ writeRecord }, { hostFingerprint }, { surveyRepository }] = await Promise.all([
    import('../repository/care/record.ts'),
    import('../repository/signing.ts'),
    import('../repository/retention/survey.ts'),
  ]);
  const { checked } = await surveyRepository(survey);
  const own = hostFingerprint(author.key.publicHex);
  const chains = new Map<string, { host: string; sequence: number }>();
  for await (const { path } of repository.target.list('hosts')) {
    const fingerprint = /^hosts\/([0-9a-f]{16})\.json$/.exec(path)?.[1];
    if (fingerprint !== undefined) chains.set(fingerprint, { host: fingerprint, sequence: 0 });
  }
  for (const { key, host, sequence } of checked.heads) {
    const fingerprint = hostFingerprint(key);
    if (sequence >= (chains.get(fingerprint)?.sequence ?? 0)) chains.set(fingerprint, { host, sequence });
  }
  const found = [...chains].filter(([fingerprint, { host }]) => fingerprint !== own && (fingerprint === text || host === text));
  const [only] = found;
  if (only === undefined)
    throw new MailrecoverError('not-found', `no other host '${text}' writes into this repository`, {
      hint: `name one of: ${[...chains].map(([fingerprint, { host }]) => (host === fingerprint ? host : `${host} (${fingerprint})`)).join(', ')}`,
    });
  if (found.length > 1)
    throw new MailrecoverError(
      'ambiguous',
      `several keys are of a host '${text}': ${found.map(([fingerprint]) => fingerprint).join(', ')}`,
      {
        hint: 'name the number of its key',
      },
    );
  await writeRecord(repository.target, author, 'gone', { chain: only[0], sequence: only[1].sequence, reason });
}

function render(plan: PrunePlan, removed: Amount, marked: Amount, dry: boolean, text: TextHelpers): string {
  const words = text.words.commands.prune;
  const show = ({ objects, bytes }: Amount): string => (objects === 0 ? words.nothing : words.amount(objects, text.size(bytes)));
  const pending = plan.marks.filter(({ due, left }) => !due && left.objects > 0);
  return text.pairs([
    [words.needed, show(plan.needed)],
    [dry ? words.removed.dry : words.removed.done, show(removed)],
    [dry ? words.marked.dry : words.marked.done, marked.objects === 0 ? words.nothing : words.later(show(marked))],
    ...pending.map(({ left, from, waitsFor }): [string, string] => [
      words.waiting,
      waitsFor.length > 0
        ? words.untilBackup(show(left), waitsFor.map(({ host }) => host).join(text.words.common.and))
        : words.untilTime(show(left), text.time(from)),
    ]),
  ]);
}
