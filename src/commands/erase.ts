import { createHash } from 'node:crypto';
import { rmSync, readdirSync } from 'node:fs';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { Identity } from '../repository/age/keys.ts';
import type { HeldLock } from '../repository/care/lock.ts';
import type { CertificateFacts } from '../repository/erase/certificate.ts';
import type { EraseOptions, ErasePlan } from '../repository/erase/erase.ts';
import type { Survey } from '../repository/retention/survey.ts';
import { isoNow } from '../system/clock.ts';
import { careOf, CARE_EXIT_CODES, lockBackups, lockUntilEnd, reasonOf, type Care } from './care.ts';
import { identitiesOf } from './from-config.ts';
import { IDENTITY, REPOSITORY } from './shared.ts';
import { tell } from '../report/text/tell.ts';
import { defineCommand, type CommandContext, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'erase',
  summary: "remove one person's mail from every snapshot",
  description: [
    'Takes a mailbox out of all snapshots that this host made: packs and catalogs that hold it are written anew without it, each snapshot is replaced by one that names the new ones (signed, in its place in the chain), and the old objects are removed. Messages that other mailboxes hold as well stay there. What no snapshot speaks of any more goes, too. It needs an identity, and shows its plan first.',
    'Where other hosts write into the repository, the old objects go as with prune: marked now, and removed by a later prune when those hosts are known to keep away. Snapshots of other hosts, copies in other places, and objects under a lock are named; erase there, too. A mailbox that is still in the mail store would be backed up again.',
    'A signed certificate says what was erased. The local state of this host is emptied: the next backup reads all mail once, and uploads nothing twice.',
    'What is held is not erased.',
  ],
  arguments: {},
  options: {
    mailbox: { kind: 'list', value: 'MAILBOX', description: 'whose mail; named in full, without *' },
    reason: { kind: 'text', value: 'TEXT', description: 'why; it stands on the certificate' },
    certificate: {
      kind: 'text',
      value: 'FILE',
      description: 'where the certificate goes; the text lies beside it, as FILE.txt',
      complete: 'file',
    },
    yes: { kind: 'flag', description: 'do not ask' },
    dryRun: { kind: 'flag', description: 'show what would be erased, and change nothing' },
    ...IDENTITY,
    ...REPOSITORY,
  },
  examples: [
    {
      command: 'mailrecover erase --mailbox alice@example.org --identity key.txt --dry-run',
      says: 'See what there is, and what could not be removed.',
    },
    {
      command: "mailrecover erase --mailbox alice@example.org --identity key.txt --reason 'request of 20 November' --yes",
      says: 'Erase it.',
    },
  ],
  exitCodes: { 0: 'it is erased', 1: 'it failed', 3: 'erased, but something could not be removed: it is named', ...CARE_EXIT_CODES },
  json: {
    'plan.{snapshots,packs,catalogs}': 'how many are written anew or replaced',
    'plan.{messages,bytes}': 'the most that one snapshot holds of it',
    'plan.{erased,shared}': 'entries that go, and entries that stay since others have them',
    'replaced[].{old,by}': 'snapshots that were replaced, and by which',
    'left[]': 'what could not be removed, in words',
    'counts.erased': 'entries that are gone',
    'counts.removed': 'objects that were removed',
  },
  recordsHistory: true,
  async run(context, _args, options): Promise<CommandResult> {
    const mailboxes = new Set(options.mailbox);
    if (mailboxes.size === 0 || options.mailbox.some((name) => name.includes('*')))
      throw new MailrecoverError('usage', 'whose mail should be erased?', { hint: 'name the mailbox in full: --mailbox user@domain' });
    const care = await careOf(context, options);
    const identities = await identitiesOf(context, care.place, care.repository, options.identity);
    const lock = options.dryRun ? undefined : await lockUntilEnd(context, care, 'erase');
    if (lock !== undefined) await lockBackups(context, care, 'erase');
    const [{ surveyRepository, refuseFrozen }, { planErase, erase }] = await Promise.all([
      import('../repository/retention/survey.ts'),
      import('../repository/erase/erase.ts'),
    ]);
    const survey = await surveyRepository(care.survey);
    refuseFrozen(survey, 'erase');
    const erasing = await eraseOptions(context, care, survey, mailboxes, identities);
    const plan = await planErase(erasing);
    await refuseHeld(survey, plan, mailboxes, identities);
    const unfinished = survey.checked.superseded.size > 0;
    if (plan.contents.speaking.size === 0 && !unfinished)
      throw new MailrecoverError('not-found', `no snapshot holds mail of ${options.mailbox.join(', ')}`, {
        hint: "see which mailboxes there are: 'mailrecover ls latest'",
      });
    const findings = await warnings(care, plan, mailboxes);
    const left = leftOf(plan);
    const planned = {
      snapshots: plan.snapshots.length,
      packs: plan.packs.size,
      catalogs: plan.catalogs.size,
      messages: plan.messages,
      bytes: plan.bytes,
      ...plan.entries,
    };
    if (lock === undefined)
      return {
        outcome: findings.length > 0 ? 'warning' : 'ok',
        findings,
        fields: { dryRun: true, plan: planned, left },
        render: (text) => renderPlan(options.mailbox, plan, left, text),
      };
    const reason = reasonOf(options.reason);
    if (!options.yes) await confirmed(context, options.mailbox, plan, left);

    emptyState(care);
    const facts: CertificateFacts = {
      mailboxes: options.mailbox,
      reason,
      repository: { id: care.repository.id, location: care.place.target.location },
      begun: isoNow(),
      replaced: [],
      messages: plan.messages,
      bytes: plan.bytes,
      erased: [],
      shared: plan.entries.shared,
      removed: { objects: 0, bytes: 0 },
      left,
      copies: (care.place.config?.copies ?? []).map(({ name, at }) => `${name}: ${at}`),
    };
    const path = options.certificate ?? `${care.place.state}/certificates/erase-${facts.begun.replaceAll(/[:.]/g, '')}.json`;
    const report = await erase(erasing, plan, lock, async ({ replaced, erased }) => {
      await writeCertificate(care, path, { ...facts, replaced, erased });
    });
    findings.push(...report.findings);
    const removed = await removeOld(context, care, lock, left, findings);
    await refuseLeftOver(erasing, care);
    const done = { ...facts, finished: isoNow(), replaced: report.replaced, erased: report.erased, removed, left };
    const sha = await writeCertificate(care, path, done);
    const { writeRecord } = await import('../repository/care/record.ts');
    await writeRecord(
      care.place.target,
      care.author,
      'erase',
      { certificate: sha },
      report.replaced.map(({ old, by }) => ({ replaced: old, by })),
    );
    return {
      outcome: left.length > 0 ? 'partial' : findings.length > 0 ? 'warning' : 'ok',
      counts: { erased: report.erased.length, removed: removed.objects },
      findings,
      fields: { plan: planned, replaced: report.replaced, left },
      artifacts: [
        { kind: 'certificate', path },
        { kind: 'certificate-text', path: `${path}.txt` },
      ],
      render: (text) =>
        text.pairs([
          [text.say`erased`, text.say`${options.mailbox.join(', ')}: ${text.number(report.erased.length)} messages and parts of files`],
          [text.say`snapshots`, text.say`${text.number(report.replaced.length)} replaced`],
          [text.say`removed`, text.say`${text.number(removed.objects)} objects, ${text.size(removed.bytes)}`],
          [text.say`left`, left.length === 0 ? text.say`nothing` : text.yellow(left.map((each) => tell(each, text)).join('; '))],
          [text.say`certificate`, path],
        ]),
    };
  },
});

