/** The index of headers of a repository: where it lies, and that it is whole and up to date. */
import { join } from 'node:path';
import { MailrecoverError } from '../../../errors/error.ts';
import type { Finding } from '../../../errors/finding.ts';
import { PackNumbering } from '../../../repository/catalog/decode.ts';
import { openCatalog } from '../../../repository/catalog/reader.ts';
import { listSnapshotRefs } from '../../../repository/repository.ts';
import { sleep } from '../../../system/clock.ts';
import { makeCacheDirectory } from '../../../system/files.ts';
import { takeLock } from '../../../system/lock.ts';
import { compactIndex } from './compact.ts';
import { IndexDamage } from './files.ts';
import { readManifest, type Manifest } from './manifest.ts';
import type { IndexOptions } from './options.ts';
import { newRefs, updateIndex } from './update.ts';

export interface OpenIndex {
  directory: string;
  manifest: Manifest;
}

const PATIENCE = 150;

function indexDirectory({ repository, roots }: IndexOptions): string {
  let problem: unknown;
  for (const root of roots) {
    const directory = join(root, repository.id, 'find');
    try {
      makeCacheDirectory(directory);
      takeLock(join(directory, `.probe-${process.pid}`), 'probe')();
      return directory;
    } catch (error) {
      problem ??= error;
    }
  }
  throw problem;
}

/**
 * Opens the index, and first brings it up to date where snapshots came or went; one that is missing or damaged is made anew.
 * @throws MailrecoverError `key`, `io`, `no-space`
 */
export async function openIndex(options: IndexOptions): Promise<OpenIndex> {
  if (options.repository.encrypted && (options.identities ?? []).length === 0) {
    throw new MailrecoverError('key', 'an identity is needed to read this repository', {
      hint: 'name the age identity file with --identity FILE or MAILRECOVER_IDENTITY; it is on the recovery sheet',
    });
  }
  const directory = indexDirectory(options);
  const refs = await listSnapshotRefs(options.repository.target);
  const ids = new Set(refs.map((ref) => ref.id));
  let manifest = readManifest(directory);
  if (manifest === undefined || !isCurrent(manifest, refs, ids)) {
    const release = await waitForLock(join(directory, 'lock'), options);
    try {
      manifest = await refresh(options, directory, refs, ids);
    } finally {
      release();
    }
  }
  await checkReader(options, manifest);
  reportGaps(manifest, options.findings);
  return { directory, manifest };
}

/** Makes the index anew, whatever is there. */
export async function remakeIndex(options: IndexOptions): Promise<OpenIndex> {
  const directory = indexDirectory(options);
  const release = await waitForLock(join(directory, 'lock'), options);
  try {
    return { directory, manifest: await updateIndex(options, directory, undefined, await listSnapshotRefs(options.repository.target)) };
  } finally {
    release();
  }
}

function isCurrent(manifest: Manifest, refs: Parameters<typeof newRefs>[1], ids: ReadonlySet<string>): boolean {
  try {
    return newRefs(manifest.chains, refs).size === 0 && manifest.chains.every((chain) => chain.snapshots.every(([, id]) => ids.has(id)));
  } catch {
    return false;
  }
}

async function refresh(
  options: IndexOptions,
  directory: string,
  refs: Parameters<typeof newRefs>[1],
  ids: ReadonlySet<string>,
): Promise<Manifest> {
  // Another run may have done it meanwhile.
  let manifest = readManifest(directory);
  if (manifest !== undefined && isCurrent(manifest, refs, ids)) return manifest;
  try {
    manifest = await updateIndex(options, directory, manifest, refs);
    return compactIndex(directory, manifest, ids);
  } catch (error) {
    if (!(error instanceof IndexDamage)) throw error;
    return updateIndex(options, directory, undefined, refs);
  }
}

async function waitForLock(path: string, { progress, signal }: IndexOptions): Promise<() => void> {
  for (let waited = false; ; waited = true) {
    try {
      return takeLock(path, 'mailrecover find');
    } catch (error) {
      if (!(error instanceof MailrecoverError) || error.code !== 'locked') throw error;
    }
    if (!waited) progress.phase('waiting for another search that reads the same headers');
    await sleep(PATIENCE);
    signal?.throwIfAborted();
  }
}

/** The index is for those who can read the repository: an identity that did not make it has to open something first. */
async function checkReader({ repository, identities }: IndexOptions, manifest: Manifest): Promise<void> {
  if (identities === undefined || identities.some((identity) => manifest.readers.includes(identity.recipient.text))) return;
  const name = manifest.chains.flatMap((chain) => chain.catalogs).at(-1);
  if (name !== undefined) await openCatalog(repository.target, name, identities, new PackNumbering());
}

function reportGaps(manifest: Manifest, findings: Finding[]): void {
  const bad = manifest.chains.reduce((sum, chain) => sum + chain.bad.length, 0);
  const hint = "see what is damaged: 'mailrecover check --read-data'";
  if (bad > 0)
    findings.push({
      severity: 'warning',
      code: 'damaged-snapshot',
      message: `${bad} ${bad === 1 ? 'snapshot' : 'snapshots'} could not be read and were left out`,
      hint,
    });
  const unread = manifest.unread.length;
  if (unread > 0) {
    findings.push({
      severity: 'warning',
      code: 'unread-headers',
      message: `the headers of ${unread} ${unread === 1 ? 'message' : 'messages'} could not be read, so no text finds them`,
      hint,
    });
  }
}
