/** What a switch is told, from the configuration. */
import { userInfo, hostname } from 'node:os';
import type { Config } from '../../config/schema.ts';
import { MailrecoverError } from '../../errors/error.ts';
import type { Target } from '../../repository/target.ts';
import { serviceSide } from '../../standby/cloud/service.ts';
import type { DnsZone } from '../../standby/dns.ts';
import type { FenceOptions, MailDifference, MailSync, PromoteOptions } from '../../standby/promote/options.ts';
import type { ProofOptions } from '../../standby/proof.ts';
import type { Remote } from '../../standby/remote.ts';
import { placeOf } from '../from-config.ts';
import type { CommandContext } from '../types.ts';
import { sinkOn, sourceOn, type Direction, type Recorder } from './hosts.ts';
import { cloudService } from './cloud.ts';
import { capacityOf, cloudOptions, sidesOf } from './cloud-switch.ts';
import { hostNamed, pairOf } from './pair.ts';

export interface SwitchWishes {
  mode: 'planned' | 'forced';
  allowLoss: number | undefined;
  attested: string | undefined;
  /** Serve with empty mailboxes where there is no current mail. */
  dialTone: boolean;
  /** The host or service that shall serve, by its name in the configuration. */
  to: string;
  /** Who served when the switch was begun, where it was begun before. */
  from?: string | undefined;
  /** For a service: so many accounts may be without a mailbox there, and mail may stay in the queue of the old host. */
  allowMissing?: number | undefined;
  leaveQueue?: boolean | undefined;
}

/** The two hosts, and everything else that a switch needs. */
export async function switchOptions(context: CommandContext, wishes: SwitchWishes, record: Recorder): Promise<PromoteOptions> {
  const config = await context.config();
  const pair = pairOf(config);
  const { target } = await placeOf(context);
  const sides = await sidesOf(config, target, wishes);
  const { cloud } = sides;
  const service = cloud === undefined ? undefined : await cloudService(context, cloud.part);
  const side = async (name: string): Promise<Remote> =>
    name === service?.name ? serviceSide(service) : remoteOf(context, config, name, record, wishes.mode);
  const [to, from] = [await side(sides.to), await side(sides.from)];
  const back = to.name === pair.primary.name;
  const { openHost } = await import('../../standby/remote.ts');
  const [{ readLagOn }, { readDialOn }, { knownAccounts }] = await Promise.all([
    import('../../standby/lag.ts'),
    import('../../standby/dial/record.ts'),
    import('../../standby/accounts.ts'),
  ]);
  const base: PromoteOptions = {
    state: config.state,
    target,
    mode: wishes.mode,
    from,
    to,
    here: openHost({ name: hostname() }, { record, signal: context.signal }),
    services: pair.services,
    stopAlso: pair.stopAlso,
    fences: pair.fences.map(fenceOf),
    dns: pair.dns.map((zone) => zoneOf(zone, back)),
    vip: pair.vip,
    queue: pair.queue,
    drainMs: pair.drain * 1000,
    allowedLoss: pair.allowedLoss,
    allowLoss: wishes.allowLoss,
    attested: wishes.attested,
    dialTone: wishes.dialTone,
    proof: pair.proof === undefined ? undefined : proofOf(pair.proof, pair.vip?.address.replace(/\/.*/, '') ?? to.address),
    sync: mailSync(context, config, target, { from: from.name, to: to.name, record }),
    capacity: capacityOf(pair.capacity, back ? 'down' : 'up'),
    dial: async () => (from.name === service?.name ? undefined : readDialOn(from, hostNamed(config, from.name).state ?? config.state)),
    lag: async () => (cloud === undefined ? readLagOn(to, hostNamed(config, to.name).state ?? config.state) : undefined),
    known: async () => (cloud === undefined ? knownAccounts(to, hostNamed(config, to.name).state ?? config.state) : undefined),
    record,
    by: `${userInfo().username}@${hostname()}`,
    progress: context.progress,
    signal: context.signal,
  };
  if (cloud === undefined || service === undefined) return base;
  if (wishes.dialTone)
    throw new MailrecoverError('usage', `--dial-tone is for a host, and '${service.name}' is a service`, {
      hint: 'leave it out: mailboxes of a service are filled later, anyway',
    });
  const approved = { allowMissing: wishes.allowMissing ?? 0, leaveQueue: wishes.leaveQueue ?? false };
  return { ...base, ...(await cloudOptions(context, base, service, cloud, approved)) };
}

