/** Level `files`: what lies in the scratch directory is, byte for byte and name for name, what the catalog says. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readdirSync, readlinkSync, readSync, lstatSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import type { RestorePlan, PlannedFile } from '../restore/plan.ts';
import { displayBytes, fsPath } from '../store/bytes.ts';
import { groupId, userId } from '../system/owners.ts';
import type { Progress } from '../system/progress.ts';
import type { Comparison } from './comparison.ts';

const CHUNK = 1024 * 1024;
/** Files that are compared without a look at anything else. */
const TOGETHER = 64;

/** SHA-256 of each part of a file. */
function partHashes(fd: number, sizes: readonly number[]): string[] {
  const chunk = Buffer.allocUnsafe(CHUNK);
  return sizes.map((size) => {
    const digest = createHash('sha256');
    for (let left = size; left > 0;) {
      const got = readSync(fd, chunk, 0, Math.min(CHUNK, left), null);
      if (got === 0) break;
      digest.update(chunk.subarray(0, got));
      left -= got;
    }
    return digest.digest('hex');
  });
}

function compareFile(root: string, file: PlannedFile, isRoot: boolean, comparison: Comparison): void {
  const subject = displayBytes(file.path);
  let fd: number;
  try {
    fd = openSync(fsPath(`${root}/${file.path}`), 'r');
  } catch {
    comparison.missing('missing-file', subject);
    return;
  }
  try {
    const stats = fstatSync(fd);
    const mtime = Math.floor(stats.mtimeMs * 1000);
    comparison.same(stats.size === file.size, 'size-mismatch', subject, () => `has ${stats.size} bytes, not ${file.size}`);
    comparison.same(mtime === file.mtime, 'time-mismatch', subject, () => `is of ${mtime / 1e6}, not of ${file.mtime / 1e6}`);
    comparison.same(
      (stats.mode & 0o7777) === file.mode,
      'mode-mismatch',
      subject,
      () => `has mode ${(stats.mode & 0o7777).toString(8)}, not ${file.mode.toString(8)}`,
    );
    const uid = isRoot ? userId(file.user) : undefined;
    const gid = isRoot ? groupId(file.group) : undefined;
    if (uid !== undefined) comparison.same(stats.uid === uid, 'owner-mismatch', subject, () => `belongs to user ${stats.uid}, not ${uid}`);
    if (gid !== undefined) comparison.same(stats.gid === gid, 'owner-mismatch', subject, () => `belongs to group ${stats.gid}, not ${gid}`);
    const hashes = partHashes(fd, file.partSizes ?? (file.parts.length === 1 ? [stats.size] : []));
    const fits = hashes.length === file.parts.length && hashes.every((hash, index) => hash === file.parts[index]?.sha);
    comparison.same(fits, 'content-mismatch', subject, () => 'has other bytes than were backed up');
    if (file.message !== undefined) comparison.counts.compared++;
  } finally {
    closeSync(fd);
  }
}

/** Names below the root that the plan does not have. */
function compareNames(root: string, plan: RestorePlan, comparison: Comparison): void {
  const files = new Set(plan.files.map((file) => file.path));
  const directories = new Set<string>();
  const addParents = (path: string): void => {
    for (let at = path; at !== '' && !directories.has(at); at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) directories.add(at);
  };
  for (const path of plan.directories.keys()) addParents(path);
  for (const path of files) addParents(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
  const queue = [''];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    for (const entry of readdirSync(fsPath(path === '' ? root : `${root}/${path}`), { withFileTypes: true, encoding: 'latin1' })) {
      const child = path === '' ? entry.name : `${path}/${entry.name}`;
      const known = entry.isDirectory() ? directories.has(child) : entry.isSymbolicLink() ? plan.links.has(child) : files.has(child);
      if (!known) comparison.unexpected('unexpected-file', displayBytes(child));
      else if (entry.isDirectory()) queue.push(child);
    }
  }
}

/**
 * Compares a restored tree with its plan: every name, byte, mode, time and owner; nothing more, nothing less.
 * @param root absolute byte string
 */
export async function compareFiles(
  root: string,
  plan: RestorePlan,
  comparison: Comparison,
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  const isRoot = process.getuid?.() === 0;
  let compared = 0;
  for (const file of plan.files) {
    // A signal is heard only between turns.
    if (compared++ % TOGETHER === 0) await turn();
    signal?.throwIfAborted();
    compareFile(root, file, isRoot, comparison);
    progress.advance(1, file.size);
  }
  for (const [path, link] of plan.links) {
    const subject = displayBytes(path);
    let to: string | undefined;
    try {
      to = readlinkSync(fsPath(`${root}/${path}`), { encoding: 'latin1' });
    } catch {
      comparison.missing('missing-link', subject);
      continue;
    }
    comparison.same(to === link.to, 'link-mismatch', subject, () => `leads to '${displayBytes(to ?? '')}'`);
  }
  for (const [path, own] of plan.directories) {
    const stats = lstatSync(fsPath(`${root}/${path}`), { throwIfNoEntry: false });
    const subject = displayBytes(path);
    if (stats?.isDirectory() !== true) comparison.missing('missing-directory', subject);
    else
      comparison.same(
        (stats.mode & 0o7777) === own.mode,
        'mode-mismatch',
        subject,
        () => `has mode ${(stats.mode & 0o7777).toString(8)}, not ${own.mode.toString(8)}`,
      );
  }
  compareNames(root, plan, comparison);
}
