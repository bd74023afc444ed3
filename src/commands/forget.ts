import type { ForgetPlan } from '../repository/retention/forget.ts';
import type { Policy } from '../repository/retention/policy.ts';
import { MailrecoverError } from '../errors/error.ts';
import { careOf, CARE_EXIT_CODES, lockUntilEnd, secondsOf, type Care } from './care.ts';
import { identitiesOf } from './from-config.ts';
import { IDENTITY, REPOSITORY, SNAPSHOT_FORMS } from './shared.ts';
import { tell } from '../report/text/tell.ts';
import { defineCommand, type CommandContext, type CommandResult, type TextHelpers } from './types.ts';

const KEEP = {
  keepLast: { kind: 'number', min: 0, value: 'N', description: 'keep so many of the newest snapshots' },
  keepHourly: { kind: 'number', min: 0, value: 'N', description: 'keep the newest of each of so many hours that have one' },
  keepDaily: { kind: 'number', min: 0, value: 'N', description: 'the same for days' },
  keepWeekly: { kind: 'number', min: 0, value: 'N', description: 'the same for weeks' },
  keepMonthly: { kind: 'number', min: 0, value: 'N', description: 'the same for months' },
  keepYearly: { kind: 'number', min: 0, value: 'N', description: 'the same for years' },
  keepWithin: { kind: 'text', value: 'SPAN', description: 'keep all that are younger than this, counted from the newest: 7d' },
} as const;

export default defineCommand({
  name: 'forget',
  summary: 'give up snapshots that are no longer wanted',
  description: [
    'Removes snapshots: those that are named, or with --policy (or any --keep option) all that the policy does not keep. The rules are those of restic, applied host by host in local time. The newest snapshot of a host, its newest complete one, what is held, and what is out of the ordinary and not approved yet always stay. Snapshots of hosts whose keys are not trusted here stay, too.',
    'What was forgotten is written down in the repository, signed, so that check knows that nobody else removed it. The space comes back with prune.',
    'Nothing is forgotten while something is wrong: a snapshot that is out of the ordinary, of the future, damaged or missing. The message says which, and what to do.',
    SNAPSHOT_FORMS,
  ],
  arguments: { snapshots: { value: 'SNAP', description: 'what to forget', variadic: true } },
  options: {
    policy: { kind: 'flag', description: "forget what 'retention.keep' in the configuration does not keep" },
    ...KEEP,
    host: { kind: 'text', value: 'HOST', description: "with a policy: only this host's snapshots" },
    dryRun: { kind: 'flag', description: 'show what would go, and why the rest stays; remove nothing' },
    ...IDENTITY,
    ...REPOSITORY,
  },
  examples: [
    { command: 'mailrecover forget --policy --dry-run', says: 'See what the policy would forget, and why the rest stays.' },
    { command: 'mailrecover forget --policy --quiet', says: 'Forget every night, from cron.' },
    { command: 'mailrecover forget 5cbce0b012c9', says: 'Forget one snapshot.' },
  ],
  exitCodes: { 0: 'done', 1: 'nothing was forgotten', 3: 'done, but something could not be removed', ...CARE_EXIT_CODES },
  json: {
    'snapshots[].{id,time,host,sequence,messages}': 'every snapshot',
    'snapshots[].keep': 'why it stays; empty for one that goes',
    'counts.forgotten': 'how many went, or would go',
    'counts.kept': 'how many stay',
  },
  recordsHistory: true,
  publishesHistory: true,
  async run(context, args, options): Promise<CommandResult> {
    const policy = policyOf(options, options.policy);
    if (args.snapshots.length === 0 && policy === undefined && !options.policy)
      throw new MailrecoverError('usage', 'what should be forgotten?', { hint: 'name snapshots, or use --policy; see first: --dry-run' });
    if (args.snapshots.length > 0 && (policy !== undefined || options.policy))
      throw new MailrecoverError('usage', 'either snapshots or a policy', { hint: 'leave one of them out' });
    const care = await careOf(context, options);
    const [{ surveyRepository, refuseFrozen }, { planForget, refuseKept, forgetSnapshots }] = await Promise.all([
      import('../repository/retention/survey.ts'),
      import('../repository/retention/forget.ts'),
    ]);
    const lock = options.dryRun ? undefined : await lockUntilEnd(context, care, 'forget');
    const survey = await surveyRepository(care.survey);
    const ids = args.snapshots.length === 0 ? undefined : await named(care, args.snapshots);
    const wish = ids === undefined ? { policy: await chosenPolicy(care, policy), host: options.host } : { ids };
    const plan = planForget(survey, care.believed, wish, await heldMailboxes(context, care, survey.decisions.holds, options.identity));
    if (ids !== undefined) refuseKept(plan, ids);
    const going = plan.snapshots.filter(({ keep }) => keep.length === 0).length;
    if (lock === undefined) {
      const findings = survey.frozen.map((finding) => ({ ...finding, severity: 'warning' as const }));
      return {
        outcome: findings.length > 0 ? 'warning' : 'ok',
        counts: { forgotten: going, kept: plan.snapshots.length - going },
        findings,
        fields: { dryRun: true, snapshots: rows(plan) },
        render: (text) => render(plan, going, true, text),
      };
    }
    refuseFrozen(survey, 'forget');
    const { forgotten, left, findings } = await forgetSnapshots(care.repository, survey, plan, care.author, lock);
    return {
      outcome: left > 0 ? 'partial' : 'ok',
      counts: { forgotten, kept: plan.snapshots.length - forgotten },
      findings,
      fields: { snapshots: rows(plan) },
      render: (text) => render(plan, forgotten, false, text),
    };
  },
});

