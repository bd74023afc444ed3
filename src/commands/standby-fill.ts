import { join } from 'node:path';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { FillMailbox, FillReport } from '../standby/cloud/fill.ts';
import type { Forecast } from '../standby/cloud/limits.ts';
import type { CloudService } from '../standby/cloud/service.ts';
import { mailboxFilter } from '../store/mailbox-filter.ts';
import { toBytes } from '../store/bytes.ts';
import { audit } from './audit.ts';
import { confirm } from './confirm.ts';
import { cloudNamed, cloudService, type CloudConfig } from './standby/cloud.ts';
import { fillSource } from './standby/cloud-switch.ts';
import { pairOf } from './standby/pair.ts';
import { outcomeOf } from './outcome.ts';
import { defineCommand, type CommandContext, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'standby fill',
  summary: 'put the mail of the repository into the mailboxes of a service',
  description: [
    'Fills the mailboxes of a service (`standby.clouds`) from the newest snapshot: the mail of the last 30 days of all mailboxes first, then that of a year, then all; in each round those that are named under `first` before the others. Folders are made where they are not there; flags and the time of receipt come along. Over IMAP, or for Google by the import of the Gmail API.',
    'It says beforehand how long that takes by what is known of the provider. It can be ended anywhere and run again, by a timer, too: what was put there once is not put there again, also where its owner moved or deleted it since; what a provider does not let in on this day goes on a later one. Run before a switch it makes a service a warm standby.',
  ],
  arguments: {
    service: { value: 'NAME', description: 'the service, by its name in the configuration; not needed where there is one alone' },
  },
  options: {
    mailbox: { kind: 'list', value: 'MAILBOX', description: "only these mailboxes; '*' stands for any characters" },
    snapshot: { kind: 'text', value: 'SNAPSHOT', description: 'another snapshot than the newest' },
    identity: { kind: 'list', value: 'FILE', description: 'a private key that opens the repository', env: 'MAILRECOVER_IDENTITY' },
    dryRun: { kind: 'flag', description: 'tell what would be put there and how long it takes, and change nothing' },
    yes: { kind: 'flag', description: 'begin without asking' },
  },
  examples: [
    { command: 'mailrecover standby fill m365 --dry-run', says: 'See how much there is to be filled, and how long it takes.' },
    { command: 'mailrecover standby fill m365 --yes', says: 'Fill all mailboxes, or go on with it; from a timer, with --quiet.' },
    { command: "mailrecover standby fill m365 --mailbox 'ceo@example.org'", says: 'Fill one mailbox before all others.' },
  ],
  exitCodes: {
    0: 'all is there, or as much as the provider lets in on this day: then `again` says when more goes on',
    3: 'some mailboxes, or some messages, could not be filled, and are named',
    10: 'there is no repository at the place named',
    11: 'another run fills the same service',
    12: 'a key, a password or a token was refused',
    13: 'the repository or the directory of the service could not be reached',
    20: 'it was not confirmed',
  },
  json: {
    service: 'its name',
    snapshot: 'the snapshot that is filled from',
    dryRun: 'true where nothing was changed',
    'forecast.{mailboxes,messages,bytes,seconds}': 'what there is in all, and how long it takes at least where nothing is there yet',
    'mailboxes[].{mailbox,added,bytes,left}': 'what each got by this run, and how many messages are still to come',
    again: 'when more can be put there, UTC; null where nothing waits for a day to end',
    'counts.mailboxes': 'mailboxes that are filled',
    'counts.added': 'messages that were put there by this run',
    'counts.bytes': 'their bytes',
    'counts.left': 'messages that are still to be put there',
    'counts.tooLarge': 'messages that the provider does not take',
    'counts.failed': 'mailboxes that could not be filled',
  },
  recordsHistory: true,
  async run(context, args, options): Promise<CommandResult> {
    const config = await context.config();
    const part = chosenService(pairOf(config).clouds, args.service, (name) => cloudNamed(config, name));
    const service = await cloudService(context, part);
    const { place, source } = await fillSource(context, part, options);
    const [{ listMailboxes }, { forecast: predict, shownForecast }, { fill }] = await Promise.all([
      import('../restore/look/ls.ts'),
      import('../standby/cloud/limits.ts'),
      import('../standby/cloud/fill.ts'),
    ]);
    const fits = mailboxFilter(options.mailbox);
    const listed = (await listMailboxes(source)).filter(({ mailbox }) => fits(toBytes(mailbox)));
    if (listed.length === 0)
      throw new MailrecoverError('not-found', 'the snapshot has no such mailbox', {
        hint: `see what it has: mailrecover ls ${source.snapshot.id.slice(0, 12)}`,
      });
    const { mailboxes, findings } = await loginsOf(context, service, [...new Set(listed.map(({ mailbox }) => mailbox))]);
    const known = new Set(mailboxes.map(({ mailbox }) => mailbox));
    const forecast = predict(
      listed.filter(({ mailbox }) => known.has(mailbox)),
      service.limits,
    );
    const { progress, signal } = context;
    if (!options.dryRun) {
      await confirm(
        context,
        options.yes,
        (text) => text.say`${shownForecast(forecast)}, where nothing is there yet`,
        `fill ${service.name}?`,
      );
      await lock(context, place.state, service.name);
      findings.push(...(await audit(place, 'restore', { snapshot: source.snapshot.id, imap: service.name })));
    }
    const newest = Date.parse(source.snapshot.time);
    const report = await fill({ service, state: place.state, source, mailboxes, newest, dryRun: options.dryRun, progress, signal });
    return result({
      service,
      report,
      forecast,
      snapshot: source.snapshot.id,
      dryRun: options.dryRun,
      shown: shownForecast(forecast),
      findings: [...findings, ...report.findings],
    });
  },
});

