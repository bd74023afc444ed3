import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { Source } from '../standby/sync/model.ts';
import type { SyncReport } from '../standby/sync/sync.ts';
import { identitiesOf, placeOf, type Place } from './from-config.ts';
import { IDENTITY } from './shared.ts';
import { directionNow, sinkOn, sourceOn, type Direction } from './standby/hosts.ts';
import { pairOf } from './standby/pair.ts';
import { outcomeOf } from './outcome.ts';
import { defineCommand, type CommandContext, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'standby sync',
  summary: 'bring the mail of the standby up to what the active host has',
  description: [
    'Copies what changed in the mailboxes of the active host to the other host: new messages, flags, moves and deletions, keywords, subscriptions and Sieve scripts, with all UIDs, so that a client does not notice on which host it is. Run it on either host, or on both, every few minutes: what did not change costs a look at times. It can be killed at any moment, and goes on where it stopped.',
    'Mailboxes in sdbox and mdbox are copied by Dovecot itself (dsync), which this command drives on both hosts, over the same connection and under the same rules: each is compared before and after it, and is left as it is where the standby holds messages of its own. dsync is ended where another host takes over meanwhile. mbox is not synchronised.',
    'The active host is read while it is used, several mailboxes at once, and nothing is missed or taken twice. Each mailbox is laid ready beside its place first, and then taken over in one go, the lists of UIDs last. Only mail that came from the active host is ever deleted on the other one; where a mailbox there holds messages of its own, or most of one would go, that mailbox is left as it is, and told.',
    'With --from repository Maildirs come out of the newest snapshot of the active host instead, for the case that this is dead: an exact copy of what it had, with UIDs, into a store that serves nobody yet. A mailbox of which the standby has a later state already stays as it is, and messages whose bytes are damaged are left out and named. It needs an identity, as every restore does.',
    'The repository is asked who serves before each batch of changes, by the host that is written to: a job that is left over on a host that no longer serves is refused. How far each mailbox is behind is kept on the standby, for `standby status`.',
  ],
  arguments: {},
  options: {
    from: {
      kind: 'choice',
      value: 'WHERE',
      choices: ['active', 'repository'],
      default: 'active',
      description: "'repository': from the newest snapshot of the active host, when that is dead",
    },
    snapshot: { kind: 'text', value: 'SNAP', description: "with --from repository: another snapshot than 'latest'" },
    mailbox: { kind: 'list', value: 'MAILBOX', description: "only these mailboxes; '*' stands for any characters" },
    dryRun: { kind: 'flag', description: 'say what would be done, and change nothing' },
    adopt: {
      kind: 'flag',
      description:
        'set messages aside that lie on the standby and did not come from the active host, instead of leaving the mailbox as it is',
    },
    ...IDENTITY,
    allowLoss: { kind: 'flag', description: 'delete on the standby also where most of a mailbox is gone on the active host' },
  },
  examples: [
    { command: 'mailrecover standby sync --quiet', says: 'Bring all mailboxes up to date, from a timer.' },
    {
      command: 'mailrecover standby sync --from repository --identity /root/identity.txt',
      says: 'On the standby, when the active host is dead: take over what the newest backup has.',
    },
    { command: "mailrecover standby sync --mailbox '*@example.org' --dry-run", says: 'See what would be copied for one domain.' },
  ],
  exitCodes: {
    0: 'the standby has what the active host had when it was read',
    3: 'some mailboxes could not be synchronised, and are as they were',
    10: 'the repository, which says who serves, is not there',
    11: 'another synchronisation, or a switch, writes there',
    13: 'the other host, or the repository, could not be reached',
    20: 'the host that would be written to serves, or its mail services run all the same, or a switch is under way',
  },
  json: {
    from: 'the host that was read, by its name in the configuration',
    to: 'the host that was written to',
    epoch: 'the epoch that all that was written carried',
    dryRun: 'true where nothing was changed',
    'mailboxes[]': 'each with `store`, `mailbox`, `result` (`synced`, `unchanged`, `failed`) and its `counts`',
    'counts.mailboxes': 'mailboxes that were looked at',
    'counts.unchanged': 'of those, how many were alike already',
    'counts.failed': 'of those, how many were left as they were, with a finding that says why',
    'counts.added': 'messages that were copied',
    'counts.reflagged': 'messages whose flags changed, or that went from new to cur',
    'counts.removed': 'messages that were deleted',
    'counts.setAside': 'messages that were set aside (--adopt)',
    'counts.files': 'other files that were written or removed',
    'counts.bytes': 'bytes of messages that were copied; of sdbox and mdbox what dsync sent, and none in a dry run',
  },
  recordsHistory: true,
  async run(context, _args, options): Promise<CommandResult> {
    const config = await context.config();
    const place = await placeOf(context);
    const { target } = place;
    const isDead = options.from === 'repository';
    if (options.snapshot !== undefined && !isDead)
      throw new MailrecoverError('usage', '--snapshot goes with --from repository', { hint: 'leave it out, or add --from repository' });
    const way = await directionNow(config, target);
    const { sync } = await import('../standby/sync/sync.ts');
    const chosen: Finding[] = [];
    const report = await sync({
      source: isDead
        ? await snapshotOf(context, place, way, { ...options, findings: chosen })
        : await sourceOn(context, way.from, way, options.mailbox),
      sink: await sinkOn(context, target, way),
      all: options.mailbox.length === 0 && !isDead,
      atOnce: pairOf(config).sync.atOnce,
      progress: context.progress,
      signal: context.signal,
      dryRun: options.dryRun,
      adopt: options.adopt,
      allowLoss: options.allowLoss,
    });
    const findings = [...chosen, ...report.findings, ...unknownNames(options.mailbox, report)];
    return {
      outcome: outcomeOf(findings),
      cause: 'partial',
      counts: { ...report.counts },
      findings,
      fields: { from: way.from, to: way.to, epoch: way.epoch, dryRun: options.dryRun, mailboxes: report.mailboxes },
      render: (text) => render(way, report, options.dryRun, text),
    };
  },
});

