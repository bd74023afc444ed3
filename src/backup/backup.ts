/** The backup: one snapshot of this host's mail stores. */
import { ioError, MailrecoverError, systemCode } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { parseRecipient } from '../repository/age/keys.ts';
import { snapshotPath, type SnapshotRef } from '../repository/names.ts';
import { openRepository, readSnapshot, type Repository, type StoredSnapshot } from '../repository/repository.ts';
import { hostFingerprint } from '../repository/signing.ts';
import type { ContentReader } from '../store/live.ts';
import { isoNow, now } from '../system/clock.ts';
import { takeLock } from '../system/lock.ts';
import { anomaliesOf, tellAnomalies, THRESHOLDS } from './anomaly.ts';
import type { BackupOptions } from './options.ts';
import { beginDelta, commitSnapshot, neededPaths, newCatalog, saveTables, writeBase, writeDelta, type CatalogContext } from './commit.ts';
import { ContentPool } from './content/pool.ts';
import { dryReader } from './dry.ts';
import { readCare, refuseCalledGone } from './marks.ts';
import { applyTally, packsToMerge, sparsePacks, usesPacks } from './merge-packs.ts';
import { clearPending } from './pending.ts';
import { frozen } from './freeze/freeze.ts';
import { adoptPending, adoptTags, listHoldings, loadKeys, lostPacks, newestOwn, type Holdings, type Keys } from './prepare.ts';
import { readMailboxes } from './read-mailboxes.ts';
import { comparedWith, outcomeWith, report, reportLost, reportUnread, totalBytes, type BackupReport } from './report.ts';
import { retainNeeded } from './retention.ts';
import type { Run, Tally } from './run.ts';
import { LocalRuns } from './deltas.ts';
import type { Changes } from './sections.ts';
import { findSources } from './sources.ts';
import { DamagedState, emptyIndex, mailboxKey, StateDirectory, type MailboxState, type StateIndex } from './state/state.ts';
import { packStore, restoreTags, type PackStore } from './store-packs.ts';

const DAY = 86_400_000;
/** The size, in what is held, of objects that must not be relied on. */
const REFUSED = -1;

/**
 * Makes one snapshot. A run that is killed at any moment leaves the repository sound, and the next one stores nothing twice.
 * @throws MailrecoverError `locked`, `no-repository`, `refused`, `no-space`, `io`, `key`
 */
export async function backup(options: BackupOptions): Promise<BackupReport> {
  const repository = await openRepository(options.target);
  if (repository.encrypted !== (options.recipients !== undefined)) {
    throw new MailrecoverError(
      'config',
      repository.encrypted
        ? 'the repository is encrypted, and the configuration names no recipients'
        : 'the repository is not encrypted, and the configuration names recipients',
      {
        hint: repository.encrypted ? "add 'recipients:' to the configuration" : "set 'encryption: false', or make another repository",
      },
    );
  }
  const state = new StateDirectory(`${options.stateRoot}/${repository.id}`);
  const release = takeLock(state.file('lock'), 'mailrecover backup');
  try {
    if (options.dryRun) return await healing(options, repository, state);
    return outcomeWith(
      await frozen({ ...options, freeze: options.freeze ?? [] }, ({ stores, at }) =>
        healing({ ...options, stores, ...(at === undefined ? {} : { frozenAt: at }) }, repository, state),
      ),
    );
  } catch (error) {
    // What the system refused and nobody above could do without.
    const { path } = error as { path?: unknown };
    throw systemCode(error)?.startsWith('E') === true && typeof path === 'string' ? ioError(error, 'use', path) : error;
  } finally {
    release();
  }
}

/** Runs, and once more where something of the local state turned out to be damaged: without believing that. */
async function healing(options: BackupOptions, repository: Repository, state: StateDirectory): Promise<BackupReport> {
  const findings: Finding[] = [];
  const recipients = options.recipients?.map((text) => parseRecipient(text));
  const keys = await loadKeys(repository, { ...options, recipients }, findings);
  try {
    return await locked(options, repository, state, keys, [...findings], new Set());
  } catch (error) {
    if (!(error instanceof DamagedState)) throw error;
    try {
      return await locked(options, repository, state, keys, findings, error.keys);
    } catch (again) {
      if (!(again instanceof DamagedState)) throw again;
      throw new MailrecoverError('failed', `the local state of ${again.keys.size} mailboxes is damaged, and they can't be read anew`, {
        hint: `make the mail store readable, or remove '${state.path}': then all mail is read again`,
        subject: state.path,
        cause: again,
      });
    }
  }
}

/**
 * One run, under the lock.
 * @param findings gets what there is to tell
 * @param damaged keys of mailboxes whose kept state is damaged: they are read anew
 * @throws DamagedState where others turn out to be
 */
