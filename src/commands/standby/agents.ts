/** The two hosts as `standby prepare` asks and changes them. */
import type { Config } from '../../config/schema.ts';
import type { HostAgent } from '../../standby/prepare/model.ts';
import { fixedPart, parsePattern } from '../../store/pattern.ts';
import { diskStores, placeOf, sourceOf } from '../from-config.ts';
import type { CommandContext } from '../types.ts';
import { guardDirection, talkTo, type Direction } from './hosts.ts';
import { hostNamed } from './pair.ts';

/** Directories that mail lies below. */
export function mailPlaces(config: Config): string[] {
  return [...new Set(diskStores(config.stores).map(({ path }) => fixedPart(parsePattern(path))))];
}

/** This host. */
export async function agentHere(context: CommandContext, way: Direction): Promise<HostAgent> {
  const config = await context.config();
  const { system } = config;
  const identities = config.identities.map((reference) => reference.replace(/^file:/, ''));
  const { localAgent } = await import('../../standby/prepare/agent.ts');
  return localAgent({
    state: config.state,
    postfix: system?.postfix,
    dovecot: system?.dovecot === '' ? null : (system?.dovecot ?? config.dovecot?.config),
    paths: system?.paths ?? [],
    exclude: [...(system?.exclude ?? []), ...identities, config.state],
    mailboxes: () => mailboxesOf(config, context.signal),
    // The repository is asked only where something is changed: people must be able to log in when it is gone, too.
    guard: async () => guardDirection(config, (await placeOf(context)).target, way),
    signal: context.signal,
  });
}

async function mailboxesOf(config: Config, signal: AbortSignal): Promise<string[]> {
  const { storeMailboxes } = await import('../../backup/mailboxes.ts');
  const found: string[] = [];
  for (const source of diskStores(config.stores).map(sourceOf)) {
    // A store that can't be read is told of elsewhere.
    const { mailboxes } = await storeMailboxes(source, '', signal).catch(() => ({ mailboxes: [] }));
    found.push(...mailboxes.map(({ mailbox }) => mailbox));
  }
  return found;
}

/** One of the hosts, by its name in the configuration. */
export async function agentOn(context: CommandContext, name: string, way: Direction): Promise<HostAgent> {
  const config = await context.config();
  if (hostNamed(config, name).ssh === undefined) {
    const agent = await agentHere(context, way);
    context.onEnd(() => agent.end());
    return agent;
  }
  const { farAgent } = await import('../../standby/prepare/agent.ts');
  return farAgent(await talkTo(context, name, { from: way.from, epoch: way.epoch, role: 'host' }, {}));
}