type KeepOptions = { readonly [K in keyof typeof KEEP]: number | string | undefined };

/** The policy that options state; undefined where they state none. */
function policyOf(options: KeepOptions, fromConfig: boolean): Policy | undefined {
  const numbers = {
    last: options.keepLast,
    hourly: options.keepHourly,
    daily: options.keepDaily,
    weekly: options.keepWeekly,
    monthly: options.keepMonthly,
    yearly: options.keepYearly,
  };
  const policy: Policy = {};
  for (const [unit, value] of Object.entries(numbers)) if (typeof value === 'number') policy[unit as keyof typeof numbers] = value;
  if (typeof options.keepWithin === 'string') policy.within = secondsOf(options.keepWithin);
  if (Object.keys(policy).length === 0) return undefined;
  if (fromConfig)
    throw new MailrecoverError('usage', '--policy takes the rules of the configuration, and --keep options state others', {
      hint: 'leave one of them out',
    });
  return policy;
}

async function chosenPolicy({ place }: Care, stated: Policy | undefined): Promise<Policy> {
  const { isEmptyPolicy } = await import('../repository/retention/policy.ts');
  const policy = stated ?? place.config?.retention.keep;
  if (policy === undefined || isEmptyPolicy(policy as Policy))
    throw new MailrecoverError(stated === undefined ? 'config' : 'usage', 'no rule says what to keep', {
      hint: "set 'retention.keep' in the configuration, such as {daily: 14, weekly: 8, monthly: 12}, or use --keep-daily 14",
    });
  return policy as Policy;
}

async function named({ place, believed }: Care, texts: readonly string[]): Promise<Set<string>> {
  const { resolveSnapshot } = await import('../repository/resolve.ts');
  const ids = new Set<string>();
  for (const text of texts) ids.add((await resolveSnapshot(place.target, text, { host: place.host, trust: [...believed] })).id);
  return ids;
}

/** Which snapshots may hold a mailbox that is held: all, unless an identity that was named lets this run look. */
async function heldMailboxes(
  context: CommandContext,
  care: Care,
  holds: readonly { sealed: string | undefined; id: string }[],
  identity: readonly string[],
): Promise<(id: string) => boolean> {
  const sealed = holds.filter((hold) => hold.sealed !== undefined);
  if (sealed.length === 0 || identity.length === 0) return () => true;
  const identities = await identitiesOf(context, care.place, care.repository, identity);
  const { snapshotsWith } = await import('../repository/retention/mailbox-holds.ts');
  const held = await snapshotsWith(care.repository, sealed, identities);
  return (id) => held.has(id);
}

function rows({ snapshots }: ForgetPlan): Record<string, unknown>[] {
  return snapshots.map(({ id, time, host, sequence, messages, keep }) => ({ id, time, host, sequence, messages, keep }));
}

function render({ snapshots }: ForgetPlan, count: number, dry: boolean, text: TextHelpers): string {
  const verdict = dry ? text.say`${text.number(count)} snapshots would be forgotten` : text.say`${text.number(count)} snapshots forgotten`;
  const stay = text.say`${text.number(snapshots.length - count)} stay`;
  const cells = snapshots.map(({ id, time, host, messages, keep }) => [
    text.bold(id.slice(0, 12)),
    text.time(time),
    host,
    text.number(messages),
    keep.length === 0
      ? text.yellow(text.say`forget`)
      : text.say`keep: ${keep.map((reason) => reasonText(reason, text)).join(text.words.common.and)}`,
  ]);
  const next = !dry && count > 0 ? text.say`\nthe space comes back with: mailrecover prune` : '';
  return `${verdict}${text.words.common.and}${stay}\n${text.table(cells, { head: [text.say`snapshot`, text.say`made`, text.say`host`, text.say`messages`, ''], right: [3] })}${next}`;
}

/** Why one is kept: the words of the policy, and others. */
function reasonText(reason: string, text: TextHelpers): string {
  const rules: Record<string, string> = {
    newest: text.say`newest`,
    last: text.say`last`,
    hourly: text.say`hourly`,
    daily: text.say`daily`,
    weekly: text.say`weekly`,
    monthly: text.say`monthly`,
    yearly: text.say`yearly`,
    within: text.say`within`,
  };
  const [, held] = /^held: (.*)$/s.exec(reason) ?? [];
  if (held !== undefined) return text.say`held: ${held}`;
  const [, oldest] = /^oldest (.*)$/.exec(reason) ?? [];
  return oldest === undefined ? (rules[reason] ?? tell(reason, text)) : text.say`oldest ${rules[oldest] ?? oldest}`;
}