async function eraseOptions(
  context: CommandContext,
  care: Care,
  survey: Survey,
  mailboxes: ReadonlySet<string>,
  identities: readonly Identity[] | undefined,
): Promise<EraseOptions> {
  const { place, repository, author } = care;
  const [{ readKnown }, { readSecrets }, { parseRecipient }] = await Promise.all([
    import('../backup/known.ts'),
    import('../repository/secret.ts'),
    import('../repository/age/keys.ts'),
  ]);
  const known = await readKnown(place.keysRoot, place.state, { id: repository.id, location: place.target.location });
  const secret = known.secret ?? (await readSecrets(place.target, identities)).values().next().value;
  if (secret === undefined)
    throw new MailrecoverError('key', 'the dedup secret of this repository is not at hand', { hint: "run 'mailrecover backup' first" });
  const recipients = repository.encrypted ? (place.config?.recipients ?? []).map((text) => parseRecipient(text)) : undefined;
  if (recipients?.length === 0)
    throw new MailrecoverError('config', 'no recipient is configured, and what is written anew must be encrypted to somebody', {
      hint: "set 'recipients' in the configuration",
    });
  return { repository, survey, mailboxes, identities, recipients, secret, author, progress: context.progress, signal: context.signal };
}

/** @throws MailrecoverError `refused` where something that would be replaced is held */
async function refuseHeld(
  { decisions }: Survey,
  plan: ErasePlan,
  mailboxes: ReadonlySet<string>,
  identities: readonly Identity[] | undefined,
): Promise<void> {
  const { unsealMailbox } = await import('../repository/retention/decisions.ts');
  const going = new Set(plan.snapshots.map(({ id }) => id));
  for (const { id, snapshot, sealed, reason } of decisions.holds) {
    const isHeld =
      snapshot !== undefined ? going.has(snapshot) : sealed !== undefined && mailboxes.has(unsealMailbox(sealed, identities, id));
    if (isHeld)
      throw new MailrecoverError('refused', `hold ${id.slice(0, 12)} forbids it: ${reason}`, {
        hint: "see what is held, and by whom: 'mailrecover hold list --identity FILE'",
        subject: id,
      });
  }
}