/** The newest snapshot of the host that serves, or the one that is named. */
async function snapshotOf(
  context: CommandContext,
  place: Place,
  { from }: Direction,
  {
    snapshot: text = 'latest',
    identity,
    mailbox,
    findings,
  }: { snapshot: string | undefined; identity: string[]; mailbox: string[]; findings: Finding[] },
): Promise<Source> {
  const [{ openRepository }, { chooseSnapshot }, { snapshotSource }] = await Promise.all([
    import('../repository/repository.ts'),
    import('./choose-snapshot.ts'),
    import('../standby/sync/read-snapshot.ts'),
  ]);
  const repository = await openRepository(place.target);
  const chosen = await chooseSnapshot({ ...place, host: from }, text);
  const { host, id } = chosen.snapshot;
  if (host !== from)
    throw new MailrecoverError('refused', `snapshot '${id.slice(0, 16)}' is of '${host}', and '${from}' serves`, {
      hint: "a standby gets the mail of the host that serves: see its snapshots with 'mailrecover snapshots'",
      subject: id,
    });
  findings.push(...chosen.findings);
  const identities = await identitiesOf(context, place, repository, identity);
  return snapshotSource({ repository, snapshot: chosen.snapshot, identities, layoutOf: place.layoutOf }, mailbox);
}

/** Names that nothing fits would otherwise look like success. */
function unknownNames(names: readonly string[], { mailboxes }: SyncReport): Finding[] {
  if (names.length === 0 || mailboxes.length > 0) return [];
  return [
    {
      severity: 'error',
      code: 'not-found',
      message: `no mailbox of the active host fits ${names.map((name) => `'${name}'`).join(', ')}`,
      hint: 'name it as its users know it, as in alice@example.org',
    },
  ];
}

function render({ from, to }: { from: string; to: string }, { counts }: SyncReport, isDry: boolean, text: TextHelpers): string {
  const n = (value: number): string => text.number(value);
  const alike = counts.mailboxes - counts.failed;
  const verdict =
    counts.mailboxes === 0
      ? text.yellow(text.say`there was no mailbox to look at`)
      : counts.failed > 0
        ? text.red(text.say`${n(counts.failed)} of ${n(counts.mailboxes)} mailboxes were left as they were`)
        : isDry
          ? text.bold(text.say`nothing was changed: --dry-run`)
          : text.green(text.say`'${to}' has the mail of '${from}'`);
  return [
    verdict,
    text.pairs([
      [text.say`from`, from],
      [text.say`to`, to],
      [text.say`mailboxes`, text.say`${n(alike)}${isDry ? text.say` would be` : ''} alike, ${n(counts.unchanged)} of them were before`],
      [text.say`messages`, text.say`${n(counts.added)} copied, ${n(counts.removed)} deleted, ${n(counts.reflagged)} with other flags`],
      ...(counts.setAside === 0 ? [] : ([[text.say`set aside`, n(counts.setAside)]] as [string, string][])),
      [text.say`mail`, text.size(counts.bytes)],
    ]),
  ].join('\n');
}
