import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import type { TraceRecord, TraceStep } from './preload/trace.ts';
import { Random } from './random.ts';

/**
 * What outlives the power cut of that which no fsync covers:
 * `none` of it, `all` (as when only the process is killed), the `names` but not the bytes
 * (a renamed file that was not synced is empty), the `bytes` but not the names, or `some`: each name
 * and each write by chance, writes also by a part.
 */
export type Survival = 'none' | 'all' | 'names' | 'bytes' | 'some';
export const SURVIVALS: Survival[] = ['none', 'all', 'names', 'bytes', 'some'];

/** Reads what a trace plan recorded. */
export function readTrace(file: string): TraceRecord[] {
  const bytes = readFileSync(file);
  const records: TraceRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(10, at);
    const head = JSON.parse(bytes.toString('utf8', at, end)) as TraceStep & { bytes?: number };
    const length = head.bytes ?? 0;
    const step = head.op === 'write' ? { ...head, data: bytes.subarray(end + 1, end + 1 + length) } : head;
    records.push({ ...step, at });
    at = end + 1 + length;
  }
  return records;
}

interface Pending {
  at: number;
  position: number;
  /** Undefined for a truncation to `position`. */
  data: Buffer | undefined;
}

interface FileNode {
  kind: 'file';
  mode: number;
  now: Buffer;
  synced: Buffer;
  pending: Pending[];
}

interface Link {
  kind: 'link';
  target: string;
}

interface Directory {
  kind: 'directory';
  mode: number;
  now: Map<string, Node>;
  synced: Map<string, Node>;
}

type Node = FileNode | Link | Directory;

/** A change of names: all of its entries outlive a power cut, or none does. */
interface Change {
  at: number;
  entries: { directory: Directory; name: string; node: Node | undefined }[];
}

/** A disk below one directory, with what is known to be on it and what is still on its way. */
export class Disk {
  #root: Directory;
  #at: string;
  #changes: Change[] = [];

  /** @param root the traced directory; what `baseline` holds (a copy of it from before the trace) counts as being on the disk. */
  constructor(root: string, baseline?: string) {
    this.#at = Buffer.from(root).toString('latin1').replace(/\/$/, '');
    this.#root = baseline === undefined ? newDirectory(0o700) : load(Buffer.from(baseline));
  }

  /** Does what one record says. Records of other places are passed over. */
  apply(record: TraceRecord): void {
    const place = this.#find(record.path);
    switch (record.op) {
      case 'create':
        return this.#change(record.at, [place, newFile(record.mode)]);
      case 'mkdir':
        return this.#change(record.at, [place, newDirectory(record.mode)]);
      case 'symlink':
        return this.#change(record.at, [place, { kind: 'link', target: record.target }]);
      case 'unlink':
      case 'rmdir':
        return this.#change(record.at, [place, undefined]);
      case 'link':
        return this.#change(record.at, [this.#find(record.to), this.#node(record.path)]);
      case 'rename':
        return this.#change(record.at, [place, undefined], [this.#find(record.to), this.#node(record.path)]);
      case 'sync':
        return this.#sync(this.#node(record.path), record.began);
      case 'write':
      case 'truncate': {
        const file = this.#node(record.path);
        if (file?.kind !== 'file') return;
        const change =
          record.op === 'write'
            ? { at: record.at, position: record.position, data: record.data }
            : { at: record.at, position: record.length, data: undefined };
        file.now = written(file.now, change);
        file.pending.push(change);
      }
    }
  }

  #change(at: number, ...sets: [{ directory: Directory; name: string } | undefined, Node | undefined][]): void {
    const entries = sets.flatMap(([place, node]) => (place === undefined ? [] : [{ ...place, node }]));
    for (const { directory, name, node } of entries) set(directory.now, name, node);
    this.#changes.push({ at, entries });
  }

  #sync(node: Node | undefined, began: number): void {
    if (node?.kind === 'file') {
      const covered = node.pending.filter((change) => change.at < began);
      node.synced = covered.reduce(written, node.synced);
      node.pending = node.pending.filter((change) => change.at >= began);
    } else if (node?.kind === 'directory') {
      const covered = (change: Change): boolean => change.at < began && change.entries.some(({ directory }) => directory === node);
      for (const change of this.#changes.filter(covered)) keep(change);
      this.#changes = this.#changes.filter((change) => !covered(change));
    }
  }

  #node(path: string): Node | undefined {
    if (path === this.#at) return this.#root;
    const place = this.#find(path);
    return place?.directory.now.get(place.name);
  }

  #find(path: string): { directory: Directory; name: string } | undefined {
    if (!path.startsWith(`${this.#at}/`)) return undefined;
    const parts = path.slice(this.#at.length + 1).split('/');
    const name = parts.pop() ?? '';
    let directory = this.#root;
    for (const part of parts) {
      const next = directory.now.get(part);
      if (next?.kind !== 'directory') return undefined;
      directory = next;
    }
    return { directory, name };
  }

  /** Writes into the new directory `into` what is there after a power cut now. `seed` decides for `some`. */
  cut(survival: Survival, into: string, seed = 'cut'): void {
    const random = new Random(seed);
    const names = new Map<Directory, Map<string, Node>>();
    const entriesOf = (directory: Directory): Map<string, Node> => {
      const known = names.get(directory) ?? new Map(directory.synced);
      names.set(directory, known);
      return known;
    };
    for (const change of this.#changes) {
      if (survival === 'none' || survival === 'bytes' || (survival === 'some' && random.chance(0.5))) continue;
      for (const { directory, name, node } of change.entries) set(entriesOf(directory), name, node);
    }
    const bytesOf = (file: FileNode): Buffer => {
      if (survival === 'all' || survival === 'bytes') return file.now;
      return survival === 'some' ? file.pending.reduce((bytes, change) => partly(bytes, change, random), file.synced) : file.synced;
    };
    store(this.#root, Buffer.from(into), entriesOf, bytesOf);
  }
}