async function warnings({ place, repository }: Care, plan: ErasePlan, mailboxes: ReadonlySet<string>): Promise<Finding[]> {
  const findings: Finding[] = [];
  const { readKnown } = await import('../backup/known.ts');
  const { state } = await readKnown(place.keysRoot, place.state, { id: repository.id, location: place.target.location });
  const live = (state?.mailboxes ?? []).filter(({ mailbox }) => mailboxes.has(Buffer.from(mailbox, 'latin1').toString('utf8')));
  if (live.length > 0)
    findings.push({
      severity: 'warning',
      code: 'mailbox-live',
      message: 'the mailbox was in the mail store when the last backup ran; as long as it is there, the next backup stores it again',
      hint: 'remove it from the mail store first',
    });
  if (plan.snapshots.length > 0 && plan.contents.speaking.size === 0)
    findings.push({
      severity: 'info',
      code: 'compacted',
      message: 'no catalog speaks of it; packs with bytes that nothing needs are written anew',
    });
  return findings;
}

/** What is known to stay, in words. */
function leftOf({ foreign }: ErasePlan): string[] {
  const hosts = new Map<string, number>();
  for (const { host } of foreign) hosts.set(host, (hosts.get(host) ?? 0) + 1);
  return [...hosts].map(([host, count]) => `${count} snapshots of host '${host}', which that host must replace: run erase there`);
}

async function confirmed(context: CommandContext, names: readonly string[], plan: ErasePlan, left: readonly string[]): Promise<void> {
  const hint = 'look at the plan with --dry-run, then add --yes';
  if (!context.interactive) throw new MailrecoverError('refused', 'nobody is there to confirm this', { hint });
  const what = `${plan.messages} messages at most in each of ${plan.snapshots.length} snapshots`;
  const also = left.length === 0 ? '' : ` (${left.join('; ')})`;
  const answer = await context.ask(`This can not be undone: ${what}${also}. Type the name of the mailbox to go on: `);
  if (answer.trim() !== names.join(' ')) throw new MailrecoverError('refused', 'not confirmed', { hint });
}

