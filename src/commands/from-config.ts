/** Plain values for the engines, from the configuration and from options that stand in for it. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { StoreSource } from '../backup/mailboxes.ts';
import type { Config } from '../config/schema.ts';
import { MailrecoverError } from '../errors/error.ts';
import type { Identity } from '../repository/age/keys.ts';
import type { Repository } from '../repository/repository.ts';
import type { Target } from '../repository/target.ts';
import type { FolderLayout } from '../store/maildir/layout.ts';
import type { CommandContext } from './types.ts';

export interface Place {
  /** undefined where `--repository` names a repository and there is no configuration. */
  config: Config | undefined;
  target: Target;
  /** Whose snapshots are meant: this host's, or those of `--host`. */
  host: string;
  thisHost: string;
  /** Directory of the local state. */
  state: string;
  /** Directory of this host's own keys: that of the configuration. */
  keysRoot: string;
  trust: readonly string[];
  layoutOf: (store: string) => FolderLayout;
}

/** Where the repository, the state and the keys are. */
export async function placeOf(
  context: CommandContext,
  options: { repository?: string | undefined; host?: string | undefined } = {},
): Promise<Place> {
  const config = options.repository === undefined || existsSync(context.configPath) ? await context.config() : undefined;
  const at = options.repository ?? config?.repository.at;
  if (at === undefined)
    throw new MailrecoverError('config', 'no repository is named', {
      hint: "name it with '--repository REPOSITORY', or in the configuration",
    });
  const thisHost = config?.host ?? hostname();
  return {
    config,
    target: await targetAt(context, at, config?.repository),
    host: options.host ?? thisHost,
    thisHost,
    state: config?.state ?? '/var/lib/mailrecover',
    keysRoot: dirname(resolve(context.configPath)),
    trust: config?.trust ?? [],
    layoutOf: (name) => layoutOfStore(config, name),
  };
}

/** Targets that a command opened, by name: each is connected to once. */
const OPENED = new WeakMap<CommandContext, Map<string, Promise<Target>>>();

/**
 * Opens the target of that name, and closes it when the command ends.
 * @param settings those of a place in the configuration; what they say of logging in is told to that server alone
 */
export function targetAt(context: CommandContext, at: string, settings?: Config['repository']): Promise<Target> {
  const opened = OPENED.get(context) ?? new Map<string, Promise<Target>>();
  OPENED.set(context, opened);
  const target = opened.get(at) ?? openOnce(context, at, settings);
  opened.set(at, target);
  return target;
}

async function openOnce(context: CommandContext, at: string, settings: Config['repository'] | undefined): Promise<Target> {
  const [{ openTarget }, { isSameServer }] = await Promise.all([
    import('../repository/targets/open.ts'),
    import('../repository/targets/location.ts'),
  ]);
  const { at: usual, sftp, s3, ...others } = settings ?? { at };
  const options = isSameServer(usual, at) ? { ...others, sftp, s3 } : others;
  const target = await openTarget(at, options, {
    signal: context.signal,
    onTrouble: (message) => context.progress.event('trouble', { message }),
  });
  context.onEnd(() => target.close?.());
  return target;
}

/** Whether a place is the repository of the configuration, and no copy of it: this host knows what it put there last. */
export async function isOwnRepository(context: CommandContext, { config, target }: Place): Promise<boolean> {
  return config !== undefined && target.location === (await targetAt(context, config.repository.at)).location;
}

/** How folders of a store are named; Dovecot's defaults where the configuration says nothing. */
export function layoutOfStore(config: Config | undefined, name: string): FolderLayout {
  const store = config?.stores.find((each) => each.name === name);
  const isFs = store !== undefined && (store.format !== 'maildir' || store.imap !== undefined);
  const layout = isFs ? 'fs' : (store?.layout ?? 'maildir++');
  return {
    layout,
    separator: store?.separator ?? (layout === 'fs' ? '/' : '.'),
    prefix: store?.prefix ?? '',
    inbox: true,
    utf8: store?.utf8 ?? false,
  };
}

/**
 * The identities that were named: `--identity`, `$MAILRECOVER_IDENTITY`, or those of the configuration.
 * @returns undefined for a repository that is not encrypted
 */
export async function identitiesOf(
  context: CommandContext,
  place: Place,
  repository: Repository,
  files: readonly string[],
): Promise<readonly Identity[] | undefined> {
  if (!repository.encrypted) return undefined;
  return identityFiles(
    context,
    files.length > 0 ? files : (place.config?.identities ?? []).map((reference) => reference.slice('file:'.length)),
  );
}

/** Reads identity files; a passphrase is asked for where someone can answer. */
export async function identityFiles(context: CommandContext, files: readonly string[]): Promise<readonly Identity[]> {
  const { loadIdentities } = await import('../repository/age/identity-file.ts');
  return loadIdentities(
    files,
    context.interactive ? { askPassphrase: (file) => context.ask(`passphrase of ${file}: `, { secret: true }) } : {},
  );
}

/** Threads for work that reads or writes mail. */
export async function threadsOf(config: Config | undefined): Promise<number> {
  const { availableParallelism } = await import('node:os');
  return config?.backup.workers ?? Math.min(8, availableParallelism());
}

/** Stores whose mail lies on this host. */
export function diskStores<T extends Pick<Config['stores'][number], 'path'>>(stores: readonly T[]): (T & { path: string })[] {
  return stores.flatMap((store) => (store.path === undefined ? [] : [{ ...store, path: store.path }]));
}

/** A store of this host as backups know it. */
export function sourceOf({
  name,
  format,
  path,
  inbox,
  locks,
  lockTimeout,
  alt,
  control,
  index,
  home,
}: Config['stores'][number] & { path: string }): StoreSource {
  return {
    name,
    format,
    path,
    ...(inbox === undefined ? {} : { inbox }),
    ...(locks === undefined ? {} : { locks }),
    ...(lockTimeout === undefined ? {} : { lockTimeout }),
    ...(alt === undefined ? {} : { alt }),
    ...(control === undefined ? {} : { control }),
    ...(index === undefined ? {} : { index }),
    ...(home === undefined ? {} : { home }),
  };
}