function chosenService(
  clouds: readonly CloudConfig[],
  name: string | undefined,
  named: (name: string) => CloudConfig | undefined,
): CloudConfig {
  const part = name === undefined ? (clouds.length === 1 ? clouds[0] : undefined) : named(name);
  if (part !== undefined) return part;
  const names = clouds.map((each) => each.name);
  throw new MailrecoverError(
    name === undefined ? 'usage' : 'not-found',
    name === undefined ? 'say which service is to be filled' : `there is no service '${name}'`,
    {
      hint:
        names.length === 0
          ? "add it under 'standby.clouds' in the configuration; docs/standby-cloud.md says how"
          : `there are: ${names.join(', ')}`,
    },
  );
}

/** Who logs in to each mailbox, and which the service does not have. */
async function loginsOf(
  context: CommandContext,
  service: CloudService,
  names: readonly string[],
): Promise<{ mailboxes: FillMailbox[]; findings: Finding[] }> {
  const { addressesOf, checkRecipients, shownMissing } = await import('../standby/cloud/recipients.ts');
  const { domains } = pairOf(await context.config());
  const byAddress = new Map(names.map((name) => [addressesOf([name], domains)[0] ?? name, name]));
  // Where there is no directory the mailboxes themselves tell, as they are logged in to.
  if (service.users === undefined) return { mailboxes: [...byAddress].map(([login, mailbox]) => ({ mailbox, login })), findings: [] };
  const { there, missing } = await checkRecipients(service, [...byAddress.keys()], '', context.signal);
  return {
    mailboxes: [...there].map(([address, login]) => ({ mailbox: byAddress.get(address) ?? address, login })),
    findings:
      missing.length === 0
        ? []
        : [
            {
              severity: 'warning',
              code: 'no-mailbox',
              message: `${missing.length} mailboxes of the snapshot are not at '${service.name}': ${shownMissing(missing)}`,
              hint: 'give them a mailbox there, and run this again',
              subject: service.name,
            },
          ],
  };
}

async function lock(context: CommandContext, state: string, service: string): Promise<void> {
  const [{ makeDirectory }, { takeLock }] = await Promise.all([import('../system/files.ts'), import('../system/lock.ts')]);
  const folder = join(state, 'standby', 'fill');
  await makeDirectory(folder);
  context.onEnd(takeLock(join(folder, `${service}.lock`), `mailrecover standby fill ${service}`));
}

interface Done {
  service: CloudService;
  report: FillReport;
  forecast: Forecast;
  snapshot: string;
  dryRun: boolean;
  shown: string;
  findings: Finding[];
}

function result({ service, report, forecast, snapshot, dryRun, shown, findings }: Done): CommandResult {
  const { counts, mailboxes, again } = report;
  const { mailboxes: count, messages, bytes, seconds } = forecast;
  return {
    outcome: outcomeOf(findings),
    cause: 'partial',
    counts: { ...counts },
    findings,
    fields: {
      service: service.name,
      snapshot,
      dryRun,
      forecast: { mailboxes: count, messages, bytes, seconds },
      mailboxes,
      again: again ?? null,
    },
    render: (text) => screen(service.name, report, dryRun, shown, text),
  };
}

function screen(name: string, { counts, again }: FillReport, dryRun: boolean, shown: string, text: TextHelpers): string {
  const left = text.say`${text.number(counts.left)} messages are still to come`;
  const verdict = dryRun
    ? text.bold(text.say`nothing was changed: --dry-run`)
    : counts.failed > 0
      ? text.red(
          text.bold(
            text.say`${text.number(counts.failed)} of ${text.number(counts.mailboxes)} mailboxes of ${name} could not be filled; run it again when that is mended`,
          ),
        )
      : counts.left > 0
        ? text.yellow(text.bold(text.say`${name} takes no more today: ${left}`))
        : text.green(text.bold(text.say`${name} has all mail of the snapshot that it takes`));
  return [
    verdict,
    text.pairs([
      [text.say`in all`, shown],
      [text.say`put there`, text.say`${text.number(counts.added)} messages, ${text.size(counts.bytes)}`],
      ...(counts.left > 0 ? ([[text.say`to come`, left]] as [string, string][]) : []),
      ...(again === undefined
        ? []
        : ([[text.say`go on`, text.say`from ${text.time(again)} on: mailrecover standby fill ${name} --yes`]] as [string, string][])),
    ]),
  ].join('\n');
}
