/** What a switch to a service, or back from one, is told, from the configuration. */
import type { Config } from '../../config/schema.ts';
import { MailrecoverError } from '../../errors/error.ts';
import type { StoredSnapshot } from '../../repository/repository.ts';
import type { Target } from '../../repository/target.ts';
import type { Source } from '../../restore/look/source.ts';
import { addressesOf } from '../../standby/cloud/recipients.ts';
import type { CloudSwitch } from '../../standby/cloud/switch.ts';
import type { CloudService } from '../../standby/cloud/service.ts';
import type { DnsZone } from '../../standby/dns.ts';
import type { CapacityOptions, PromoteOptions } from '../../standby/promote/options.ts';
import type { Place } from '../from-config.ts';
import { openSource } from '../open-source.ts';
import type { CommandContext } from '../types.ts';
import { cloudNamed, type CloudConfig } from './cloud.ts';
import { hostNamed, otherHost, pairOf } from './pair.ts';

/** Who serves now, who shall, and the service where one of them is one. */
export interface Sides {
  from: string;
  to: string;
  cloud?: { part: CloudConfig; way: CloudSwitch['way'] };
}

/**
 * @param from the side that served when the switch was begun, where it was begun before
 * @throws MailrecoverError `config` for a name that nothing has; `refused` where one service would follow another
 */
export async function sidesOf(config: Config, target: Target, { to, from }: { to: string; from?: string | undefined }): Promise<Sides> {
  const { readEpoch } = await import('../../standby/epoch.ts');
  const { primary, standby, clouds } = pairOf(config);
  const part = cloudNamed(config, to);
  const active = from ?? (clouds.length === 0 ? undefined : (await readEpoch(target)).active);
  const leaves = active === undefined || active === to ? undefined : cloudNamed(config, active);
  if (part !== undefined && leaves !== undefined)
    throw new MailrecoverError('refused', `'${leaves.name}' serves, and '${part.name}' is a service, too`, {
      hint: `go back to a host first: mailrecover standby promote --planned --to ${primary.name}`,
      subject: part.name,
    });
  if (part !== undefined) {
    const served = active === undefined || active === to ? primary.name : active;
    return { from: hostNamed(config, served).name, to, cloud: { part, way: 'to' } };
  }
  if (part === undefined && to !== primary.name && to !== standby.name)
    throw new MailrecoverError('not-found', `there is no host or service '${to}'`, {
      hint: `there are: ${[primary, standby, ...clouds].map(({ name }) => name).join(', ')}`,
      subject: to,
    });
  const host = hostNamed(config, to).name;
  if (leaves !== undefined) return { from: leaves.name, to: host, cloud: { part: leaves, way: 'back' } };
  return { from: otherHost(config, host).name, to: host };
}

/**
 * The snapshot from which a service is filled.
 * @param details whose, where the service does not say; else the newest that either host has
 */
export async function fillSource(
  context: CommandContext,
  part: CloudConfig,
  { host, snapshot = 'latest', identity = [] }: { host?: string; snapshot?: string | undefined; identity?: readonly string[] },
): Promise<{ place: Place; source: Source }> {
  const { primary, standby } = pairOf(await context.config());
  const hosts = part.host !== undefined ? [part.host] : host !== undefined ? [host] : [primary.name, standby.name];
  const found: { place: Place; source: Source }[] = [];
  let problem: unknown;
  for (const each of hosts) {
    try {
      found.push(await openSource(context, snapshot, { repository: undefined, host: each, identity }));
    } catch (error) {
      if (!(error instanceof MailrecoverError) || error.code !== 'not-found') throw error;
      problem ??= error;
    }
  }
  const newest = found.toSorted((a, b) => Date.parse(b.source.snapshot.time) - Date.parse(a.source.snapshot.time))[0];
  if (newest === undefined) throw problem;
  return newest;
}