async function locked(
  options: BackupOptions,
  repository: Repository,
  state: StateDirectory,
  keys: Keys,
  findings: Finding[],
  damaged: ReadonlySet<string>,
): Promise<BackupReport> {
  const { progress, signal } = options;
  const recipients = options.recipients?.map((text) => parseRecipient(text));
  const loaded = state.load(repository.id);
  const rebuilt = loaded === undefined;
  const index = loaded ?? emptyIndex(repository.id);
  const newest = await newestOwn(repository, keys.host, index);
  const parentSnapshot = await readNewest(repository, newest);
  const care = await readCare(repository, keys.host, options.trust, parentSnapshot, options.dryRun);
  const holdings = withoutRefused(await listHoldings(repository), care.refused);
  // The state is lost, or of another snapshot than the newest: what it does not say, the repository and the live mail do.
  const behind = newest !== undefined && index.snapshot !== newest.id;
  if (rebuilt || behind) await adoptTags(repository, state, index, keys, options.trust, holdings, findings);
  await adoptPending(repository, state, index, holdings);
  for (const mailbox of index.mailboxes) if (damaged.has(mailboxKey(mailbox))) delete mailbox.signatures;
  const lost = await lostPacks(repository, index, holdings);
  reportLost(index, lost, findings);
  const deep = options.deep || now() - index.deepAt > options.deepEvery * DAY;
  const sparse = deep && options.mailboxes === undefined ? sparsePacks(index) : [];
  const reread = new Set([...lost, ...packsToMerge(index), ...sparse]);

  progress.phase('looking for mailboxes');
  const mustRead = (mailbox: MailboxState): boolean => usesPacks(index, lost, mailbox) || damaged.has(mailboxKey(mailbox));
  const sources = await findSources(behind ? { ...options, mailboxes: undefined } : options, index, mustRead, findings);

  const packs = packStore({ target: repository.target, state, index, hostKey: keys.host, secret: keys.secret });
  const pool = new ContentPool({
    threads: options.threads,
    eager: index.mailboxes.length === 0 && !options.dryRun,
    secret: keys.secret,
    recipients,
    readBack: options.readBack,
    knownTables: index.tables.map((name) => state.file('tables', name)),
    lost: reread,
    storing: options.target.parallel ?? 1,
    onPack: (pack) => packs.store(pack),
    onRead: (files, bytes) => progress.advance(files, bytes),
  });
  const changes: Changes = { newMessages: 0, removedMessages: 0, flagChanges: 0, changedContent: [] };
  const tally: Tally = { live: new Map(), owners: new Map(), broken: false };
  const run: Run = {
    options,
    state,
    index,
    findings,
    deep,
    reread,
    lost,
    changes,
    unreached: [],
    tally,
    reader: (group) => (options.dryRun ? dryReader : numbered(pool, packs, group)),
    expectMuch: () => pool.expect(),
  };
  try {
    const context: CatalogContext = { repository, state, index, recipients, runs: new LocalRuns(state.file('runs'), packLookup(index)) };
    const chainBroken = index.catalogs.some((catalog) => holdings.get(catalog.name) !== catalog.size);
    const whole = index.catalogs.length === 0;
    const writer = whole ? newCatalog(context, 'base') : undefined;
    progress.phase('reading mail');
    const known = new Set(index.mailboxes.map(mailboxKey));
    const before = comparedWith(index, parentSnapshot);
    const sections = await readMailboxes(run, sources, writer);
    signal?.throwIfAborted();
    if (options.dryRun) return report(run, { ...pool.bytes, bytesStored: 0 });

    progress.phase('storing');
    const flushed = pool.flush();
    // Awaited below; it may fail before.
    flushed.catch(() => undefined);
    const delta = whole || chainBroken || sections.size === 0 ? undefined : await beginDelta(context, sections);
    await flushed;
    // What threads hold is not needed beside the catalog.
    await pool.close();
    applyTally(state, index, tally);
    await saveTables(state, index, packs.records());
    const unread = reportUnread(index, lost, findings);
    let stored = packs.stored;
    await restoreTags({
      target: repository.target,
      state,
      index,
      hostKey: keys.host,
      secret: keys.secret,
      packs: tagless(index, holdings, unread),
    });
    if (writer !== undefined) stored += await writeBase(context, writer.finish());
    else if (chainBroken) stored += await writeBase(context);
    else stored += await writeDelta(context, sections, delta);

    const parent = await newestOwn(repository, keys.host, index);
    const total = report(run, { ...pool.bytes, bytesStored: stored });
    const { counts } = total;
    const here = new Set(index.mailboxes.map(mailboxKey));
    const found = anomaliesOf(
      {
        before,
        after: counts,
        goneMailboxes: [...known].filter((key) => !here.has(key)).length,
        flagChanges: counts.flagChanges,
        changedContent: changes.changedContent.length,
        stored: pool.stored,
      },
      options.anomaly ?? THRESHOLDS,
    );
    const anomalies = [...new Set([...found.map(({ code }) => code), ...care.inherited])].sort();
    total.findings.push(...tellAnomalies(found, care.inherited));
    if (anomalies.length > 0 && total.outcome === 'ok') total.outcome = 'warning';
    await refuseCalledGone(repository, keys.host, parentSnapshot, care);
    const snapshot = await commitSnapshot(repository, index, unread, keys.host, care, {
      host: options.host,
      sequence: (parent?.sequence ?? 0) + 1,
      ...(parent === undefined ? {} : { parent: parent.id }),
      time: isoNow(),
      outcome: total.outcome === 'partial' ? 'partial' : 'complete',
      counts: { mailboxes: counts.mailboxes, folders: counts.folders, messages: counts.messages, bytes: totalBytes(index) },
      added: { messages: counts.newMessages, bytes: counts.bytesRead, stored },
      tool: options.tool,
      ...(anomalies.length > 0 ? { anomalies } : {}),
    });
    index.snapshot = snapshot.id;
    index.sequence = (parent?.sequence ?? 0) + 1;
    if (deep || rebuilt) index.deepAt = now();
    const problem = await keepState(state, index, context);
    const told = [
      ...(problem === undefined ? [] : [problem]),
      ...(await retainNeeded(
        repository,
        state,
        neededPaths(index, unread, snapshotPath(hostFingerprint(keys.host.publicHex), index.sequence, snapshot.id)),
      )),
      ...(repository.target.findings?.() ?? []),
    ];
    findings.push(...told);
    const outcome = told.length > 0 && total.outcome === 'ok' ? 'warning' : total.outcome;
    return { ...total, outcome, snapshot: snapshot.id, counts: { ...counts, bytesStored: stored + snapshot.size } };
  } finally {
    await pool.close();
  }
}

