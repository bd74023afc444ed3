/** How backups are made, from the configuration: by `backup` and by `watch`. */
import type { BackupOptions } from '../backup/options.ts';
import type { StoreSource } from '../backup/mailboxes.ts';
import type { Config } from '../config/schema.ts';
import { diskStores, placeOf, sourceOf, threadsOf } from './from-config.ts';
import { systemOf } from './system-source.ts';
import type { CommandContext } from './types.ts';

/** The options of a backup of everything. */
export async function backupOptions(context: CommandContext): Promise<BackupOptions> {
  const place = await placeOf(context);
  const config = await context.config();
  const { programVersion } = await import('../system/version.ts');
  return {
    target: place.target,
    stateRoot: place.state,
    keysRoot: place.keysRoot,
    host: place.host,
    stores: await storesOf(context, config),
    freeze: config.freeze.map((each) => ({ ...each, timeout: each.timeout * 1000 })),
    ...(await systemOf(context, config, place)),
    recipients: config.encryption ? config.recipients : undefined,
    threads: await threadsOf(config),
    readBack: config.backup.readBack,
    deep: false,
    deepEvery: config.backup.deepEvery,
    settle: await settleOf(config),
    dryRun: false,
    trust: place.trust,
    identities: [],
    anomaly: config.retention.anomaly,
    tool: `mailrecover ${programVersion()}`,
    progress: context.progress,
    signal: context.signal,
  };
}

async function storesOf(context: CommandContext, { stores }: Config): Promise<StoreSource[]> {
  const sources = diskStores(stores).map(sourceOf);
  for (const { name, imap } of stores) {
    if (imap === undefined) continue;
    const { imapStore } = await import('./imap-account.ts');
    sources.push(await imapStore(context, name, imap));
  }
  return sources;
}

/** Seconds for which a time stamp proves nothing: longer where another host's clock sets it. */
export async function settleOf(config: Config): Promise<number> {
  if (config.backup.settle !== undefined) return config.backup.settle;
  const [{ isNetworkFileSystem }, { fixedPart, parsePattern }] = await Promise.all([
    import('../system/file-system.ts'),
    import('../store/pattern.ts'),
  ]);
  return diskStores(config.stores).some((store) => isNetworkFileSystem(fixedPart(parsePattern(store.path)))) ? 30 : 3;
}
