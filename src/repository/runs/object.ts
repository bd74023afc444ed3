/** Runs as a repository keeps them (docs/format.md, "Runs"): in clear and signed, without names of mailboxes or files. */
import { createHash } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import { hostFingerprint, isSignedBy, signText, type HostKey } from '../signing.ts';
import { compressFrame, decompressBounded } from '../zstd.ts';

/** No object of runs decompresses to more than this. */
const MAX_TEXT = 64 * 1024 * 1024;

/** One run, as far as everybody who can list the repository may know it. */
export interface PublicRun {
  /** 16 hex digits. */
  run: string;
  command: string;
  /** UTC, ISO 8601. */
  started: string;
  /** Absent for a run that was killed. */
  finished?: string;
  /** The outcome, or `incomplete` for a run that was killed. */
  state: string;
  exit?: number;
  counts: Record<string, number>;
  /** How many findings of each severity. */
  findings: Record<string, number>;
  /** Codes of its warnings and errors. */
  codes?: string[];
  /** Code of the error that ended it. */
  error?: string;
  /** What it was about, as far as that names nobody: `snapshot`, `level`, `scope`. */
  about?: Record<string, string>;
  version: string;
}

export interface RunsRef {
  path: string;
  /** SHA-256 of the object, 64 hex digits. */
  id: string;
  /** Fingerprint of the host's key. */
  fingerprint: string;
  /** Numbers of the first and the last write that it stands for. */
  first: number;
  last: number;
}

export interface RunsObject {
  host: string;
  /** Public key that signed it, 64 hex digits. */
  key: string;
  runs: PublicRun[];
}

const PATH = /^runs\/([0-9a-f]{16})\/(\d{8,15})-(\d{8,15})-([0-9a-f]{64})\.jsonl\.zst$/;

/** Reads the path of an object of runs, or undefined where it is none. */
export function parseRunsPath(path: string): RunsRef | undefined {
  const match = PATH.exec(path);
  if (match === null) return undefined;
  const [, fingerprint = '', first, last, id = ''] = match;
  return { path, fingerprint, first: Number(first), last: Number(last), id };
}

/** An object as it will be stored. */
export function encodeRuns(
  { host, key }: { host: string; key: HostKey },
  { first, last }: { first: number; last: number },
  runs: readonly PublicRun[],
): { path: string; bytes: Buffer } {
  const head = { runs: 1, host, key: key.publicHex, first, last };
  const body = [head, ...runs].map((line) => `${JSON.stringify(line)}\n`).join('');
  const bytes = compressFrame(Buffer.from(`${body}{"signature":"${signText(body, key)}"}\n`));
  const id = createHash('sha256').update(bytes).digest('hex');
  const number = (value: number): string => String(value).padStart(8, '0');
  return { path: `runs/${hostFingerprint(key.publicHex)}/${number(first)}-${number(last)}-${id}.jsonl.zst`, bytes };
}

/**
 * Reads an object; its hash and its signature are checked, whether the key is believed is for the caller to decide.
 * @throws MailrecoverError `damage`
 */
export function decodeRuns(bytes: Buffer, ref: RunsRef): RunsObject {
  const damaged = (): MailrecoverError =>
    new MailrecoverError('damage', `'${ref.path}' is damaged: the history in it is lost, and nothing else`, { subject: ref.path });
  if (createHash('sha256').update(bytes).digest('hex') !== ref.id) throw damaged();
  const text = decompressBounded(bytes, MAX_TEXT, ref.path).toString('utf8');
  const end = text.lastIndexOf('{"signature"');
  const signature = /^\{"signature":"([0-9a-f]{128})"\}\n$/.exec(text.slice(Math.max(0, end)))?.[1];
  const body = text.slice(0, Math.max(0, end));
  let lines: unknown[];
  try {
    lines = body
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as unknown);
  } catch {
    throw damaged();
  }
  const [head, ...runs] = lines;
  if (signature === undefined || !isHead(head) || head.first !== ref.first || head.last !== ref.last) throw damaged();
  const { host, key } = head;
  if (hostFingerprint(key) !== ref.fingerprint || !isSignedBy(body, signature, key) || !runs.every(isRun)) throw damaged();
  return { host, key, runs };
}

function isHead(line: unknown): line is { host: string; key: string; first: number; last: number } {
  if (typeof line !== 'object' || line === null) return false;
  const { runs, host, key } = line as Record<string, unknown>;
  return runs === 1 && typeof host === 'string' && typeof key === 'string' && /^[0-9a-f]{64}$/.test(key);
}

function isRun(line: unknown): line is PublicRun {
  if (typeof line !== 'object' || line === null) return false;
  const { run, command, started, finished, state, counts, findings } = line as Record<string, unknown>;
  const isTime = (value: unknown): boolean => typeof value === 'string' && !Number.isNaN(Date.parse(value));
  return (
    [run, command, state].every((value) => typeof value === 'string') &&
    isTime(started) &&
    (finished === undefined || isTime(finished)) &&
    isNumbers(counts) &&
    isNumbers(findings) &&
    hasSoundDetails(line as Record<string, unknown>)
  );
}

function hasSoundDetails({ exit, codes, error, about, version }: Record<string, unknown>): boolean {
  const isText = (value: unknown): boolean => typeof value === 'string';
  return (
    (exit === undefined || typeof exit === 'number') &&
    (codes === undefined || (Array.isArray(codes) && codes.every(isText))) &&
    (error === undefined || isText(error)) &&
    (about === undefined || (typeof about === 'object' && about !== null && Object.values(about).every(isText))) &&
    isText(version)
  );
}

function isNumbers(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every((each) => typeof each === 'number');
}
