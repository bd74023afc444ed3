/** From which snapshots a restore into mailboxes that are being served takes what. */
import type { Config } from '../../config/schema.ts';
import type { Finding } from '../../errors/finding.ts';
import type { Identity } from '../../repository/age/keys.ts';
import type { Repository, StoredSnapshot } from '../../repository/repository.ts';
import type { LiveSource } from '../../restore/live/plan.ts';
import type { Place } from '../from-config.ts';
import { FILTERS, type LIVE, type YES } from '../live-options.ts';
import { timeOf } from '../time-option.ts';
import type { CommandContext, Options } from '../types.ts';

export type LiveOptions = Options<typeof LIVE & typeof YES> & {
  mailbox: readonly string[];
  folder: readonly string[];
  message: readonly string[];
  mapOwner: readonly string[];
  dryRun: boolean;
  identity: readonly string[];
  host: string | undefined;
  repository: string | undefined;
};

export interface Opened {
  context: CommandContext;
  place: Place;
  config: Config;
  repository: Repository;
  identities: readonly Identity[] | undefined;
  findings: Finding[];
}

export function filterGiven(options: LiveOptions): boolean {
  return (Object.keys(FILTERS) as (keyof typeof FILTERS)[]).some((key) => options[key] !== undefined);
}

export async function snapshotsOf(place: Place, ids: readonly string[]): Promise<StoredSnapshot[]> {
  const { resolveSnapshot } = await import('../../repository/resolve.ts');
  return Promise.all(ids.map((id) => resolveSnapshot(place.target, id, { host: place.host })));
}

/** So many of the newest snapshots are asked for the highest UIDs that they saw. */
const LOOKED_AT = 100;

export async function recentOnes(place: Place): Promise<StoredSnapshot[]> {
  const { recentSnapshots } = await import('../../repository/resolve.ts');
  return (await recentSnapshots(place.target, { limit: LOOKED_AT, host: place.host, trusted: [] })).snapshots;
}

/** The snapshots, and what of each is wanted. */
export async function sourcesOf(opened: Opened, snapshotText: string | undefined, options: LiveOptions): Promise<LiveSource[]> {
  const { context, place, repository, identities, findings } = opened;
  const { believedKeys, chooseSnapshot } = await import('../choose-snapshot.ts');
  const folders = options.folder.length > 0 ? { folders: options.folder } : {};
  const chosen = snapshotText === undefined ? undefined : await chooseSnapshot(place, snapshotText);
  findings.push(...(chosen?.findings ?? []));
  if (chosen !== undefined && !filterGiven(options)) {
    const { isMessageId } = await import('../message-id.ts');
    let messages = options.message;
    if (messages.some(isMessageId)) {
      const { plainIds } = await import('../find-index.ts');
      const source = { repository, snapshot: chosen.snapshot, identities, layoutOf: place.layoutOf };
      messages = await plainIds({ context, place, source, findings }, messages, { mailboxes: options.mailbox, folders: options.folder });
    }
    const selection = {
      ...(options.mailbox.length > 0 ? { mailboxes: options.mailbox } : {}),
      ...folders,
      ...(messages.length > 0 ? { messages } : {}),
    };
    return [{ snapshot: chosen.snapshot, selection }];
  }
  const { search } = await import('../find-index.ts');
  const { matches } = await search({ context, place, findings }, repository, identities, {
    deletedSince: timeOf('--deleted-since', options.deletedSince, 'start'),
    since: timeOf('--since', options.since, 'start'),
    until: timeOf('--until', options.until, 'end'),
    from: options.from,
    to: options.recipient,
    subject: options.subject,
    mailboxes: options.mailbox,
    folders: options.folder,
    host: chosen === undefined ? place.host : undefined,
    snapshot: chosen?.snapshot.id,
    believed: await believedKeys(place),
    limit: 0,
  });
  const snapshots = await snapshotsOf(place, [...new Set(matches.map(({ snapshot }) => snapshot))]);
  return snapshots.map((snapshot) => ({
    snapshot,
    selection: { messages: matches.filter((match) => match.snapshot === snapshot.id).map(({ message }) => message) },
  }));
}
