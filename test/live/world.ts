import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { saveSecret } from '../../src/backup/prepare.ts';
import { generateIdentity } from '../../src/repository/age/keys.ts';
import { createRepository } from '../../src/repository/repository.ts';
import { createSecret } from '../../src/repository/secret.ts';
import { localTarget } from '../../src/repository/targets/local.ts';
import { type Document, mailrecoverJson, type RunOptions } from '../support/binary.ts';
import { scratch } from '../support/tmp.ts';

export interface StoreSettings {
  /** `/x/%d/%n/Maildir` */
  path: string;
  name?: string;
  format?: 'maildir' | 'mbox' | 'sdbox' | 'mdbox';
  alt?: string;
  lockTimeout?: number;
  inbox?: string;
  index?: string;
  layout?: 'maildir++' | 'fs';
  separator?: string;
  prefix?: string;
  utf8?: boolean;
  control?: string;
  home?: string;
}

type Run = (args: string[], options?: RunOptions & { expect?: number }) => Promise<Document>;

/** A configuration and an encrypted repository of their own, used through the program. */
export interface World {
  directory: string;
  /** Runs the program with `--json`; throws unless it exits as expected. */
  run: Run;
  backup: Run;
  /** Restores into a directory below {@link directory}, made anew. @returns its path */
  restore: (name: string, snapshot?: string, args?: string[]) => Promise<string>;
  verify: (level: 'files' | 'mail' | 'server', snapshot?: string) => Promise<Document>;
}

/** Makes one, for the rest of the test, suite or file. */
export async function makeWorld(store: StoreSettings | StoreSettings[], settings: Record<string, unknown> = {}): Promise<World> {
  const directory = scratch('live');
  const keys = join(directory, 'etc');
  mkdirSync(keys);
  const { secret, identity } = generateIdentity();
  writeFileSync(join(keys, 'identity.txt'), `${secret}\n`, { mode: 0o600 });
  const target = localTarget(join(directory, 'repository'));
  const repository = await createRepository(target, { recipients: [identity.recipient], rescue: [] });
  await saveSecret(keys, repository.id, await createSecret(target, [identity.recipient]));
  const config = join(keys, 'mailrecover.yaml');
  writeFileSync(
    config,
    stringify({
      host: 'mx1',
      state: join(directory, 'state'),
      stores: Array.isArray(store) ? store : [store],
      repository: { at: join(directory, 'repository') },
      recipients: [identity.recipient.text],
      ...settings,
    }),
  );
  const identityFile = join(keys, 'identity.txt');
  const run: Run = (args, options) => mailrecoverJson(['--config', config, ...args], { timeout: 600_000, ...options });
  return {
    directory,
    run,
    backup: (args, options) => run(['backup', ...args], options),
    restore: async (name, snapshot = 'latest', args = []) => {
      const to = join(directory, name);
      await run(['restore', snapshot, '--to', to, '--identity', identityFile, ...args]);
      return to;
    },
    verify: (level, snapshot = 'latest') =>
      run(['verify', snapshot, '--level', level, '--identity', identityFile, '--scratch', join(directory, 'scratch')]),
  };
}