/** Takes away what this host remembers: names, flags, indexes of who wrote what. The lock lies there, too, and stays. */
function emptyState({ place, repository }: Care): void {
  const directory = `${place.state}/${repository.id}`;
  for (const name of readdirSync(directory)) if (name !== 'lock') rmSync(`${directory}/${name}`, { recursive: true, force: true });
}

/** Removes what was replaced, as prune does, and without a wait where nobody else can be at work. */
async function removeOld(
  context: CommandContext,
  care: Care,
  lock: HeldLock,
  left: string[],
  findings: Finding[],
): Promise<{ objects: number; bytes: number }> {
  const { planPrune, prune } = await import('../repository/prune/prune.ts');
  const options = { ...care.survey, last: undefined, author: care.author, wait: 0, alone: true, progress: context.progress };
  const report = await prune(options, await planPrune(options), lock);
  findings.push(...report.findings);
  if (report.left.objects > 0)
    left.push(`${report.left.objects} objects of ${report.left.bytes} bytes, which the place does not let anybody remove yet`);
  const waiting = (await planPrune(options)).marks.filter((mark) => mark.left.objects > 0 && !mark.due);
  const hosts = new Set(waiting.flatMap(({ waitsFor }) => waitsFor.map(({ host }) => host)));
  if (hosts.size > 0)
    left.push(
      `${waiting.reduce((sum, mark) => sum + mark.left.objects, 0)} objects, until host ${[...hosts].join(', ')} has made a backup and prune ran again`,
    );
  return report.removed;
}

/** Proves that no catalog of this host speaks of it any more. */
async function refuseLeftOver(options: EraseOptions, care: Care): Promise<void> {
  const [{ surveyRepository }, { planErase }] = await Promise.all([
    import('../repository/retention/survey.ts'),
    import('../repository/erase/erase.ts'),
  ]);
  const survey = await surveyRepository({ ...care.survey, last: undefined });
  const { snapshots } = await planErase({ ...options, survey });
  if (snapshots.length > 0)
    throw new MailrecoverError('failed', `${snapshots.length} snapshots still hold something of it`, { hint: 'run the command again' });
}

async function writeCertificate({ author }: Care, path: string, facts: CertificateFacts): Promise<string> {
  const [{ certificateJson, certificateText }, { makeDirectory, writeDurable }, { dirname }] = await Promise.all([
    import('../repository/erase/certificate.ts'),
    import('../system/files.ts'),
    import('node:path'),
  ]);
  const json = certificateJson(facts, author);
  const sha = createHash('sha256').update(json).digest('hex');
  await makeDirectory(dirname(path));
  await writeDurable(path, json);
  await writeDurable(`${path}.txt`, certificateText(facts, author, sha));
  return sha;
}

function renderPlan(names: readonly string[], plan: ErasePlan, left: readonly string[], text: TextHelpers): string {
  return text.pairs([
    [
      text.say`would erase`,
      text.say`${names.join(', ')}: ${text.number(plan.messages)} messages at most in a snapshot, ${text.size(plan.bytes)}`,
    ],
    [
      text.say`entries`,
      text.say`${text.number(plan.entries.erased)} go, ${text.number(plan.entries.shared)} stay since others have the same`,
    ],
    [text.say`written anew`, text.say`packs: ${text.number(plan.packs.size)}, catalogs: ${text.number(plan.catalogs.size)}`],
    [text.say`replaced`, text.say`${text.number(plan.snapshots.length)} snapshots`],
    [text.say`would stay`, left.length === 0 ? text.say`nothing that is known` : left.map((each) => tell(each, text)).join('; ')],
  ]);
}