/** Keeps the state of a snapshot that is committed. @returns what the user should know where that failed: the snapshot is good all the same */
async function keepState(state: StateDirectory, index: StateIndex, { runs }: CatalogContext): Promise<Finding | undefined> {
  try {
    state.save(index);
    state.tidy(index);
    clearPending(state.file('pending'));
    await runs.tidy(index.catalogs);
    return undefined;
  } catch (error) {
    if (systemCode(error) === undefined && !(error instanceof MailrecoverError)) throw error;
    return {
      severity: 'warning',
      code: 'state-not-kept',
      message: `the snapshot is stored, but not all of the local state could be kept: ${ioError(error, 'write', state.path).message}`,
      hint: 'make room or repair the disk there; until then backups read more than they need to',
      subject: state.path,
    };
  }
}

/** The newest own snapshot, as far as it can be read. */
async function readNewest({ target }: Repository, newest: SnapshotRef | undefined): Promise<StoredSnapshot | undefined> {
  try {
    return newest === undefined ? undefined : await readSnapshot(target, newest);
  } catch (error) {
    if (error instanceof MailrecoverError && ['damage', 'repository-format', 'not-found'].includes(error.code)) return undefined;
    throw error;
  }
}

/** What prune may remove at any moment is as good as gone: it is there with a size that nothing has. */
function withoutRefused(holdings: Holdings, refused: ReadonlySet<string>): Holdings {
  return refused.size === 0 ? holdings : new Map([...holdings, ...[...refused].map((name) => [name, REFUSED] as const)]);
}

function packLookup(index: StateIndex): (name: string) => number | undefined {
  let numbers: Map<string, number> | undefined;
  return (name) => {
    numbers ??= new Map(index.packs.flatMap((pack, number) => (pack === null ? [] : [[pack.name, number] as const])));
    return numbers.get(name);
  };
}

/** Packs that the snapshot needs and whose tags are not on the target; and those of a run that was cut off, needed or not. */
function tagless(index: StateIndex, holdings: Holdings, lost: ReadonlySet<number>): Set<number> {
  const numbers = new Set<number>();
  for (const [number, pack] of index.packs.entries()) {
    if (pack === null || lost.has(number)) continue;
    const needed = pack.live > 0 && holdings.has(pack.name);
    if (pack.tags.name === '' || (needed && holdings.get(pack.tags.name) !== pack.tags.size)) numbers.add(number);
  }
  return numbers;
}

/** Reads through the pool; places become pack numbers at once. */
function numbered(pool: ContentPool, packs: PackStore, group: string): ContentReader {
  return async (requests) => {
    const outcomes = await pool.read(group, requests);
    for (const outcome of outcomes) if ('parts' in outcome) for (const part of outcome.parts) part.place = packs.numberOf(part.place);
    return outcomes;
  };
}
