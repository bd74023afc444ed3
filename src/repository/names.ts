/** Names of objects in a repository (docs/format.md, "Layout"). */

export type ObjectKind = 'pack' | 'tags' | 'catalog' | 'snapshot';

interface Shape {
  folder: string;
  ending: string;
  /** Whether names carry `.age` when the repository is encrypted. */
  wrapped: boolean;
  /** Whether objects lie in folders named by the first two digits. */
  split: boolean;
}

export const SHAPES: Record<ObjectKind, Shape> = {
  pack: { folder: 'packs', ending: '.tar.zst', wrapped: true, split: true },
  tags: { folder: 'tags', ending: '.tags.zst', wrapped: false, split: true },
  catalog: { folder: 'catalogs', ending: '.jsonl.zst', wrapped: true, split: true },
  snapshot: { folder: 'snapshots', ending: '.jsonl', wrapped: false, split: false },
};

/** The file name, without its folder, of an object with this SHA-256 (hex). */
export function objectName(kind: ObjectKind, sha: string, encrypted: boolean): string {
  const shape = SHAPES[kind];
  return sha + shape.ending + (shape.wrapped && encrypted ? '.age' : '');
}

/** Where in the repository an object of this file name lies. */
export function objectPath(kind: ObjectKind, name: string): string {
  const shape = SHAPES[kind];
  return shape.split ? `${shape.folder}/${name.slice(0, 2)}/${name}` : `${shape.folder}/${name}`;
}

const NAME = /^([0-9a-f]{64})(\.[a-z.]+)$/;

/** The SHA-256 (hex) in a file name of this kind, or undefined where it is not such a name. */
export function shaOfName(kind: ObjectKind, name: string): string | undefined {
  const match = NAME.exec(name);
  const shape = SHAPES[kind];
  if (match === null) return undefined;
  return match[2] === shape.ending || (shape.wrapped && match[2] === `${shape.ending}.age`) ? match[1] : undefined;
}
