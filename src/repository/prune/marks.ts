/**
 * Marks: what prune is going to remove. A host that makes a backup says in its snapshot which marks it knew of from its start on, and from
 * then on keeps away from what they name; only when every host that writes here has said so is anything removed. So no clock decides
 * (docs/format.md, "Marks").
 */
import type { StoredRecord } from '../care/record.ts';
import type { Snapshot } from '../snapshot/text.ts';

export interface Mark {
  id: string;
  path: string;
  /** Public key of whoever marked. */
  key: string;
  /** Name of the host that did. */
  host: string;
  time: string;
  /** Fingerprints of the hosts that were known to write here. */
  hosts: ReadonlySet<string>;
  /** Sizes by path. */
  objects: Map<string, number>;
}

export function markOf(record: StoredRecord): Mark {
  const { id, path, key, host, time, fields, lines } = record;
  const { hosts } = fields;
  const objects = new Map<string, number>();
  for (const line of lines)
    if (typeof line['object'] === 'string' && typeof line['size'] === 'number') objects.set(line['object'], line['size']);
  return {
    id,
    path,
    key,
    host,
    time,
    hosts: new Set(Array.isArray(hosts) ? hosts.filter((each): each is string => typeof each === 'string') : []),
    objects,
  };
}

/** What the name of an object is in snapshots: the last part of its path. */
export function objectOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Names of objects that a snapshot needs. */
export function namesOf(snapshot: Pick<Snapshot, 'catalogs' | 'packs' | 'tags'> | undefined): Set<string> {
  return new Set([...(snapshot?.catalogs ?? []), ...(snapshot?.packs ?? []), ...(snapshot?.tags ?? [])].map(({ name }) => name));
}

/** What the marks mean to one backup. */
export interface MarkView {
  marks: readonly Mark[];
  /** Names of objects that this run must do without: they may be removed at any moment. */
  refused: ReadonlySet<string>;
  /** Marks that a snapshot which needs these objects may say it kept away from. */
  acknowledge(needed: ReadonlySet<string>): string[];
}

/**
 * @param own fingerprint of this host's key
 * @param newest its newest snapshot, read before the marks were: what that needs stays until the next one is there
 */
export function viewMarks(
  marks: readonly Mark[],
  own: string,
  newest: Pick<Snapshot, 'catalogs' | 'packs' | 'tags' | 'marks'> | undefined,
): MarkView {
  const safe = namesOf(marks.length === 0 ? undefined : newest);
  const said = new Set(newest?.marks ?? []);
  // A mark that waits for this host, which has not said that it knows it, still lets it take what it names: that stays then.
  const isFree = ({ id, hosts }: Mark): boolean => hosts.has(own) && !said.has(id);
  const refused = new Set<string>();
  for (const mark of marks) {
    if (isFree(mark)) continue;
    for (const path of mark.objects.keys()) if (!safe.has(objectOf(path))) refused.add(objectOf(path));
  }
  return {
    marks,
    refused,
    acknowledge: (needed) =>
      marks
        .filter(
          (mark) => !isFree(mark) || [...mark.objects.keys()].every((path) => !needed.has(objectOf(path)) || safe.has(objectOf(path))),
        )
        .map(({ id }) => id)
        .sort(),
  };
}