/** How large the standby is, where a switch changes that. */
export function capacityOf(part: ReturnType<typeof pairOf>['capacity'], way: CapacityOptions['way']): CapacityOptions | undefined {
  if (part === undefined || part[way] === undefined) return undefined;
  return { way, up: part.up, down: part.down, seconds: part.timeout, onFailure: part.onFailure };
}

/** Everything of a switch that is another where one side is a service. */
export async function cloudOptions(
  context: CommandContext,
  base: PromoteOptions,
  service: CloudService,
  { part, way }: NonNullable<Sides['cloud']>,
  approved: { allowMissing: number; leaveQueue: boolean },
): Promise<Partial<PromoteOptions>> {
  const config = await context.config();
  const pair = pairOf(config);
  const isPrimary = (way === 'to' ? base.from : base.to).name === pair.primary.name;
  const held = way === 'to' ? await heldMail(context, part, base.from.name) : undefined;
  const { accountsOn } = await import('../../standby/accounts.ts');
  const names =
    way === 'to' ? ((await accountsOn(base.from).catch(silent))?.names ?? held?.mailboxes.map(({ mailbox }) => mailbox) ?? []) : [];
  const { forecast } = await import('../../standby/cloud/limits.ts');
  const addresses = addressesOf(names, pair.domains);
  const cloud: CloudSwitch = {
    service,
    way,
    addresses,
    ...approved,
    postfix: pair.queue,
    backup: part.backup ?? [...pair.sync.program, 'backup', '--json'],
    sender: part.proof?.from ?? '',
    forecast: held?.mailboxes === undefined || held.problem !== undefined ? undefined : forecast(held.mailboxes, service.limits),
    unread: held?.problem?.message,
  };
  const dns = part.dns.map((zone) => zoneOf(zone, isPrimary, way));
  const capacity = capacityOf(part.capacity ?? pair.capacity, way === 'to' ? 'up' : 'down');
  if (way === 'back') return { cloud, dns, capacity };
  return {
    cloud,
    dns,
    capacity,
    queue: false,
    proof: proofOf(part, service),
    lag: async () => (held?.snapshot === undefined ? undefined : lagOf(held.snapshot)),
  };
}

function silent(error: unknown): undefined {
  if (error instanceof MailrecoverError) return undefined;
  throw error;
}

interface HeldMail {
  mailboxes: { mailbox: string; messages: number; bytes: number }[];
  snapshot?: StoredSnapshot;
  /** Why the repository could not be read here. */
  problem?: MailrecoverError;
}

/** What the repository has of that host. */
async function heldMail(context: CommandContext, part: CloudConfig, host: string): Promise<HeldMail> {
  try {
    const { source } = await fillSource(context, part, { host });
    const { listMailboxes } = await import('../../restore/look/ls.ts');
    return { mailboxes: await listMailboxes(source), snapshot: source.snapshot };
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
    return { mailboxes: [], problem: error };
  }
}

/** How far the repository is behind: what came after the newest snapshot is not in it. */
function lagOf({ time, counts }: StoredSnapshot): Awaited<ReturnType<PromoteOptions['lag']>> {
  return { mailboxes: counts.mailboxes, never: [], troubled: [], behind: 0, oldest: time };
}

function zoneOf({ records, wait, ...zone }: CloudConfig['dns'][number], isPrimary: boolean, way: CloudSwitch['way']): DnsZone {
  return {
    ...zone,
    waitMs: wait * 1000,
    records: records.map(({ primary, standby = primary, cloud, ...record }) => {
      const host = isPrimary ? primary : standby;
      return { ...record, values: way === 'to' ? { from: host, to: cloud } : { from: cloud, to: host } };
    }),
  };
}

function proofOf({ proof, imap, caFile }: CloudConfig, service: CloudService): PromoteOptions['proof'] {
  if (proof === undefined) return undefined;
  const account = service.account(proof.to);
  return {
    from: proof.from,
    to: proof.to,
    user: account.user,
    password: '',
    login: account.login,
    smtp: service.smtp,
    imap: { ...imap, host: account.host },
    caFile,
    waitMs: proof.wait * 1000,
  };
}
