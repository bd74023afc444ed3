/** Snapshots: each one's hash and signature, whose key signed it, and their order. */
import { MailrecoverError } from '../../errors/error.ts';
import { objectPath, parseSnapshotPath, snapshotPath, type ObjectKind, type SnapshotRef } from '../names.ts';
import { readSnapshot, supersededPaths, type StoredSnapshot } from '../repository.ts';
import type { Span } from '../retention/spans.ts';
import { hostFingerprint } from '../signing.ts';
import type { ObjectRef } from '../snapshot/text.ts';
import type { Target } from '../target.ts';
import type { Ledger } from './ledger.ts';
import type { Listing } from './listing.ts';

/** A sound snapshot, without the names of its objects: there may be thousands of both. */
export type SnapshotHead = Omit<StoredSnapshot, 'catalogs' | 'packs' | 'tags'> & { path: string };

/** An object that at least one sound snapshot names. */
export interface Need {
  kind: ObjectKind;
  name: string;
  size: number;
  /** How many snapshots name it. */
  count: number;
  /** Index in the heads of the newest of them. */
  newest: number;
}

export interface CheckedSnapshots {
  heads: SnapshotHead[];
  /** By path. */
  needs: Map<string, Need>;
  /** Paths of snapshots in whose place another one stands: nothing reads them. */
  superseded: ReadonlySet<string>;
  /** Paths of catalogs that are the last of a snapshot: nothing that they say is taken back. */
  lastCatalogs: Set<string>;
}

function addNeeds(
  needs: Map<string, Need>,
  kind: ObjectKind,
  refs: readonly ObjectRef[],
  head: number,
  heads: readonly SnapshotHead[],
): void {
  for (const { name, size } of refs) {
    const path = objectPath(kind, name);
    const need = needs.get(path);
    if (need === undefined) needs.set(path, { kind, name, size, count: 1, newest: head });
    else {
      need.count++;
      if ((heads[head]?.time ?? '') > (heads[need.newest]?.time ?? '')) need.newest = head;
    }
  }
}

/** Reads every snapshot, one at a time. What can't be believed is noted as damaged. */
export async function readSnapshots(target: Target, listing: Listing, ledger: Ledger, signal?: AbortSignal): Promise<CheckedSnapshots> {
  const refs = [...listing.kinds].flatMap(([path, kind]) => (kind === 'snapshot' ? (parseSnapshotPath(path) ?? []) : []));
  const checked: CheckedSnapshots = {
    heads: [],
    needs: new Map(),
    superseded: await supersededPaths(target, refs),
    lastCatalogs: new Set(),
  };
  for (const ref of refs) {
    signal?.throwIfAborted();
    const { path } = ref;
    if (checked.superseded.has(path)) continue;
    try {
      const { catalogs, packs, tags, ...rest } = await readSnapshot(target, ref);
      const head = checked.heads.push({ ...rest, path }) - 1;
      checked.lastCatalogs.add(objectPath('catalog', catalogs.at(-1)?.name ?? ''));
      addNeeds(checked.needs, 'catalog', catalogs, head, checked.heads);
      addNeeds(checked.needs, 'pack', packs, head, checked.heads);
      addNeeds(checked.needs, 'tags', tags, head, checked.heads);
    } catch (error) {
      if (!(error instanceof MailrecoverError) || error.code === 'unreachable') throw error;
      ledger.damaged(path, `can not be believed: ${error.message}`, { hint: COPY_HINT });
    }
  }
  return checked;
}

const COPY_HINT = 'put it back from another copy of the repository; what other snapshots hold is not touched by this';

/** The newest sound snapshot of each key, by index in the heads. */
export function newestHeads(heads: readonly SnapshotHead[]): number[] {
  const newest = new Map<string, number>();
  for (const [index, head] of heads.entries()) {
    const held = heads[newest.get(head.key) ?? -1];
    if (held === undefined || head.sequence > held.sequence) newest.set(head.key, index);
  }
  return [...newest.values()];
}

/**
 * Holds the order of each host's snapshots: every sequence number once, no gap, each naming the one before as its parent.
 * @param last the newest snapshot that this host remembers to have made
 */
