/** Brings the index up to date: reads the snapshots, the changes and the headers that it does not have yet. */
import { MailrecoverError } from '../../../errors/error.ts';
import { byBytes } from '../../../repository/catalog/percent.ts';
import type { SnapshotRef } from '../../../repository/names.ts';
import { readSnapshot, type StoredSnapshot } from '../../../repository/repository.ts';
import { addWant, emptyRecords, fetchHeaders, lookElsewhere, type PackWants } from './fetch.ts';
import { bytesOf, IndexDamage, integersOf, NO_BYTES, readFacts, writeWhole, type FileFacts } from './files.ts';
import { ChainFollower } from './follow.ts';
import { decodeGroups, encodeGroups, History } from './history.ts';
import { COLUMNS, fileOf, newName, writeManifest, type Column, type KnownChain, type Manifest } from './manifest.ts';
import { tightenFor } from '../../../system/memory.ts';
import type { IndexOptions } from './options.ts';
import { RecordWriter } from './records.ts';
import { ShaTable } from './sha-table.ts';

type Start = Omit<Manifest, 'version' | 'rows' | 'groups'>;

function emptyStart(): Start {
  const columns = Object.fromEntries(COLUMNS.map((column) => [column, NO_BYTES])) as Record<Column, FileFacts>;
  return { generation: newName('g'), columns, chains: [], unread: [], readers: [] };
}

function loadHistory(directory: string, manifest: Manifest): History {
  const groups = decodeGroups(readFacts(directory, manifest.groups.name, manifest.groups).toString('latin1'));
  const rows = integersOf(readFacts(directory, manifest.rows.name, manifest.rows));
  const bases = readFacts(directory, fileOf(manifest.generation, 'bases'), manifest.columns.bases).toString('latin1').split('\n');
  bases.pop();
  return new History(groups, rows, bases);
}

/** Snapshots of each key that the index does not have, oldest first. @throws IndexDamage where one is older than some that it has */
export function newRefs(chains: readonly KnownChain[], refs: readonly SnapshotRef[]): Map<string, SnapshotRef[]> {
  const known = new Set(chains.flatMap((chain) => [...chain.snapshots.map(([, id]) => id), ...chain.bad]));
  const fresh = Map.groupBy(
    refs.filter((ref) => !known.has(ref.id)).toSorted((a, b) => a.sequence - b.sequence || byBytes(a.id, b.id)),
    (ref) => ref.fingerprint,
  );
  for (const [fingerprint, [first]] of fresh) {
    const last = chains.find((chain) => chain.fingerprint === fingerprint)?.snapshots.at(-1);
    if (first !== undefined && last !== undefined && (first.sequence - last[0] || byBytes(first.id, last[1])) < 0)
      throw new IndexDamage('order');
  }
  return fresh;
}

/**
 * Makes the index of `manifest`, or a new one, know all of `refs`.
 * @throws IndexDamage where the index has to be made anew
 */
export async function updateIndex(
  options: IndexOptions,
  directory: string,
  manifest: Manifest | undefined,
  refs: readonly SnapshotRef[],
): Promise<Manifest> {
  const { progress, signal } = options;
  const start: Start = manifest === undefined ? emptyStart() : structuredClone(manifest);
  const { chains } = start;
  const table = new ShaTable(
    manifest === undefined ? undefined : readFacts(directory, fileOf(manifest.generation, 'shas'), manifest.columns.shas),
  );
  const history = manifest === undefined ? new History() : loadHistory(directory, manifest);
  const first = table.size;
  const rowsBefore = history.bases.length;
  const wants: PackWants = new Map();
  let wanted = 0;
  const see = (sha: string, pack: string): number => {
    const before = table.size;
    const number = table.add(Buffer.from(sha, 'hex'));
    if (number === before) {
      addWant(wants, pack, number);
      wanted++;
    }
    return number;
  };

  const fresh = newRefs(chains, refs);
  progress.phase('reading snapshots', { items: [...fresh.values()].reduce((sum, list) => sum + list.length, 0) });
  const newest: StoredSnapshot[] = [];
  for (const [fingerprint, list] of fresh) {
    let chain = chains.find((each) => each.fingerprint === fingerprint);
    if (chain === undefined) {
      chain = { fingerprint, host: '', snapshots: [], catalogs: [], bad: [] };
      chains.push(chain);
    }
    const follower = new ChainFollower(
      { target: options.repository.target, identities: options.identities, history, see },
      chains.indexOf(chain),
    );
    let last: StoredSnapshot | undefined;
    for (const ref of list) {
      signal?.throwIfAborted();
      last = (await takeSnapshot(options, chain, follower, ref)) ?? last;
      progress.advance(1, 0);
    }
    if (last !== undefined) newest.push(last);
  }

  progress.phase('reading headers', { items: wanted });
  tightenFor(wanted);
  const writer = new RecordWriter(directory, start);
  writer.appendBases(history.bases, rowsBefore);
  history.settle();
  const places = new Int32Array(table.size - first).fill(-1);
  const replaced = new Map<number, number>();
  const onRecord = (number: number, record: number): void => {
    if (number >= first) places[number - first] = record;
    else replaced.set(number, record);
  };
  let left = await fetchHeaders(options, wants, table, writer, onRecord);
  const retried = [...left, ...start.unread];
  if (retried.length > 0 && newest.length > 0) {
    const packs = new Set(newest.flatMap((snapshot) => snapshot.packs.map(({ name }) => name)));
    await fetchHeaders(options, await lookElsewhere(options, retried, packs, table), table, writer, onRecord);
    left = left.filter((number) => places[number - first] === -1);
  }
  const empty = writer.count;
  writer.append(emptyRecords(left, table));
  for (const [at, number] of left.entries()) places[number - first] = empty + at;
  history.renumber(first, places, replaced);

  const rows = newName('rows');
  const groups = newName('groups');
  return writeManifest(directory, {
    ...start,
    columns: writer.close(),
    rows: { name: rows, ...writeWhole(directory, rows, bytesOf(history.rows)) },
    groups: { name: groups, ...writeWhole(directory, groups, Buffer.from(encodeGroups(history.groups), 'latin1')) },
    unread: [...start.unread.filter((record) => !replaced.has(record)), ...left.map((_, at) => empty + at)],
    readers: [...new Set([...start.readers, ...(options.identities ?? []).map((identity) => identity.recipient.text)])],
  });
}

/** Takes one more snapshot of a chain up. One that can't be read is passed over. */
async function takeSnapshot(
  options: IndexOptions,
  chain: KnownChain,
  follower: ChainFollower,
  ref: SnapshotRef,
): Promise<StoredSnapshot | undefined> {
  try {
    const snapshot = await readSnapshot(options.repository.target, ref);
    const catalogs = snapshot.catalogs.map(({ name }) => name);
    await follower.step(chain.catalogs, catalogs, chain.snapshots.length);
    chain.snapshots.push([ref.sequence, ref.id, Date.parse(snapshot.time), snapshot.outcome === 'complete']);
    chain.catalogs = catalogs;
    chain.host = snapshot.host;
    return snapshot;
  } catch (error) {
    if (!(error instanceof MailrecoverError) || !['damage', 'not-found', 'repository-format'].includes(error.code)) throw error;
    chain.bad.push(ref.id);
    // What it would have changed may be taken up in part: the next one is compared as a whole.
    chain.catalogs = [];
    return undefined;
  }
}
