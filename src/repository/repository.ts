/** A repository: making one, opening one, and its snapshots. */
import { createHash, randomBytes } from 'node:crypto';
import { MailrecoverError } from '../errors/error.ts';
import { isoNow } from '../system/clock.ts';
import type { Recipient } from './age/keys.ts';
import { byBytes } from './catalog/percent.ts';
import { inParallel } from './in-parallel.ts';
import { parseSnapshotPath, type SnapshotRef } from './names.ts';
import { hostFingerprint } from './signing.ts';
import { decodeSnapshot, type Snapshot } from './snapshot/text.ts';
import type { Target } from './target.ts';

export const FORMAT = 1;
export const MARKER = 'mailrecover.json';

export interface Repository {
  target: Target;
  /** 32 hex digits. */
  id: string;
  encrypted: boolean;
  created: string;
}

/** Opens the repository at a target. Throws `no-repository` or `repository-format`. */
export async function openRepository(target: Target): Promise<Repository> {
  let text: string;
  try {
    text = (await target.get(MARKER)).toString('utf8');
  } catch (cause) {
    if (!(cause instanceof MailrecoverError) || cause.code !== 'not-found') throw cause;
    throw new MailrecoverError('no-repository', `there is no repository at '${target.location}'`, {
      hint: "check 'repository' in the configuration (is the disk mounted, the path right?), or make one with 'mailrecover init'",
      subject: target.location,
      cause,
    });
  }
  let marker: Record<string, unknown>;
  try {
    marker = JSON.parse(text) as Record<string, unknown>;
  } catch {
    marker = {};
  }
  const { id, format, encrypted, created } = marker;
  if (marker['mailrecover'] !== 'repository' || typeof id !== 'string' || !/^[0-9a-f]{32}$/.test(id) || typeof encrypted !== 'boolean') {
    throw new MailrecoverError('damage', `'${MARKER}' of the repository is damaged`, {
      subject: MARKER,
      hint: 'see docs/format.md for what it holds',
    });
  }
  if (format !== FORMAT) {
    throw new MailrecoverError('repository-format', `the repository has format ${String(format)}, and this version knows ${FORMAT}`, {
      hint: 'update mailrecover',
    });
  }
  return { target, id, encrypted, created: typeof created === 'string' ? created : '' };
}

/** The text of the marker. */
export function encodeMarker({ id, created, encrypted }: Pick<Repository, 'id' | 'created' | 'encrypted'>): string {
  return `${JSON.stringify({ mailrecover: 'repository', format: FORMAT, id, created, encrypted })}\n`;
}

/**
 * Makes a new, empty repository.
 * @param options.like a repository of which this becomes a copy: it has the same id, so that whoever knows the one knows the other
 * @param rescue what lies beside the objects for people without mailrecover: `recover.sh`, `RECOVER.md`
 * @throws MailrecoverError `refused` where something is there already
 */
export async function createRepository(
  target: Target,
  options: { recipients: readonly Recipient[] | undefined; rescue: readonly { name: string; text: string }[]; like?: Repository },
): Promise<Repository> {
  if ((await target.size(MARKER)) !== undefined) {
    throw new MailrecoverError('refused', `there is a repository at '${target.location}' already`, {
      hint: "use it as it is: 'mailrecover backup'; or name another place",
      subject: target.location,
    });
  }
  const repository = {
    target,
    id: options.like?.id ?? randomBytes(16).toString('hex'),
    encrypted: options.recipients !== undefined,
    created: options.like?.created ?? isoNow(),
  };
  for (const file of options.rescue) await target.put(file.name, Buffer.from(file.text));
  if (!(await target.put(MARKER, Buffer.from(encodeMarker(repository)), { exclusive: true })))
    throw new MailrecoverError('refused', `another run has just made a repository at '${target.location}'`);
  return repository;
}

