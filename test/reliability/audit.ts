/** Looks at all of a repository by the format's specification alone, with the reader that shares no code with the program. */
import { createPublicKey, verify } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decryptAge } from '../format/age.ts';
import { sha256 } from '../format/encoding.ts';
import { applyCatalog, type State } from '../format/state.ts';
import { readCatalogLines, readPack } from '../format/wrapping.ts';

interface Named {
  name: string;
  size: number;
}

export interface AuditedSnapshot {
  id: string;
  sequence: number;
  parent: string | undefined;
  outcome: string;
  catalogs: Named[];
  packs: Named[];
  tags: Named[];
  /** Number of messages and of parts of other files. */
  entries: number;
}

export interface Audit {
  snapshots: AuditedSnapshot[];
  /** SHA-256 of entries that more than one pack holds. */
  twice: string[];
  /** Packs on the target, also those that no snapshot names. */
  packs: number;
}

const folders = { pack: 'packs', tags: 'tags', catalog: 'catalogs' } as const;

/** What was read before; objects never change under their name, and each is hashed again. */
const packEntries = new Map<string, Set<string>>();
const catalogLines = new Map<string, string[]>();

function readStored(repo: string, kind: keyof typeof folders, { name, size }: Named): Buffer {
  const bytes = readFileSync(join(repo, folders[kind], name.slice(0, 2), name));
  if (bytes.length !== size) throw new Error(`${kind} ${name} has ${bytes.length} bytes, and the snapshot says ${size}`);
  if (sha256(bytes) !== name.slice(0, 64)) throw new Error(`${kind} ${name} has other bytes than its name says`);
  return bytes;
}

function entriesOf(name: string, bytes: Buffer, identities: Buffer[]): Set<string> {
  let entries = packEntries.get(name);
  if (entries === undefined) packEntries.set(name, (entries = new Set(readPack(decryptAge(bytes, identities)).keys())));
  return entries;
}

function readSnapshot(path: string, fingerprint: string, file: string): AuditedSnapshot & { lines: string[] } {
  const text = readFileSync(path);
  const match = /^(\d{8,})-([0-9a-f]{64})\.jsonl$/.exec(file);
  if (match === null || sha256(text) !== match[2]) throw new Error(`${path} is not the snapshot that its name says`);
  const end = text.lastIndexOf(10, text.length - 2) + 1;
  const lines = text.subarray(0, end).toString().trimEnd().split('\n');
  const head = JSON.parse(lines[0] ?? '') as { snapshot: number; key: string; sequence: number; parent?: string; outcome: string };
  const { signature } = JSON.parse(text.subarray(end).toString()) as { signature: string };
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(head.key, 'hex')]);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  if (!verify(null, text.subarray(0, end), key, Buffer.from(signature, 'hex'))) throw new Error(`the signature of ${path} is wrong`);
  if (sha256(Buffer.from(head.key, 'hex')).slice(0, 16) !== fingerprint) throw new Error(`${path} lies with another host`);
  if (head.snapshot !== 1 || head.sequence !== Number(match[1])) throw new Error(`the sequence of ${path} is wrong`);
  const rest = lines.slice(1).map((line) => JSON.parse(line) as Record<string, string | number>);
  const named = (kind: string): Named[] =>
    rest.flatMap(({ [kind]: name, size }) => (typeof name === 'string' ? [{ name, size: Number(size) }] : []));
  return {
    id: match[2] ?? '',
    sequence: head.sequence,
    parent: head.parent,
    outcome: head.outcome,
    catalogs: named('catalog'),
    packs: named('pack'),
    tags: named('tags'),
    entries: 0,
    lines,
  };
}

function checkSnapshot(repo: string, snapshot: AuditedSnapshot, identities: Buffer[], missing: ReadonlySet<string>): void {
  const held = new Set<string>();
  for (const pack of snapshot.packs) {
    if (missing.has(pack.name)) continue;
    for (const sha of entriesOf(pack.name, readStored(repo, 'pack', pack), identities)) held.add(sha);
  }
  for (const tags of snapshot.tags) if (!missing.has(tags.name)) readStored(repo, 'tags', tags);
  if (snapshot.catalogs.some((catalog) => missing.has(catalog.name))) return;
  const state: State = new Map();
  for (const catalog of snapshot.catalogs) {
    const bytes = readStored(repo, 'catalog', catalog);
    let lines = catalogLines.get(catalog.name);
    if (lines === undefined) catalogLines.set(catalog.name, (lines = readCatalogLines(decryptAge(bytes, identities))));
    applyCatalog(state, lines);
  }
  if (snapshot.packs.some((pack) => missing.has(pack.name))) return;
  for (const section of state.values())
    for (const dir of section.dirs.values())
      for (const item of dir.items.values())
        for (const { sha } of item.parts ?? []) {
          if (!held.has(sha)) throw new Error(`snapshot ${snapshot.sequence}: no pack of it holds ${item.name} (${sha})`);
          snapshot.entries++;
        }
}

/**
 * Checks that every snapshot's objects are there, whole, signed, and hold every byte that its catalogs speak of.
 * @param missing names of objects, and ids of snapshots, that are known to be gone
 */
export function audit(repo: string, identities: Buffer[], missing: ReadonlySet<string> = new Set()): Audit {
  const snapshots: AuditedSnapshot[] = [];
  const root = join(repo, 'snapshots');
  for (const fingerprint of existsSync(root) ? readdirSync(root) : []) {
    const own: AuditedSnapshot[] = [];
    for (const file of readdirSync(join(root, fingerprint)).sort()) {
      if (file.startsWith('.tmp-')) continue;
      own.push(readSnapshot(join(root, fingerprint, file), fingerprint, file));
    }
    for (const [index, snapshot] of own.entries()) {
      if (index > 0 && snapshot.parent !== own[index - 1]?.id && !missing.has(snapshot.parent ?? ''))
        throw new Error(`snapshot ${snapshot.sequence} has another parent than the one before it`);
      checkSnapshot(repo, snapshot, identities, missing);
    }
    snapshots.push(...own);
  }
  return { snapshots, ...countEntries(repo, identities) };
}

function countEntries(repo: string, identities: Buffer[]): Pick<Audit, 'twice' | 'packs'> {
  const seen = new Set<string>();
  const twice: string[] = [];
  let packs = 0;
  const root = join(repo, 'packs');
  for (const folder of existsSync(root) ? readdirSync(root) : []) {
    for (const name of readdirSync(join(root, folder))) {
      if (name.startsWith('.tmp-')) continue;
      packs++;
      for (const sha of entriesOf(name, readFileSync(join(root, folder, name)), identities)) {
        if (seen.has(sha)) twice.push(sha);
        seen.add(sha);
      }
    }
  }
  return { twice, packs };
}
