import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { NAGIOS, nagiosLine, type NagiosState } from '../report/metrics/nagios.ts';
import type { EpochState } from '../standby/epoch.ts';
import type { Complete } from '../standby/ledger/store.ts';
import type { SwitchState } from '../standby/journal.ts';
import type { Remote } from '../standby/remote.ts';
import type { Precheck } from '../standby/promote/precheck.ts';
import { now } from '../system/clock.ts';
import { servingService, serviceStatus } from './standby/cloud-status.ts';
import { guardsOf, heldBack, shownGuards, type Guarded } from './standby/guards.ts';
import { hostNamed, otherHost, pairOf } from './standby/pair.ts';
import { switchOptions } from './standby/switch.ts';
import { placeOf } from './from-config.ts';
import { defineCommand, type CommandContext, type CommandResult, type TextHelpers } from './types.ts';

interface Asked {
  active: string;
  other: string;
  epoch: EpochState;
  precheck: Precheck;
  /** The newest switch that this host knows of. */
  last: SwitchState | undefined;
  /** What the other host knows of what this one accepted. */
  ledger: Complete | undefined;
  /** Seconds of mail that a forced switch would lose at most; Infinity where nobody knows. */
  loss: number;
  guards: Guarded[];
  findings: Finding[];
}

export default defineCommand({
  name: 'standby status',
  summary: 'tell who serves, how far the other host is behind, and what stands in the way of a switch',
  description: [
    'One screen: which host serves, and since which epoch; how far the other one is behind; what a switch would lose now, planned and forced; and what would stand in its way. Both hosts and the DNS servers are asked, and nothing is changed.',
    'With --nagios it is the one line of a Nagios or Icinga plugin, with its exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.',
  ],
  arguments: {},
  options: { nagios: { kind: 'flag', description: 'answer as a plugin of Nagios or Icinga' } },
  examples: [
    { command: 'mailrecover standby status', says: 'Look whether a switch would work now.' },
    { command: 'mailrecover standby status --nagios', says: 'Ask from Nagios or Icinga, every few minutes.' },
  ],
  exitCodes: {
    0: 'a planned switch could be made now, perhaps with warnings; with --nagios: OK',
    1: 'with --nagios: WARNING',
    2: 'the configuration is wrong; with --nagios: CRITICAL',
    3: 'with --nagios: UNKNOWN',
    10: 'the repository, which says who serves, is not there',
    11: 'a switch is under way',
    13: 'a host, a DNS server or the repository does not answer',
    20: 'something stands in the way of a switch, and is named',
  },
  json: {
    active: 'the host that serves',
    standby: 'the other one',
    epoch: 'the newest epoch; 0 where there never was a switch',
    'underWay.{host,run,stage,since,by}': 'a switch that is not finished',
    'lag.{mailboxes,never,troubled,behind,oldest}':
      'how far the other host is behind: mailboxes, those without a copy, those whose last copy failed, messages known to be missing, and the oldest time of which a mailbox has its state',
    'ledger.until':
      'until when the other host knows what the active one accepted, so that lost mail can be named (UTC); null without a ledger',
    'ledger.asked.{at,passed,lastPassed,except}':
      'where Postfix asks before it accepts: when that was so last, messages that were let through before the other host had them since its program began, the last of these, and services of master.cf that do not ask; null where it does not ask',
    'loss.{planned,forced}': 'seconds of mail that a switch would lose now at most; null where nobody knows',
    'guards[].{host,by,stoppedAt,held}':
      'what keeps each host from serving when it comes back after a switch: `guard`, `lease`, `nothing`, or null where nobody knows; since when its guard has its mail stopped (UTC), and why it holds mail back',
    ready: 'whether a planned switch could be made now',
    'lastSwitch.{run,mode,epoch,from,to,startedAt,ended}': 'the newest switch that was made from this host',
    'plugin.{state,exit,line}': 'with --nagios: what the plugin says',
  },
  async run(context, _args, options): Promise<CommandResult> {
    if (options.nagios) return plugin(context);
    const service = await servingService(context);
    if (service !== undefined) return serviceStatus(context, service);
    const asked = await ask(context);
    const { findings } = asked;
    const failed = findings.some(({ severity }) => severity === 'error');
    return {
      outcome: failed ? 'failed' : findings.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok',
      ...(failed ? { cause: causeOf(findings) } : {}),
      findings,
      fields: fieldsOf(asked),
      render: (text) => screen(asked, text),
    };
  },
});