/** Makes a host known to the repository, so that people can see whose key signed what. */
export async function registerHost(target: Target, host: string, publicHex: string): Promise<void> {
  const path = `hosts/${hostFingerprint(publicHex)}.json`;
  const bytes = Buffer.from(`${JSON.stringify({ host, key: publicHex })}\n`);
  if ((await target.size(path)) === bytes.length && (await target.get(path)).equals(bytes)) return;
  await target.put(path, bytes);
}

export interface StoredSnapshot extends Snapshot {
  id: string;
  /** Bytes of the snapshot object itself, which its `added.stored` can't count. */
  size: number;
}

/** What could not be read as a snapshot, and why. */
export interface BadSnapshot {
  path: string;
  error: MailrecoverError;
}

/** The snapshots that a listing shows, unopened, in no particular order; without those in whose place another one stands. */
export async function listSnapshotRefs(target: Target): Promise<SnapshotRef[]> {
  const refs: SnapshotRef[] = [];
  for await (const { path } of target.list('snapshots')) {
    const ref = parseSnapshotPath(path);
    if (ref !== undefined) refs.push(ref);
  }
  const superseded = await supersededPaths(target, refs);
  return superseded.size === 0 ? refs : refs.filter(({ path }) => !superseded.has(path));
}

/**
 * Paths of snapshots in whose place another one of the same host and sequence stands, which names them. Only where a
 * sequence number is there twice is anything opened.
 */
export async function supersededPaths(target: Target, refs: readonly SnapshotRef[]): Promise<Set<string>> {
  const numbers = new Map<string, SnapshotRef[]>();
  for (const ref of refs) {
    const number = `${ref.fingerprint}/${ref.sequence}`;
    const held = numbers.get(number);
    if (held === undefined) numbers.set(number, [ref]);
    else held.push(ref);
  }
  const superseded = new Set<string>();
  for (const same of numbers.values()) {
    if (same.length < 2) continue;
    for (const ref of same) {
      const replaces = await readSnapshot(target, ref).then(
        (snapshot): readonly string[] => snapshot.replaces ?? [],
        (error: unknown): readonly string[] => {
          if (error instanceof MailrecoverError && ['damage', 'repository-format', 'not-found'].includes(error.code)) return [];
          throw error;
        },
      );
      for (const other of same) if (other !== ref && replaces.includes(other.id)) superseded.add(other.path);
    }
  }
  return superseded;
}

/** Reads one snapshot. Throws `damage`, `repository-format` or `not-found`. */
export async function readSnapshot(target: Target, ref: SnapshotRef): Promise<StoredSnapshot> {
  const bytes = await target.get(ref.path);
  const damaged = (): MailrecoverError =>
    new MailrecoverError('damage', `snapshot '${ref.id.slice(0, 12)}' is not the one that its name says`, { subject: ref.path });
  if (createHash('sha256').update(bytes).digest('hex') !== ref.id) throw damaged();
  const snapshot = decodeSnapshot(bytes.toString('utf8'), ref.path);
  if (snapshot.sequence !== ref.sequence || hostFingerprint(snapshot.key) !== ref.fingerprint) throw damaged();
  return { id: ref.id, size: bytes.length, ...snapshot };
}

/** All snapshots, by host, then sequence, then time; and what is broken. */
export async function listSnapshots(target: Target): Promise<{ snapshots: StoredSnapshot[]; bad: BadSnapshot[] }> {
  const snapshots: StoredSnapshot[] = [];
  const bad: BadSnapshot[] = [];
  await inParallel(await listSnapshotRefs(target), target.parallel ?? 1, async (ref) => {
    try {
      snapshots.push(await readSnapshot(target, ref));
    } catch (error) {
      if (!(error instanceof MailrecoverError) || (error.code !== 'damage' && error.code !== 'repository-format')) throw error;
      bad.push({ path: ref.path, error });
    }
  });
  snapshots.sort((a, b) => byBytes(a.host, b.host) || a.sequence - b.sequence || byBytes(a.time, b.time));
  return { snapshots, bad };
}
