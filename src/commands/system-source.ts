/** What of the server a backup takes, from the configuration. */
import { join, resolve } from 'node:path';
import type { Config } from '../config/schema.ts';
import type { SystemSource } from '../store/system/capture.ts';
import type { Place } from './from-config.ts';
import type { CommandContext } from './types.ts';

export async function systemOf(context: CommandContext, config: Config, place: Place): Promise<{ system?: SystemSource }> {
  const { system } = config;
  if (system?.enabled !== true) return {};
  const identities = config.identities.flatMap((reference) => (reference.startsWith('file:') ? [reference.slice('file:'.length)] : []));
  return {
    system: {
      postfix: system.postfix,
      dovecot: system.dovecot === '' ? null : system.dovecot,
      queue: system.queue,
      places: system.places,
      // The configuration belongs to what a new host needs; the keys that read backups do not belong into them.
      paths: [...system.paths, resolve(context.configPath)],
      exclude: [
        ...system.exclude,
        ...identities,
        join(place.keysRoot, 'identity.txt'),
        join(place.keysRoot, 'recovery-sheet.txt'),
        place.state,
      ],
      dns: system.dns ? { domains: system.domains ?? [], servers: system.resolvers } : undefined,
      databases: system.databases.map((database) => ({
        ...database,
        timeout: database.timeout * 1000,
        environment: Object.fromEntries((database.environment ?? []).map(({ name, from }) => [name, from])),
      })),
      secrets: config.encryption,
      scratch: join(place.state, 'system'),
    },
  };
}