function causeOf(findings: readonly Finding[]): 'locked' | 'unreachable' | 'refused' {
  const codes = findings.filter(({ severity }) => severity === 'error').map(({ code }) => code);
  if (codes.includes('locked')) return 'locked';
  return codes.includes('unreachable') ? 'unreachable' : 'refused';
}

async function ask(context: CommandContext): Promise<Asked> {
  const config = await context.config();
  const { target } = await placeOf(context);
  const [{ readEpoch }, { precheck }, { readSwitches }, { ledgerOn, lossBound }] = await Promise.all([
    import('../standby/epoch.ts'),
    import('../standby/promote/precheck.ts'),
    import('../standby/journal.ts'),
    import('../standby/lag.ts'),
  ]);
  const epoch = await readEpoch(target);
  const active = hostNamed(config, epoch.active ?? pairOf(config).primary.name).name;
  const other = otherHost(config, active).name;
  const options = await switchOptions(
    context,
    { mode: 'planned', allowLoss: undefined, attested: undefined, dialTone: false, to: other },
    () => undefined,
  );
  const checked = await precheck(options, epoch, true);
  const loss = lossBound(checked.lag, now());
  // It lies on the host that can't be asked then.
  const state = hostNamed(config, other).state ?? config.state;
  const ledger = checked.silent === undefined ? await ledgerOn(options.to, state, active) : undefined;
  const silent = [...(checked.reachable ? [] : [options.from]), ...(checked.silent === undefined ? [] : [options.to])];
  const guards = await guardsOf(config, [options.from, options.to], silent);
  return {
    active,
    other,
    epoch,
    precheck: checked,
    last: readSwitches(config.state)[0],
    ledger,
    loss,
    guards,
    findings: [
      ...checked.findings,
      ...heldBack(guards, active),
      ...lagFindings(checked, loss, other, pairOf(config).allowedLoss),
      ...(pairOf(config).ledger.wait === undefined || ledger === undefined ? [] : askedFindings(active, other, ledger)),
      ...(checked.reachable && options.queue ? await softBounces(options.from) : []),
    ],
  };
}

/** After a switch: mail for unknown users is not refused for good yet. */
async function softBounces(active: Remote): Promise<Finding[]> {
  const { bouncesSoftly } = await import('../standby/promote/soft-bounce.ts');
  if (!(await bouncesSoftly(active))) return [];
  return [
    {
      severity: 'warning',
      code: 'soft-bounce',
      message: `soft_bounce is on on '${active.name}': mail for unknown users waits at its senders, who give up after some days`,
      hint: "compare the accounts, and end it: 'mailrecover standby settle'",
      subject: active.name,
    },
  ];
}

const NAMED = 5;
/** What happened longer ago is no news. */
const LATELY_MS = 24 * 3600 * 1000;

/** The other host hears it each second; clocks differ. */
const HEARD_MS = 5 * 60_000;

function isHeard({ at }: NonNullable<Complete['asked']>): boolean {
  return now() - Date.parse(at) < HEARD_MS;
}