function newFile(mode: number): FileNode {
  return { kind: 'file', mode, now: Buffer.alloc(0), synced: Buffer.alloc(0), pending: [] };
}

function newDirectory(mode: number): Directory {
  return { kind: 'directory', mode, now: new Map(), synced: new Map() };
}

function set(entries: Map<string, Node>, name: string, node: Node | undefined): void {
  if (node === undefined) entries.delete(name);
  else entries.set(name, node);
}

function keep(change: Change): void {
  for (const { directory, name, node } of change.entries) set(directory.synced, name, node);
}

function written(bytes: Buffer, { position, data }: Pending): Buffer {
  if (data === undefined) return Buffer.concat([bytes.subarray(0, position), Buffer.alloc(Math.max(0, position - bytes.length))]);
  const result = Buffer.alloc(Math.max(bytes.length, position + data.length));
  bytes.copy(result);
  data.copy(result, position);
  return result;
}

/** One write that came to the disk, not at all, or up to a sector; the length of the file may have grown all the same. */
function partly(bytes: Buffer, change: Pending, random: Random): Buffer {
  const dice = random.int(4);
  if (dice === 0) return bytes;
  if (dice === 1 || change.data === undefined) return written(bytes, change);
  const sectors = random.int(Math.ceil(change.data.length / 512) + 1) * 512;
  const part = Buffer.from(change.data);
  if (dice === 2) return written(bytes, { ...change, data: part.subarray(0, sectors) });
  part.fill(0, Math.min(sectors, part.length));
  return written(bytes, { ...change, data: part });
}

function load(path: Buffer): Directory {
  const directory = newDirectory(lstatSync(path).mode & 0o777);
  for (const name of readdirSync(path, 'buffer')) {
    const child = Buffer.concat([path, Buffer.from('/'), name]);
    const stats = lstatSync(child);
    let node: Node;
    if (stats.isDirectory()) node = load(child);
    else if (stats.isSymbolicLink()) node = { kind: 'link', target: readlinkSync(child, 'buffer').toString('latin1') };
    else {
      const bytes = readFileSync(child);
      node = { ...newFile(stats.mode & 0o777), now: bytes, synced: bytes };
    }
    directory.now.set(name.toString('latin1'), node);
    directory.synced.set(name.toString('latin1'), node);
  }
  return directory;
}

function store(
  directory: Directory,
  path: Buffer,
  entriesOf: (directory: Directory) => Map<string, Node>,
  bytesOf: (file: FileNode) => Buffer,
): void {
  mkdirSync(path, { recursive: true, mode: directory.mode });
  for (const [name, node] of entriesOf(directory)) {
    const child = Buffer.concat([path, Buffer.from(`/${name}`, 'latin1')]);
    if (node.kind === 'directory') store(node, child, entriesOf, bytesOf);
    else if (node.kind === 'link') symlinkSync(Buffer.from(node.target, 'latin1'), child);
    else writeFileSync(child, bytesOf(node), { mode: node.mode });
  }
}

export interface Replay {
  trace: TraceRecord[];
  /** The directory that was traced. */
  root: string;
  /** A copy of it from before. */
  baseline?: string;
  /** So many records have happened. */
  until: number;
  survival: Survival;
  seed?: string;
  /** A directory that does not exist yet. */
  into: string;
}

/** Writes what a power cut after `until` records leaves. */
export function powerCut({ trace, root, baseline, until, survival, seed, into }: Replay): void {
  const disk = new Disk(root, baseline);
  for (const record of trace.slice(0, until)) disk.apply(record);
  disk.cut(survival, into, seed);
}
