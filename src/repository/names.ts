/** Names of objects in a repository (docs/format.md, "Layout"). */

export type ObjectKind = 'pack' | 'tags' | 'catalog';

interface Shape {
  folder: string;
  ending: string;
  /** Whether names carry `.age` when the repository is encrypted. */
  wrapped: boolean;
}

export const SHAPES: Record<ObjectKind, Shape> = {
  pack: { folder: 'packs', ending: '.tar.zst', wrapped: true },
  tags: { folder: 'tags', ending: '.tags.zst', wrapped: false },
  catalog: { folder: 'catalogs', ending: '.jsonl.zst', wrapped: true },
};

/** The file name, without its folder, of an object with this SHA-256 (hex). */
export function objectName(kind: ObjectKind, sha: string, encrypted: boolean): string {
  const shape = SHAPES[kind];
  return sha + shape.ending + (shape.wrapped && encrypted ? '.age' : '');
}

/** Where in the repository an object of this file name lies. */
export function objectPath(kind: ObjectKind, name: string): string {
  return `${SHAPES[kind].folder}/${name.slice(0, 2)}/${name}`;
}

const NAME = /^([0-9a-f]{64})(\.[a-z.]+)$/;

/** The SHA-256 (hex) in a file name of this kind, or undefined where it is not such a name. */
export function shaOfName(kind: ObjectKind, name: string): string | undefined {
  const match = NAME.exec(name);
  const shape = SHAPES[kind];
  if (match === null) return undefined;
  return match[2] === shape.ending || (shape.wrapped && match[2] === `${shape.ending}.age`) ? match[1] : undefined;
}

/** What the path of a snapshot object says. */
export interface SnapshotRef {
  path: string;
  /** SHA-256 of the object, 64 hex digits. */
  id: string;
  /** Fingerprint of the host's key. */
  fingerprint: string;
  sequence: number;
}

const SNAPSHOT = /^snapshots\/([0-9a-f]{16})\/(\d{8,15})-([0-9a-f]{64})\.jsonl$/;

export function snapshotPath(fingerprint: string, sequence: number, id: string): string {
  return `snapshots/${fingerprint}/${String(sequence).padStart(8, '0')}-${id}.jsonl`;
}

/** Reads the path of a snapshot object, or undefined where it is none. */
export function parseSnapshotPath(path: string): SnapshotRef | undefined {
  const match = SNAPSHOT.exec(path);
  return match === null ? undefined : { path, fingerprint: match[1] as string, sequence: Number(match[2]), id: match[3] as string };
}