/** Postfix is to ask before it accepts: does it, and did it get answers? */
function askedFindings(active: string, other: string, { asked }: Complete): Finding[] {
  const say = (code: string, message: string, hint: string): Finding[] => [{ severity: 'warning', code, message, hint, subject: active }];
  const hint = `see the line for main.cf in docs/standby.md, and on '${active}': systemctl status mailrecover-ledger`;
  if (asked === null) return say('ledger-not-asked', `Postfix on '${active}' does not ask before it accepts mail`, hint);
  if (!isHeard(asked))
    return say(
      'ledger-not-asked',
      `'${other}' has not heard since ${asked.at} that Postfix on '${active}' asks before it accepts mail`,
      `see what keeps it from that, on '${active}': systemctl status mailrecover-ledger`,
    );
  const { except, passed, lastPassed } = asked;
  return [
    ...(except.length === 0
      ? []
      : say('ledger-not-asked', `these services of Postfix on '${active}' do not ask before they accept mail: ${except.join(', ')}`, hint)),
    ...(lastPassed === undefined || now() - Date.parse(lastPassed) > LATELY_MS
      ? []
      : say(
          'ledger-passed',
          `${passed} messages were accepted before '${other}' had them in its list, the last at ${lastPassed}`,
          `see why '${other}' was slow or out of reach; mail did not wait for it`,
        )),
  ];
}

/** What of the lag somebody should hear about. */
function lagFindings({ lag, silent }: Precheck, loss: number, other: string, allowed: number | undefined): Finding[] {
  const findings: Finding[] = [];
  const say = (severity: Finding['severity'], code: string, message: string, hint: string): void =>
    void findings.push({ severity, code, message, hint, subject: other });
  if (silent !== undefined) return findings;
  if (lag === undefined) say('error', 'never-synced', `'${other}' has no mail: nothing was ever copied to it`, 'mailrecover standby sync');
  else {
    if (lag.never.length > 0)
      say(
        'warning',
        'not-copied',
        `${lag.never.length} of ${lag.mailboxes} mailboxes are not on '${other}' yet: ${lag.never.slice(0, NAMED).join(', ')}`,
        'mailrecover standby sync',
      );
    if (lag.troubled.length > 0)
      say(
        'warning',
        'sync-failed',
        `the last copy of ${lag.troubled.length} mailboxes failed: ${lag.troubled.slice(0, NAMED).join(', ')}`,
        'mailrecover standby sync',
      );
    if (allowed !== undefined && Number.isFinite(loss) && loss > allowed)
      say(
        'warning',
        'behind',
        `'${other}' is ${loss} s behind, where ${allowed} s are allowed`,
        "see that the timer of 'standby sync' runs: mailrecover schedule show",
      );
  }
  return findings;
}

function fieldsOf({ active, other, epoch, precheck, last, ledger, loss, guards }: Asked): Record<string, unknown> {
  const { open } = epoch;
  return {
    active,
    standby: other,
    epoch: epoch.epoch,
    underWay: open === undefined ? null : { host: open.host, run: open.run, stage: open.stage, since: open.since, by: open.by },
    lag: precheck.lag ?? null,
    // A forced switch of a host that can be asked loses nothing either: what counts is that it died at this moment.
    ledger: { until: ledger?.until ?? null, asked: ledger?.asked ?? null },
    loss: { planned: precheck.reachable ? 0 : null, forced: Number.isFinite(loss) ? loss : null },
    guards: guards.map(({ host, by, stoppedAt, held }) => ({ host, by: by ?? null, stoppedAt: stoppedAt ?? null, held: held ?? null })),
    ready: !precheck.findings.some(({ severity }) => severity === 'error'),
    lastSwitch:
      last === undefined
        ? null
        : {
            run: last.head.run,
            mode: last.head.mode,
            epoch: last.head.epoch,
            from: last.head.from,
            to: last.head.to,
            startedAt: last.startedAt,
            ended: last.ended ?? null,
          },
  };
}

function verdict({ active, other, epoch, precheck, loss }: Asked, text: TextHelpers): string {
  if (epoch.open !== undefined)
    return (
      text.red(text.bold(text.say`a switch to ${epoch.open.host} is not finished`)) +
      text.say`: begun ${text.time(epoch.open.since)} by ${epoch.open.by}; go on there with 'mailrecover standby promote'`
    );
  const blockers = precheck.findings.filter(({ severity }) => severity === 'error').length;
  if (blockers > 0)
    return (
      text.red(text.bold(text.say`mail can not be switched to ${other} now`)) +
      text.say`: ${blockers} ${blockers === 1 ? text.say`thing stands` : text.say`things stand`} in the way, below`
    );
  if (!Number.isFinite(loss))
    return (
      text.yellow(text.bold(text.say`mail can be switched to ${other} as planned, and must not be forced`)) +
      text.say`: if ${active} died now, nobody knows how much would be lost`
    );
  return (
    text.green(text.bold(text.say`mail can be switched to ${other} now`)) +
    text.say`: planned it loses nothing; if ${active} died now, at most the mail of ${text.span(loss)} would be lost`
  );
}

