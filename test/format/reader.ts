/**
 * A reader of repositories, written from docs/format.md alone: it shares no code with the program,
 * so that the specification, and not the program, decides what a repository is.
 */
import { createHmac, createPublicKey, verify } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { decryptAge } from './age.ts';
import { sha256 } from './encoding.ts';
import { applyCatalog } from './state.ts';
import type { State } from './state.ts';
import { readCatalogLines, readPack } from './wrapping.ts';

/** An object as a snapshot names it. */
export type Named = { name: string; size: number };
/** A snapshot; `verified` says that its signature is by `key`. */
export type Snapshot = {
  id: string;
  host: string;
  key: string;
  sequence: number;
  parent?: string;
  time: string;
  outcome: string;
  counts: { mailboxes: number; folders: number; messages: number; bytes: number };
  added: { messages: number; bytes: number; stored: number };
  tool: string;
  verified: boolean;
  catalogs: Named[];
  packs: Named[];
  tags: Named[];
};

const NAMES = {
  packs: /^[0-9a-f]{64}\.tar\.zst(\.age)?$/,
  tags: /^[0-9a-f]{64}\.tags\.zst$/,
  catalogs: /^[0-9a-f]{64}\.jsonl\.zst(\.age)?$/,
};

/** `mailrecover.json`; throws for another format. */
export function readRepository(dir: string): { id: string; created: string; encrypted: boolean } {
  const json = JSON.parse(readFileSync(join(dir, 'mailrecover.json'), 'utf8')) as Record<string, unknown>;
  if (json.mailrecover !== 'repository' || json.format !== 1) throw new Error('not a repository of format 1');
  return { id: String(json.id), created: String(json.created), encrypted: json.encrypted === true };
}

/** Reads a stored object, compares its SHA-256 with its name, and decrypts it where its name says so. */
export function readObject(dir: string, kind: keyof typeof NAMES, name: string, identities: Buffer[] = []): Buffer {
  if (!NAMES[kind].test(name)) throw new Error(`not a name of ${kind}: ${name}`);
  const stored = readFileSync(join(dir, kind, name.slice(0, 2), name));
  if (sha256(stored) !== name.slice(0, 64)) throw new Error(`damaged: ${kind}/${name}`);
  return name.endsWith('.age') ? decryptAge(stored, identities) : stored;
}

/** Splits a signed text into its lines and says whether its last line signs what is before. */
function readSigned(
  text: Buffer,
  key: (first: Record<string, unknown>) => string,
): { lines: string[]; first: Record<string, unknown>; verified: boolean } {
  const at = text.lastIndexOf(10, text.length - 2) + 1;
  const last = JSON.parse(text.subarray(at).toString()) as { signature?: string };
  const lines = text.subarray(0, at).toString().split('\n').filter(Boolean);
  const first = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(key(first), 'hex')]);
  const pub = createPublicKey({ key: der, format: 'der', type: 'spki' });
  return { lines, first, verified: verify(null, text.subarray(0, at), pub, Buffer.from(last.signature ?? '', 'hex')) };
}

/** The paths of all snapshots, below `snapshots`. */
function snapshotPaths(dir: string): string[] {
  const hosts = readdirSync(join(dir, 'snapshots')).filter((host) => /^[0-9a-f]{16}$/.test(host));
  const all = hosts.flatMap((host) => readdirSync(join(dir, 'snapshots', host)).map((name) => `${host}/${name}`));
  return all.filter((name) => /\/[0-9]{8,}-[0-9a-f]{64}\.jsonl$/.test(name));
}

/** Reads one snapshot by its id. */
export function readSnapshot(dir: string, id: string): Snapshot {
  const path = snapshotPaths(dir).find((name) => name.includes(`-${id}.`)) ?? '';
  const text = readFileSync(join(dir, 'snapshots', path));
  if (sha256(text) !== id) throw new Error(`damaged: snapshots/${path}`);
  const { lines, first, verified } = readSigned(text, (line) => String(line.key));
  if (first.snapshot !== 1) throw new Error('not a snapshot');
  const place = `${sha256(Buffer.from(String(first.key), 'hex')).slice(0, 16)}/${String(first.sequence).padStart(8, '0')}-${id}.jsonl`;
  if (path !== place) throw new Error(`a snapshot of another host or number than its path says: ${path}`);
  const rest = lines.slice(1).map((line) => JSON.parse(line) as Record<string, string | number>);
  const named = (kind: string): Named[] =>
    rest.filter((line) => kind in line).map((line) => ({ name: String(line[kind]), size: Number(line.size) }));
  const head = first as unknown as Snapshot;
  return { ...head, id, verified, catalogs: named('catalog'), packs: named('pack'), tags: named('tags') };
}

