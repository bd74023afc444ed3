/** Everything that lies at the place of a repository, and what each thing is by its name. */
import { TEMPORARY_PREFIX } from '../../system/files.ts';
import { objectPath, parseSnapshotPath, SHAPES, shaOfName, type ObjectKind } from '../names.ts';
import { isEpochPath } from '../epochs.ts';
import { isLockPath } from '../care/lock.ts';
import { parseRecordPath } from '../care/record.ts';
import { MARKER } from '../repository.ts';
import { parseRunsPath } from '../runs/object.ts';
import { RECOVER_PAGE, RECOVER_SCRIPT } from '../recover/files.ts';
import type { Target } from '../target.ts';

/** What a file of a repository is (docs/format.md, "Layout"). */
export type StoredKind = 'marker' | 'rescue' | 'host' | 'secret' | 'runs' | 'snapshot' | 'record' | 'lock' | 'epoch' | ObjectKind;

export interface Listing {
  /** Sizes in bytes, by path. */
  sizes: Map<string, number>;
  kinds: Map<string, StoredKind>;
  /** Files whose names fit no pattern. */
  unknown: string[];
  /** Unfinished writes, with their bytes. */
  unfinished: { count: number; bytes: number; sizes: Map<string, number> };
}

function objectKindOf(path: string, encrypted: boolean): ObjectKind | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  for (const kind of ['pack', 'tags', 'catalog'] as const) {
    if (!path.startsWith(`${SHAPES[kind].folder}/`)) continue;
    const wrapped = name.endsWith('.age') === (SHAPES[kind].wrapped && encrypted);
    return wrapped && shaOfName(kind, name) !== undefined && objectPath(kind, name) === path ? kind : undefined;
  }
  return undefined;
}

/** What a path is, or undefined where it is nothing that belongs into a repository. */
export function kindOf(path: string, encrypted: boolean): StoredKind | undefined {
  if (path === MARKER) return 'marker';
  if (path === RECOVER_SCRIPT || path === RECOVER_PAGE) return 'rescue';
  if (/^hosts\/[0-9a-f]{16}\.json$/.test(path)) return 'host';
  if (/^keys\/dedup-[0-9a-f]{16}\.json(\.age)?$/.test(path) && path.endsWith('.age') === encrypted) return 'secret';
  if (parseRecordPath(path) !== undefined) return 'record';
  if (isLockPath(path)) return 'lock';
  if (isEpochPath(path)) return 'epoch';
  if (parseRunsPath(path) !== undefined) return 'runs';
  return parseSnapshotPath(path) === undefined ? objectKindOf(path, encrypted) : 'snapshot';
}

/** Lists all that lies there. */
export async function listAll(target: Target, encrypted: boolean): Promise<Listing> {
  const listing: Listing = { sizes: new Map(), kinds: new Map(), unknown: [], unfinished: { count: 0, bytes: 0, sizes: new Map() } };
  for await (const { path, size } of target.list('', { all: true })) {
    if (path.slice(path.lastIndexOf('/') + 1).startsWith(TEMPORARY_PREFIX)) {
      listing.unfinished.count++;
      listing.unfinished.bytes += size;
      listing.unfinished.sizes.set(path, size);
      continue;
    }
    const kind = kindOf(path, encrypted);
    if (kind === undefined) listing.unknown.push(path);
    else {
      listing.sizes.set(path, size);
      listing.kinds.set(path, kind);
    }
  }
  return listing;
}