function screen(asked: Asked, text: TextHelpers): string {
  const { active, other, epoch, precheck, last, ledger, guards } = asked;
  const { lag } = precheck;
  const rows: [string, string][] = [
    [
      text.say`serves`,
      `${text.bold(active)}${epoch.activeEpoch === 0 ? '' : text.say`, since epoch ${epoch.activeEpoch}`}${precheck.reachable ? '' : text.red(text.say`, does not answer`)}`,
    ],
    [text.say`standby`, precheck.silent === undefined ? other : text.say`${other}, does not answer`],
    [
      text.say`copied`,
      lag === undefined
        ? precheck.silent === undefined
          ? text.red(text.say`never`)
          : text.say`nobody knows`
        : text.say`${text.number(lag.mailboxes - lag.never.length)} of ${text.number(lag.mailboxes)} mailboxes${lag.oldest === undefined ? '' : text.say`, the oldest ${text.ago(lag.oldest)}`}${lag.behind === 0 ? '' : text.say`; ${text.number(lag.behind)} messages known to be missing`}`,
    ],
  ];
  rows.push([
    text.say`accepted mail`,
    precheck.silent !== undefined
      ? text.say`nobody knows`
      : ledger === undefined
        ? text.say`not listed: what is lost could not be named`
        : ledger.asked === null || !isHeard(ledger.asked)
          ? text.say`known up to ${text.ago(ledger.until)}`
          : text.say`known up to ${text.ago(ledger.until)}; by SMTP before it is accepted`,
  ]);
  rows.push([text.say`guarded by`, shownGuards(guards, text)]);
  if (last !== undefined)
    rows.push([
      text.say`last switch`,
      `${last.head.from} → ${last.head.to}, ${last.head.mode}, ${text.time(last.startedAt)}: ${last.ended ?? text.red(text.say`not finished`)}`,
    ]);
  return `${verdict(asked, text)}\n\n${text.pairs(rows)}`;
}

/** What a plugin says and ends with; it never fails otherwise. */
async function plugin(context: CommandContext): Promise<CommandResult> {
  let state: NagiosState;
  let line: string;
  try {
    const service = await servingService(context);
    if (service !== undefined) {
      const said = `${service.name} serves, a service in place of the hosts`;
      return {
        outcome: 'failed',
        exit: NAGIOS.warning,
        fields: { plugin: { state: 'warning', exit: NAGIOS.warning, line: said } },
        output: nagiosLine('warning', said, []),
      };
    }
    const asked = await ask(context);
    const worst = (severity: string): Finding | undefined => asked.findings.find((finding) => finding.severity === severity);
    state = worst('error') !== undefined ? 'critical' : worst('warning') !== undefined ? 'warning' : 'ok';
    line = nagiosLine(state, (worst('error') ?? worst('warning'))?.message ?? `${asked.active} serves, ${asked.other} can take its place`, [
      { label: 'behind', value: Number.isFinite(asked.loss) ? asked.loss : undefined, unit: 's' },
      { label: 'missing', value: asked.precheck.lag?.behind, unit: '' },
      { label: 'epoch', value: asked.epoch.epoch, unit: '' },
    ]);
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
    state = ['unreachable', 'no-repository', 'damage'].includes(error.code) ? 'critical' : 'unknown';
    line = nagiosLine(state, error.message, []);
  }
  const exit = NAGIOS[state];
  return { outcome: exit === 0 ? 'ok' : 'failed', exit, fields: { plugin: { state, exit, line: line.trimEnd() } }, output: line };
}
