/** Where things lie, by the configuration and the options of a command. */
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '../config/schema.ts';
import type { Finding } from '../errors/finding.ts';
import type { Identity } from '../repository/age/keys.ts';
import type { Target } from '../repository/target.ts';
import type { CommandContext } from './types.ts';

/** This host's own keys lie beside the configuration: they must survive the loss of the local state, which is a cache. */
export function keysRootOf({ configPath }: Pick<CommandContext, 'configPath'>): string {
  return join(dirname(resolve(configPath)), 'keys');
}

/** The name of this host in snapshots. */
export function hostOf(config: Pick<Config, 'host'>): string {
  return config.host ?? hostname();
}

/** The place of the repository: the one named by --repository, which needs no configuration, else the configured one. */
export async function repositoryTarget(context: CommandContext, named: string | undefined): Promise<Target> {
  const { localTarget } = await import('../repository/targets/local.ts');
  return localTarget(resolve(named ?? (await context.config()).repository.path));
}

/** The configuration where there is a valid one, for commands that can do without. */
export async function configIfAny(context: CommandContext): Promise<Config | undefined> {
  return context.config().catch(() => undefined);
}

/**
 * The private keys that --identity or $MAILRECOVER_IDENTITY name, else those of the configuration; none is no error here.
 * A passphrase is asked for where someone sits at a terminal.
 * @param findings gets a warning for each file that others can read
 */
export async function loadNamedIdentities(context: CommandContext, named: readonly string[], findings: Finding[]): Promise<Identity[]> {
  const files = named.length > 0 ? named : ((await configIfAny(context))?.identities ?? []).map((reference) => reference.slice('file:'.length));
  if (files.length === 0) return [];
  const { loadIdentities } = await import('../repository/age/identity-file.ts');
  const askPassphrase = (file: string): Promise<string> => context.ask(`passphrase of ${file}: `, { secret: true });
  return loadIdentities(files, { findings, ...(context.interactive ? { askPassphrase } : {}) });
}
