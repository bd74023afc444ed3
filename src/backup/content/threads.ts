/** What the main thread and its reading threads say to each other. Outcomes travel as columns: 100,000 objects would cost more than reading them. */
import type { LiveStat, ReadOutcome, ReadRequest, StoredPart } from '../../store/live.ts';

export interface ThreadSetup {
  thread: number;
  secret: Uint8Array;
  /** `age1…` */
  recipients: string[] | undefined;
  readBack: boolean;
  hard: boolean;
  knownTables: string[];
  lost: number[];
  claims: SharedArrayBuffer;
}

export type ToThread = ({ type: 'read'; id: number } & PackedRequests) | { type: 'claims'; claims: SharedArrayBuffer } | { type: 'flush' };

interface PackedRequests {
  kinds: string;
  paths: string;
  /** Bytes that were read already, by index. */
  given: [number, Uint8Array, LiveStat][];
  /** SHA-256 of entries that are sought, by index. */
  sought: [number, string][];
}

export interface PackedOutcomes {
  /** STAT_COLUMNS numbers a file. */
  stats: Float64Array<ArrayBuffer>;
  shas: Uint8Array<ArrayBuffer>;
  /** Place, one a file; -1 where `extra` has the outcome. */
  places: Float64Array<ArrayBuffer>;
  /** Errors, and outcomes of any other than one part, by index. */
  extra: [number, ReadOutcome][];
}

export type FromThread =
  | { type: 'outcomes'; id: number; outcomes: PackedOutcomes; bytesRead: number; otherBytesRead: number; messages: number; odd: number }
  | { type: 'pack'; place: number; name: string; bytes: Uint8Array; tags: Uint8Array; raw: number }
  | { type: 'ready' }
  | { type: 'flushed' }
  | { type: 'error'; code: string; message: string; hint: string | undefined };

const COLUMNS = ['mode', 'uid', 'gid', 'size', 'mtime', 'ctime', 'birth', 'ino'] as const;

const KINDS = ['message', 'file', 'dbox', 'mbox'] as const;

export function packRequests(requests: readonly ReadRequest[]): PackedRequests {
  return {
    kinds: requests.map((request) => KINDS.indexOf(request.kind)).join(''),
    paths: requests.map((request) => request.path).join('\0'),
    given: requests.flatMap(({ given }, index) => (given === undefined ? [] : [[index, given.content, given.stat]])),
    sought: requests.flatMap(({ sought }, index) => (sought === undefined ? [] : [[index, sought]])),
  };
}

export function unpackRequests(packed: PackedRequests): ReadRequest[] {
  if (packed.kinds === '') return [];
  const requests = packed.paths
    .split('\0')
    .map((path, index): ReadRequest => ({ path, kind: KINDS[Number(packed.kinds[index])] ?? 'file' }));
  for (const [index, content, stat] of packed.given) {
    const request = requests[index];
    if (request !== undefined) request.given = { content: Buffer.from(content.buffer, content.byteOffset, content.byteLength), stat };
  }
  for (const [index, sha] of packed.sought) {
    const request = requests[index];
    if (request !== undefined) request.sought = sha;
  }
  return requests;
}

export function packOutcomes(outcomes: readonly ReadOutcome[]): PackedOutcomes {
  const packed: PackedOutcomes = {
    stats: new Float64Array(outcomes.length * COLUMNS.length),
    shas: new Uint8Array(outcomes.length * 32),
    places: new Float64Array(outcomes.length).fill(-1),
    extra: [],
  };
  const shas = Buffer.from(packed.shas.buffer);
  for (const [index, outcome] of outcomes.entries()) {
    const part = 'parts' in outcome && outcome.parts.length === 1 && outcome.records === undefined ? outcome.parts[0] : undefined;
    if (part === undefined || !('stat' in outcome)) {
      packed.extra.push([index, outcome]);
      continue;
    }
    for (const [column, name] of COLUMNS.entries()) packed.stats[index * COLUMNS.length + column] = outcome.stat[name];
    shas.write(part.sha, index * 32, 32, 'hex');
    packed.places[index] = part.place;
  }
  return packed;
}

export function unpackOutcomes(packed: PackedOutcomes): ReadOutcome[] {
  const extra = new Map(packed.extra);
  const shas = Buffer.from(packed.shas.buffer, packed.shas.byteOffset, packed.shas.byteLength).toString('hex');
  return Array.from(packed.places, (place, index): ReadOutcome => {
    const other = extra.get(index);
    if (other !== undefined) return other;
    const at = index * COLUMNS.length;
    const column = (offset: number): number => packed.stats[at + offset] ?? 0;
    const part: StoredPart = { sha: shas.slice(index * 64, index * 64 + 64), place };
    const stat = {
      mode: column(0),
      uid: column(1),
      gid: column(2),
      size: column(3),
      mtime: column(4),
      ctime: column(5),
      birth: column(6),
      ino: column(7),
    };
    return { stat, parts: [part] };
  });
}
