/** Snapshot objects (docs/format.md, "Snapshots"). */
import { MailrecoverError } from '../../errors/error.ts';
import { shaOfName, type ObjectKind } from '../names.ts';
import { isSignedBy, signText, type HostKey } from '../signing.ts';

export interface ObjectRef {
  name: string;
  size: number;
}

export interface SnapshotCounts {
  mailboxes: number;
  folders: number;
  messages: number;
  /** Sum of the message sizes. */
  bytes: number;
}

export interface Snapshot {
  host: string;
  /** Ed25519 public key of the host, 64 hex digits. */
  key: string;
  sequence: number;
  parent?: string;
  /** UTC, ISO 8601. */
  time: string;
  outcome: 'complete' | 'partial';
  counts: SnapshotCounts;
  added: { messages: number; bytes: number; stored: number };
  tool: string;
  /** What was out of the ordinary in it, as stable codes; absent where nothing was. */
  anomalies?: string[];
  /** Ids of the marks (things that are about to be removed) that the backup knew of from its start on, and kept away from. */
  marks?: string[];
  /** Ids of the snapshots, of the same host and sequence, in whose place this one stands. */
  replaces?: string[];
  /** In the order in which they are applied. */
  catalogs: ObjectRef[];
  packs: ObjectRef[];
  tags: ObjectRef[];
}

/** The object's text, signed. */
export function encodeSnapshot(snapshot: Snapshot, key: HostKey): string {
  const { host, sequence, parent, time, outcome, counts, added, tool } = snapshot;
  const head = JSON.stringify({
    snapshot: 1,
    host,
    key: key.publicHex,
    sequence,
    ...(parent === undefined ? {} : { parent }),
    time,
    outcome,
    counts,
    added,
    tool,
    ...listed('anomalies', snapshot.anomalies),
    ...listed('marks', snapshot.marks),
    ...listed('replaces', snapshot.replaces),
  });
  const refs = (kind: ObjectKind, list: readonly ObjectRef[]): string =>
    list.map((ref) => `{"${kind}":"${ref.name}","size":${ref.size}}\n`).join('');
  const body = `${head}\n${refs('catalog', snapshot.catalogs)}${refs('pack', snapshot.packs)}${refs('tags', snapshot.tags)}`;
  return `${body}{"signature":"${signText(body, key)}"}\n`;
}

function listed(name: string, list: readonly string[] | undefined): Record<string, readonly string[]> {
  return list === undefined || list.length === 0 ? {} : { [name]: list };
}

/** A list of short texts of this shape, as optional fields hold them. @returns undefined where it is something else */
function readList(value: unknown, shape: RegExp): string[] | undefined {
  if (value === undefined) return [];
  return Array.isArray(value) && value.every((each) => typeof each === 'string' && shape.test(each)) ? (value as string[]) : undefined;
}

const CODE = /^[a-z-]{1,40}$/;
const ID = /^[0-9a-f]{64}$/;

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function counts(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => isCount((value as Record<string, unknown>)[name]));
}

const REF = /^\{"(catalog|pack|tags)":"([^"]*)","size":(\d{1,15})\}$/;

/**
 * Reads a snapshot object and checks its signature against the key that it names.
 * Whether that key is to be trusted is not decided here.
 * @throws MailrecoverError `damage`, `repository-format`
 */
export function decodeSnapshot(text: string, subject: string): Snapshot {
  const damaged = (what: string): MailrecoverError =>
    new MailrecoverError('damage', `snapshot '${subject}' is damaged (${what})`, { subject });
  const lines = text.split('\n');
  const signature = /^\{"signature":"([0-9a-f]{128})"\}$/.exec(lines.at(-2) ?? '')?.[1];
  if (lines.at(-1) !== '' || signature === undefined || lines.length < 3) throw damaged('cut short');
  let head: Record<string, unknown>;
  try {
    head = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  } catch {
    throw damaged('no JSON');
  }
  if (head['snapshot'] !== 1) {
    throw new MailrecoverError('repository-format', `snapshot '${subject}' is of a format that this version does not know`, {
      hint: 'update mailrecover',
      subject,
    });
  }
  const { host, key, sequence, parent, time, outcome, tool } = head;
  if (typeof host !== 'string' || typeof key !== 'string' || !isCount(sequence) || typeof tool !== 'string') throw damaged('fields');
  if (typeof time !== 'string' || Number.isNaN(Date.parse(time))) throw damaged('time');
  if (outcome !== 'complete' && outcome !== 'partial') throw damaged('outcome');
  if (parent !== undefined && (typeof parent !== 'string' || !ID.test(parent))) throw damaged('parent');
  const anomalies = readList(head['anomalies'], CODE);
  const marks = readList(head['marks'], ID);
  const replaces = readList(head['replaces'], ID);
  if (anomalies === undefined || marks === undefined || replaces === undefined) throw damaged('lists');
  if (!counts(head['counts'], ['mailboxes', 'folders', 'messages', 'bytes']) || !counts(head['added'], ['messages', 'bytes', 'stored']))
    throw damaged('counts');
  const body = `${lines.slice(0, -2).join('\n')}\n`;
  if (!isSignedBy(body, signature, key)) throw damaged('its signature does not fit');
  const lists: Record<'catalog' | 'pack' | 'tags', ObjectRef[]> = { catalog: [], pack: [], tags: [] };
  for (const line of lines.slice(1, -2)) {
    const match = REF.exec(line);
    const kind = match?.[1] as 'catalog' | 'pack' | 'tags' | undefined;
    if (match === null || kind === undefined || shaOfName(kind, match[2] as string) === undefined) throw damaged('objects');
    lists[kind].push({ name: match[2] as string, size: Number(match[3]) });
  }
  return {
    host,
    key,
    sequence,
    ...(parent === undefined ? {} : { parent }),
    time,
    outcome,
    tool,
    counts: head['counts'] as SnapshotCounts,
    added: head['added'] as Snapshot['added'],
    ...listed('anomalies', anomalies),
    ...listed('marks', marks),
    ...listed('replaces', replaces),
    catalogs: lists.catalog,
    packs: lists.pack,
    tags: lists.tags,
  };
}
