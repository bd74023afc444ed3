/**
 * Records: what people and programs decided about a repository, each signed by the host where it was decided
 * (docs/format.md, "Records"). Immutable, in clear, and without names of mailboxes.
 */
import { createHash } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import { isoNow } from '../../system/clock.ts';
import { hostFingerprint, isSignedBy, signText, type HostKey } from '../signing.ts';
import type { Target } from '../target.ts';

export const RECORD_KINDS = ['forget', 'hold', 'release', 'approve', 'gone', 'erase', 'copy', 'mark'] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

type Fields = Record<string, unknown>;

export interface RecordRef {
  path: string;
  kind: RecordKind;
  /** SHA-256 of the object, 64 hex digits. */
  id: string;
  /** Fingerprint of the key that signed it. */
  fingerprint: string;
}

export interface StoredRecord extends RecordRef {
  host: string;
  /** Ed25519 public key, 64 hex digits. */
  key: string;
  /** UTC, ISO 8601. */
  time: string;
  /** What stands in the first line beside that. */
  fields: Fields;
  /** The lines after it. */
  lines: Fields[];
}

const PATH = /^records\/([0-9a-f]{16})\/(forget|hold|release|approve|gone|erase|copy|mark)-([0-9a-f]{64})\.jsonl$/;

/** Reads the path of a record, or undefined where it is none. */
export function parseRecordPath(path: string): RecordRef | undefined {
  const match = PATH.exec(path);
  return match === null ? undefined : { path, fingerprint: match[1] as string, kind: match[2] as RecordKind, id: match[3] as string };
}

/** Who writes a record. */
export interface Author {
  host: string;
  key: HostKey;
  tool: string;
}

/** A record as it will be stored. */
export function makeRecord(
  author: Author,
  kind: RecordKind,
  fields: Fields,
  lines: readonly Fields[] = [],
): { path: string; id: string; bytes: Buffer } {
  const { host, key, tool } = author;
  const head = JSON.stringify({ record: 1, kind, host, key: key.publicHex, time: isoNow(), tool, ...fields });
  const body = `${head}\n${lines.map((line) => `${JSON.stringify(line)}\n`).join('')}`;
  const bytes = Buffer.from(`${body}{"signature":"${signText(body, key)}"}\n`);
  const id = createHash('sha256').update(bytes).digest('hex');
  return { path: `records/${hostFingerprint(key.publicHex)}/${kind}-${id}.jsonl`, id, bytes };
}

/** Stores a record. @returns its id and its path */
export async function writeRecord(
  target: Target,
  author: Author,
  kind: RecordKind,
  fields: Fields,
  lines: readonly Fields[] = [],
): Promise<{ id: string; path: string }> {
  const { path, id, bytes } = makeRecord(author, kind, fields, lines);
  await target.put(path, bytes);
  return { id, path };
}

/**
 * Reads one record and checks its hash and its signature; whether the key is to be believed is not decided here.
 * @throws MailrecoverError `damage`, `not-found`
 */
export async function readRecord(target: Target, ref: RecordRef): Promise<StoredRecord> {
  return decodeRecord(await target.get(ref.path), ref);
}

/** As {@link readRecord}, of bytes that are at hand. @throws MailrecoverError `damage` */
export function decodeRecord(bytes: Buffer, ref: RecordRef): StoredRecord {
  const damaged = (what: string): MailrecoverError =>
    new MailrecoverError('damage', `record '${ref.path}' is damaged or forged (${what})`, { subject: ref.path });
  if (createHash('sha256').update(bytes).digest('hex') !== ref.id) throw damaged('its hash does not fit');
  const text = bytes.toString('utf8');
  const lines = text.split('\n');
  const signature = /^\{"signature":"([0-9a-f]{128})"\}$/.exec(lines.at(-2) ?? '')?.[1];
  if (lines.at(-1) !== '' || signature === undefined || lines.length < 3) throw damaged('cut short');
  let parsed: unknown[];
  try {
    parsed = lines.slice(0, -2).map((line) => JSON.parse(line) as unknown);
  } catch {
    throw damaged('no JSON');
  }
  if (!parsed.every((each): each is Fields => typeof each === 'object' && each !== null && !Array.isArray(each)))
    throw damaged('no objects');
  const [head = {}, ...rest] = parsed;
  const { record, kind, host, key, time, tool: _, ...fields } = head;
  if (record !== 1 || kind !== ref.kind || typeof host !== 'string' || typeof key !== 'string' || typeof time !== 'string')
    throw damaged('fields');
  if (!/^[0-9a-f]{64}$/.test(key) || hostFingerprint(key) !== ref.fingerprint || Number.isNaN(Date.parse(time))) throw damaged('fields');
  if (!isSignedBy(text.slice(0, text.lastIndexOf('{"signature"')), signature, key)) throw damaged('its signature does not fit');
  return { ...ref, host, key, time, fields, lines: rest };
}

/** The records that a listing shows, unopened, by path. */
export async function listRecordRefs(target: Target, kinds: readonly RecordKind[] = RECORD_KINDS): Promise<RecordRef[]> {
  const refs: RecordRef[] = [];
  for await (const { path } of target.list('records')) {
    const ref = parseRecordPath(path);
    if (ref !== undefined && kinds.includes(ref.kind)) refs.push(ref);
  }
  return refs.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * The records of some kinds that can be read. One that vanishes meanwhile is left out; a damaged one too, and is handed to `onDamage`.
 * @throws MailrecoverError as reading the target does
 */
export async function readRecords(
  target: Target,
  kinds: readonly RecordKind[],
  onDamage?: (ref: RecordRef, error: MailrecoverError) => void,
): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for (const ref of await listRecordRefs(target, kinds)) {
    try {
      records.push(await readRecord(target, ref));
    } catch (error) {
      if (!(error instanceof MailrecoverError) || (error.code !== 'damage' && error.code !== 'not-found')) throw error;
      if (error.code === 'damage') onDamage?.(ref, error);
    }
  }
  return records;
}

/** A text field, or '' where it is something else. */
export function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === 'string' ? value : '';
}
