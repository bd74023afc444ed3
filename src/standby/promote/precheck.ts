/** What must hold before anything is changed, asked of the hosts without changing anything. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { now } from '../../system/clock.ts';
import { cloudReady } from '../cloud/precheck.ts';
import { answerOf, standing } from '../dns.ts';
import { accountsOn } from '../accounts.ts';
import type { EpochState } from '../epoch.ts';
import type { SwitchHead } from '../journal.ts';
import { lossBound, type Lag } from '../lag.ts';
import { setting } from '../postfix.ts';
import type { Remote } from '../remote.ts';
import { runs, unitStates } from '../units.ts';
import { hasAddress } from '../vip.ts';
import { approvedLoss, boundOf } from './loss.ts';
import type { PromoteOptions } from './options.ts';
import { keepSince } from './steps/dial.ts';

export interface Precheck {
  findings: Finding[];
  /** Whether the old host can be asked. */
  reachable: boolean;
  /** Why the new host can't be asked, where that is no reason to end. */
  silent: MailrecoverError | undefined;
  lag: Lag | undefined;
  /** What may be lost at most, seconds of mail; 0 where the old host can be read. */
  loss: number;
  accounts: SwitchHead['accounts'];
}

const CLOCKS_APART = 10;

/**
 * Looks at everything that a switch relies on. What stands in its way is an error finding.
 * @param onlyLook a new host that can't be asked is told of, too; else that is thrown
 */
export async function precheck(options: PromoteOptions, epoch: EpochState, onlyLook = false): Promise<Precheck> {
  const { from, to, mode, fences, cloud } = options;
  const findings: Finding[] = [];
  const others: Finding[] = [];
  const say = sayInto(findings);
  if (epoch.open !== undefined)
    say(
      'error',
      'locked',
      `a switch to '${epoch.open.host}' is under way (epoch ${epoch.open.epoch}, begun by ${epoch.open.by} at ${epoch.open.since})`,
      'go on with it where it was begun: mailrecover standby promote; if nobody does any more, add --take-over here',
    );
  // A service is neither asked nor stopped: what it took stays in its mailboxes.
  const back = cloud?.way === 'back';
  const host = cloud?.way !== 'to';
  const silent = onlyLook && host ? await unreached(to) : undefined;
  if (silent !== undefined) say('error', silent.code, `'${to.name}' can not be asked: ${silent.message}`, silent.hint, to.name);
  const asked = host && silent === undefined;
  // Together: a host that is dead is silent for seconds.
  const [problem] = await Promise.all([
    back ? undefined : unreached(from),
    asked ? newHost(options, sayInto(others)) : undefined,
    asked ? clocks([to], sayInto(others)) : undefined,
    names(options, sayInto(others)),
  ]);
  const reachable = !back && problem === undefined;
  if (problem !== undefined && mode === 'planned')
    say(
      'error',
      problem.code,
      `'${from.name}' can not be asked: ${problem.message}`,
      'where it is dead: mailrecover standby promote --forced',
      from.name,
    );
  if (problem !== undefined && mode === 'forced')
    say('warning', 'primary-silent', `'${from.name}' can not be asked: ${problem.message}`, undefined, from.name);
  if (reachable && !fences.some(({ kind }) => kind === 'ssh'))
    say('error', 'no-fence', `nothing stops the services of '${from.name}'`, "add '- kind: ssh' to 'standby.fences'", from.name);
  if (reachable && mode === 'forced')
    say(
      'info',
      'primary-alive',
      `'${from.name}' can be asked: its queue and last mail are moved as in a planned switch`,
      undefined,
      from.name,
    );
  if (reachable && silent === undefined) await Promise.all([oldHost(options, say), clocks([from], say)]);
  if (cloud?.way === 'to') await cloudReady(options, cloud, reachable, say);
  findings.push(...others);
  if (options.proof === undefined)
    say('warning', 'no-proof', 'no message proves the switch', "name a mailbox for it under 'standby.proof' in the configuration");
  const lag = silent === undefined ? await options.lag() : undefined;
  const loss = back || (reachable && !options.dialTone) ? 0 : boundOf(options, lossBound(lag, now()));
  if (options.dialTone) await lookAtMailboxes(options, epoch, say);
  try {
    approvedLoss(options, loss);
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
    say('error', error.code, error.message, error.hint);
  }
  const accounts = reachable ? await accountsOn(from) : undefined;
  return { findings, reachable, silent, lag, loss, accounts: accounts && { count: accounts.count, sha256: accounts.sha256 } };
}

/** What becomes of the mailboxes of the new host. */
async function lookAtMailboxes(options: PromoteOptions, { epoch, open }: EpochState, say: Say): Promise<void> {
  // Another switch is told of already, and would be in the way.
  if (open !== undefined) return;
  const { to, sync } = options;
  try {
    const { kept, anew } = await sync.dial('', epoch, keepSince(options, now()), true);
    say(
      anew > 0 ? 'warning' : 'info',
      'dial-tone',
      `of the mailboxes that lie on '${to.name}', ${kept} are current and stay as they are, and ${anew} begin anew, empty; so do accounts that have none there`,
      anew > 0 ? "their mail is kept beside them; afterwards: 'mailrecover restore --behind' there" : undefined,
      to.name,
    );
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
    say('error', error.code, error.message, error.hint, to.name);
  }
}