export function checkChains(
  listing: Listing,
  { heads, superseded }: Pick<CheckedSnapshots, 'heads' | 'superseded'>,
  { last, forgotten }: { last: { key: string; sequence: number; id: string } | undefined; forgotten: readonly Span[] },
  ledger: Ledger,
): void {
  const byHost = new Map<string, Map<number, SnapshotRef[]>>();
  for (const [path, kind] of listing.kinds) {
    const ref = kind === 'snapshot' && !superseded.has(path) ? parseSnapshotPath(path) : undefined;
    if (ref === undefined) continue;
    const sequences = byHost.get(ref.fingerprint) ?? new Map<number, SnapshotRef[]>();
    sequences.set(ref.sequence, [...(sequences.get(ref.sequence) ?? []), ref]);
    byHost.set(ref.fingerprint, sequences);
  }
  for (const sequences of byHost.values()) {
    for (const refs of sequences.values())
      for (const { path } of refs.slice(1))
        ledger.damaged(path, 'has the sequence number of another snapshot of its host', { hint: FORK_HINT });
  }
  const replaced = new Map(heads.flatMap(({ id, replaces = [] }) => replaces.map((old) => [old, id] as const)));
  /** What stands at a place of a chain: `there` as it is named, `other`, or nothing. */
  const standing = (chain: string, sequence: number, id: string | undefined): 'there' | 'other' | undefined => {
    const refs = byHost.get(chain)?.get(sequence);
    if (refs !== undefined) return id === undefined || refs.some((ref) => ref.id === id || ref.id === replaced.get(id)) ? 'there' : 'other';
    const span = forgotten.find((each) => each.chain === chain && each.first <= sequence && sequence <= each.last);
    if (span === undefined) return undefined;
    return sequence < span.last || id === undefined || span.ids.includes(id) ? 'there' : 'other';
  };
  for (const { path, key, sequence, parent } of heads) {
    if (sequence === 1 && parent === undefined) continue;
    if (sequence < 1 || (sequence === 1) !== (parent === undefined)) {
      ledger.damaged(
        path,
        `does not fit into its chain: it is number ${sequence} and names ${parent === undefined ? 'no parent' : 'a parent'}`,
      );
      continue;
    }
    const before = standing(hostFingerprint(key), sequence - 1, parent);
    if (before === undefined) ledger.missing(snapshotPath(hostFingerprint(key), sequence - 1, parent ?? ''), COPY_HINT);
    else if (before === 'other')
      ledger.damaged(path, `does not fit into its chain: number ${sequence - 1} is not the parent that it names`, { hint: FORK_HINT });
  }
  for (const { chain, first, parent } of forgotten) {
    // What was forgotten has a parent, too: whoever removes one more, without a record, is found by that.
    if (first > 1 && parent !== undefined && standing(chain, first - 1, parent) === undefined)
      ledger.missing(snapshotPath(chain, first - 1, parent), COPY_HINT);
  }
  if (last === undefined) return;
  const path = snapshotPath(hostFingerprint(last.key), last.sequence, last.id);
  if (!listing.sizes.has(path) && !replaced.has(last.id))
    ledger.missing(path, 'this host made that snapshot: the repository was set back to an older state, or somebody removed it');
}

const FORK_HINT = 'a second installation with the same signing key, or a repository that was set back, does this; find out which';

/**
 * Whether each key is one that is to be believed. A key that is not, but uses the name of a host whose key is, makes its
 * snapshots count as forged.
 */
export function checkKeys(heads: readonly SnapshotHead[], trusted: ReadonlySet<string>, ownHost: string | undefined, ledger: Ledger): void {
  const names = new Set(heads.filter(({ key }) => trusted.has(key)).map(({ host }) => host));
  if (ownHost !== undefined) names.add(ownHost);
  const strangers = Map.groupBy(
    heads.filter(({ key }) => !trusted.has(key)),
    ({ key }) => key,
  );
  for (const [key, list] of strangers) {
    for (const { path, host } of list) {
      if (!names.has(host)) continue;
      ledger.damaged(path, `says that it is of '${host}', but is signed by a key that is not that host's`, {
        hint: `if '${host}' once had the key ${key}, add it to 'trust' in the configuration; if not, the snapshot is forged`,
      });
    }
    const others = list.filter(({ host }) => !names.has(host));
    if (others.length === 0) continue;
    ledger.findings.push({
      severity: 'warning',
      code: 'unconfirmed-key',
      message: `nobody has confirmed the key ${key}, which signed ${others.length} ${others.length === 1 ? 'snapshot' : 'snapshots'} of '${[...new Set(others.map(({ host }) => host))].join("', '")}'`,
      hint: "compare it with that host's recovery sheet, then add it to 'trust' in the configuration",
      subject: key,
    });
  }
}