/** All snapshots, oldest first, each host by itself. */
export function readSnapshots(dir: string): Snapshot[] {
  const all = snapshotPaths(dir).map((name) => readSnapshot(dir, name.slice(-70, -6)));
  return all.sort((a, b) => (a.host < b.host ? -1 : a.host > b.host ? 1 : a.sequence - b.sequence));
}

/** The state that a snapshot's catalogs say. */
export function readState(dir: string, snapshot: Snapshot, identities: Buffer[] = []): State {
  const state: State = new Map();
  for (const catalog of snapshot.catalogs) applyCatalog(state, readCatalogLines(readObject(dir, 'catalogs', catalog.name, identities)));
  return state;
}

/** Gives the bytes of entries: from the pack that is named, else from any other of the snapshot's. */
export function entryReader(dir: string, snapshot: Snapshot, identities: Buffer[] = []): (part: { sha: string; pack: string }) => Buffer {
  const packs = new Map<string, Map<string, Buffer>>();
  const open = (name: string): Map<string, Buffer> => {
    const pack = packs.get(name) ?? readPack(readObject(dir, 'packs', name, identities));
    packs.set(name, pack);
    return pack;
  };
  const listed = new Set(snapshot.packs.map((pack) => pack.name));
  return ({ sha, pack }) => {
    for (const name of [...(listed.has(pack) ? [pack] : []), ...listed]) {
      const bytes = open(name).get(sha);
      if (bytes) return bytes;
    }
    throw new Error(`no pack holds ${sha}`);
  };
}

/** Reads the tags of a pack. */
export function readTags(
  dir: string,
  name: string,
): { pack: string; size: number; secret: string; key: string; tags: string[]; verified: boolean } {
  const { lines, first, verified } = readSigned(zstdDecompressSync(readObject(dir, 'tags', name)), (line) => String(line.key));
  if (first.tags !== 1) throw new Error('not tags');
  return {
    pack: String(first.pack),
    size: Number(first.size),
    secret: String(first.secret),
    key: String(first.key),
    tags: lines.slice(1),
    verified,
  };
}

/** The tag of an entry under a dedup secret. */
export function tagOf(secret: Buffer, sha: string): string {
  return createHmac('sha256', secret).update(Buffer.from(sha, 'hex')).digest('hex').slice(0, 32);
}

/** Reads all dedup secrets, by fingerprint. */
export function readSecrets(dir: string, identities: Buffer[] = []): Map<string, Buffer> {
  const out = new Map<string, Buffer>();
  const folder = join(dir, 'keys');
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const match = /^dedup-([0-9a-f]{16})\.json(\.age)?$/.exec(name);
    if (!match) continue;
    const stored = readFileSync(join(folder, name));
    const json = JSON.parse((match[2] ? decryptAge(stored, identities) : stored).toString()) as { dedup: number; secret: string };
    const secret = Buffer.from(json.secret, 'hex');
    if (json.dedup !== 1 || secret.length !== 32) throw new Error(`damaged: keys/${name}`);
    if (sha256(Buffer.concat([Buffer.from('mailrecover dedup '), secret])).slice(0, 16) !== match[1])
      throw new Error(`another secret than its name says: ${name}`);
    out.set(match[1] ?? '', secret);
  }
  return out;
}

/** Reads `hosts/`: name and key by fingerprint. */
export function readHosts(dir: string): Map<string, { host: string; key: string }> {
  const out = new Map<string, { host: string; key: string }>();
  for (const name of readdirSync(join(dir, 'hosts'))) {
    if (!/^[0-9a-f]{16}\.json$/.test(name)) continue;
    const json = JSON.parse(readFileSync(join(dir, 'hosts', name), 'utf8')) as { host: string; key: string };
    if (sha256(Buffer.from(json.key, 'hex')).slice(0, 16) !== name.slice(0, 16)) throw new Error(`another key than its name says: ${name}`);
    out.set(name.slice(0, 16), json);
  }
  return out;
}