function sayInto(findings: Finding[]): Say {
  return (severity, code, message, hint, subject) =>
    void findings.push({ severity, code, message, ...(hint === undefined ? {} : { hint }), ...(subject === undefined ? {} : { subject }) });
}

/** Why it can't be asked, or undefined. */
async function unreached(host: Remote): Promise<MailrecoverError | undefined> {
  try {
    await host.run(['true'], { seconds: 15 });
    return undefined;
  } catch (error) {
    if (error instanceof MailrecoverError) return error;
    throw error;
  }
}

type Say = (severity: Finding['severity'], code: string, message: string, hint?: string, subject?: string) => void;

async function oldHost({ from, services, queue, vip, to, mode, dial }: PromoteOptions, say: Say): Promise<void> {
  const anew = await dial();
  if (anew !== undefined && !anew.closed)
    say(
      mode === 'planned' ? 'error' : 'warning',
      'dial-tone',
      `mailboxes of '${from.name}' that were begun anew at ${anew.at} have not all of their history yet: on '${to.name}' what has come since would be missing`,
      `bring it back first, on '${from.name}': mailrecover restore --behind`,
      from.name,
    );
  const states = await unitStates(from, services);
  for (const { unit, load } of states)
    if (load === 'not-found')
      say('error', 'no-unit', `'${from.name}' has no ${unit}`, "correct 'standby.services' in the configuration", from.name);
  const down = states.filter((state) => state.load !== 'not-found' && !runs(state)).map(({ unit }) => unit);
  if (down.length > 0)
    say(
      mode === 'planned' ? 'error' : 'warning',
      'not-serving',
      `${down.join(', ')} of '${from.name}' ${down.length === 1 ? 'does' : 'do'} not run`,
      mode === 'planned' ? 'a planned switch begins at a host that serves; otherwise: --forced' : undefined,
      from.name,
    );
  if (vip !== undefined && !(await hasAddress(from, vip)))
    say('warning', 'no-address', `'${from.name}' does not have the address ${vip.address} on ${vip.device}`, undefined, from.name);
  if (!queue) return;
  for (const host of [from, to])
    if ((await setting(host, 'enable_long_queue_ids')) !== 'yes')
      say(
        'warning',
        'short-queue-ids',
        `Postfix on '${host.name}' uses short queue ids: moved messages may get other ones`,
        'postconf -e enable_long_queue_ids=yes && postfix reload',
        host.name,
      );
}

async function newHost({ to, services, vip, queue }: PromoteOptions, say: Say): Promise<void> {
  const states = await unitStates(to, services);
  for (const { unit, load } of states)
    if (load === 'not-found')
      say('error', 'no-unit', `'${to.name}' has no ${unit}`, "correct 'standby.services' in the configuration", to.name);
  const up = states.filter(runs).map(({ unit }) => unit);
  if (up.length > 0)
    say(
      'error',
      'serving-already',
      `${up.join(', ')} of '${to.name}' run${up.length === 1 ? 's' : ''} already: mail may reach it, and would be overwritten`,
      `stop them there: systemctl disable --now ${up.join(' ')}`,
      to.name,
    );
  if (vip !== undefined && (await hasAddress(to, vip)))
    say(
      'error',
      'address-taken',
      `'${to.name}' has the address ${vip.address} already`,
      `take it away there: ip address delete ${vip.address} dev ${vip.device}`,
      to.name,
    );
  if (!queue) return;
  const domains = await setting(to, 'mydestination');
  const virtual = await setting(to, 'virtual_mailbox_domains');
  if (domains === '' && virtual === '')
    say('warning', 'no-domains', `Postfix on '${to.name}' takes mail for no domain`, 'copy main.cf and its maps from the primary', to.name);
}

async function clocks(hosts: readonly Remote[], say: Say): Promise<void> {
  for (const host of hosts) {
    const before = now();
    const { stdout } = await host.run(['date', '+%s']);
    const apart = Math.abs(Number(stdout.trim()) - (before + now()) / 2000);
    if (apart > CLOCKS_APART)
      say(
        'warning',
        'clock',
        `the clock of '${host.name}' is ${Math.round(apart)} s off from this host's`,
        'set the clocks: chronyc makestep',
        host.name,
      );
  }
}

async function names({ dns, proof }: PromoteOptions, say: Say): Promise<void> {
  for (const zone of dns) {
    for (const record of zone.records) {
      const stand = await standing(zone, record);
      if (stand === 'other')
        say(
          'error',
          'dns-changed',
          `${record.type} of ${record.name} is neither the primary's nor the standby's: ${((await answerOf(zone.server, record)) ?? '').replaceAll('\n', ', ') || 'nothing'}`,
          "correct 'standby.dns' in the configuration, or the zone",
          zone.zone,
        );
      if (stand === 'unknown')
        say(
          'error',
          'unreachable',
          `the DNS server ${zone.server.address} of ${zone.zone} does not answer`,
          'names can not be moved without it',
          zone.zone,
        );
      if (stand === 'to')
        say('warning', 'dns-moved', `${record.type} of ${record.name} stands for the standby already`, undefined, zone.zone);
    }
  }
  if (dns.length === 0 && proof === undefined) say('info', 'no-dns', 'no names are moved', undefined);
}