/** A dead host is not waited for for long: mail waits meanwhile, or somebody who asks. One that is busy answers late, but is heard at once. */
const PATIENCE = {
  planned: { connectMs: 15_000, silentMs: 5000 },
  forced: { connectMs: 15_000, silentMs: 2000 },
  far: { connectMs: 5000 },
};

async function remoteOf(
  context: CommandContext,
  config: Config,
  name: string,
  record: Recorder,
  mode: SwitchWishes['mode'],
): Promise<Remote> {
  const { openHost } = await import('../../standby/remote.ts');
  const named = hostNamed(config, name);
  const patience = PATIENCE[mode === 'forced' && named.ssh?.via !== undefined ? 'far' : mode];
  const host = openHost(named, { record, signal: context.signal, ...patience });
  context.onEnd(() => host.close());
  return host;
}

function fenceOf({ kind, name = kind, timeout, ...rest }: ReturnType<typeof pairOf>['fences'][number]): FenceOptions {
  return { kind, name, seconds: timeout, ...rest };
}

function zoneOf({ records, wait, ...zone }: ReturnType<typeof pairOf>['dns'][number], back: boolean): DnsZone {
  return {
    ...zone,
    waitMs: wait * 1000,
    records: records.map(({ primary, standby, ...record }) => ({
      ...record,
      values: back ? { from: standby, to: primary } : { from: primary, to: standby },
    })),
  };
}

function proofOf({ wait, user, smtp, imap, ...proof }: NonNullable<ReturnType<typeof pairOf>['proof']>, serves: string): ProofOptions {
  return {
    ...proof,
    user: user ?? proof.to,
    waitMs: wait * 1000,
    smtp: { ...smtp, host: smtp.host ?? serves },
    imap: { ...imap, host: imap.host ?? serves },
  };
}

/** Copying mail as a part of the switch: under its epoch, while nobody else may. */
function mailSync(
  context: CommandContext,
  config: Config,
  target: Target,
  { from, to, record }: { from: string; to: string; record: Recorder },
): MailSync {
  const sinkOf = (way: Direction): ReturnType<typeof sinkOn> => sinkOn(context, target, way, record);
  const go = async (run: string, epoch: number, dryRun: boolean): Promise<MailDifference> => {
    const way = { from, to, epoch, run };
    const { sync } = await import('../../standby/sync/sync.ts');
    const sink = await sinkOf(way);
    // A synchronisation that began before the epoch was claimed may still write: it is waited for, and no other begins.
    await sink.quiet();
    const report = await sync({
      source: await sourceOn(context, from, way, [], record),
      sink,
      atOnce: pairOf(config).sync.atOnce,
      progress: context.progress,
      signal: context.signal,
      dryRun,
      adopt: false,
      allowLoss: false,
    });
    // A mailbox that went away on the old host stays on the new one: nothing of it is missing.
    const different = report.mailboxes.filter(
      ({ result, counts }) => result === 'failed' || (dryRun && (result !== 'unchanged' || counts.added > 0)),
    );
    // What can't be copied at all would be missing, too.
    const stores = report.findings.flatMap(({ severity, code, subject }) =>
      severity === 'error' && code === 'not-synced' && subject !== undefined && !report.mailboxes.some(({ mailbox }) => mailbox === subject)
        ? [subject]
        : [],
    );
    const why = (mailbox: string): string => {
      const finding = report.findings.find(({ severity, subject }) => severity === 'error' && subject === mailbox);
      if (finding !== undefined) return `${mailbox} (${finding.message})`;
      const counts = report.mailboxes.find((each) => each.mailbox === mailbox)?.counts;
      const { added = 0, removed = 0, reflagged = 0, files = 0 } = counts ?? {};
      return `${mailbox} (${added} new, ${removed} gone, ${reflagged} flags, ${files} files)`;
    };
    return { mailboxes: report.mailboxes.length, different: [...different.map(({ mailbox }) => mailbox), ...stores].map(why) };
  };
  return {
    last: (run, epoch) => go(run, epoch, false),
    compare: (run, epoch) => go(run, epoch, true),
    dial: async (run, epoch, keepSince, dryRun) => {
      const sink = await sinkOf({ from, to, epoch, ...(run === '' ? {} : { run }) });
      return sink.dial({ run, epoch, from, keepSince }, dryRun);
    },
    undial: async (run, epoch) => (await sinkOf({ from, to, epoch, run })).undial(run),
    leaveUids: async (run, epoch) => (await sinkOf({ from, to, epoch, run })).leaveUids(),
  };
}
