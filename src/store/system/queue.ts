/** Postfix's queue, while Postfix works on it. */
import { readdirSync, type Dirent } from 'node:fs';
import { ioError, systemCode } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { type ByteString, displayBytes, fsPath } from '../bytes.ts';
import type { LiveArea } from '../live.ts';
import { liveStat, lstatIfThere } from '../stat.ts';
import { readFiles, type ReadOptions } from './read.ts';
import type { PostfixInstance } from './sources/postfix.ts';
import { parentOf } from './tree.ts';

/** Queues with messages in the order in which a message goes through them (QSHAPE_README): one that moves on is met again. */
const MESSAGES = ['maildrop', 'incoming', 'active', 'deferred', 'hold'];
/** What is said of messages, by their ids: reasons of deferral and bounces (bounce(8)). */
const LOGS = ['defer', 'bounce', 'trace'];
/** A message is complete once its owner may execute it (mail_queue.h, MAIL_QUEUE_STAT_READY). */
const READY = 0o100;
/** Subdirectories named by digits of the id (hash_queue_depth) are not deeper than this. */
const DEPTH = 5;

interface Found {
  id: string;
  path: ByteString;
}

/**
 * Reads the queues of all instances into one area: `<instance>/<queue>/…/<id>`. A message that moves on while it is read is
 * taken where it is found last, once; one that is delivered meanwhile is gone.
 */
export async function readQueues(
  instances: readonly PostfixInstance[],
  prior: LiveArea | undefined,
  options: ReadOptions,
): Promise<{ area: LiveArea; findings: Finding[]; messages: number }> {
  const area: LiveArea = { dirs: new Map() };
  const findings: Finding[] = [];
  let messages = 0;
  for (const { name, queue } of instances) {
    const at = (path: ByteString): ByteString => `${queue}${path.slice(name.length)}`;
    const known = new Map<string, ByteString>();
    // A second look finds what went from a queue that was not listed yet to one that was.
    let missing: ByteString[] = [];
    for (let pass = 0; pass < 3; pass++) {
      const found = list(queue, MESSAGES, findings, pass === 0);
      const fresh = found.filter(({ id, path }) => known.get(id) !== path);
      if (pass > 0 && fresh.length === 0 && missing.length === 0) break;
      const paths: ByteString[] = [];
      for (const { id, path } of fresh) {
        const before = known.get(id);
        if (before !== undefined) drop(area, `${name}/${before}`);
        known.set(id, path);
        takeParents(area, name, queue, path);
        paths.push(`${name}/${path}`);
      }
      const outcome = await readFiles(area, paths, at, prior, options);
      findings.push(...outcome.findings);
      missing = outcome.vanished;
      for (const path of missing) known.delete(path.slice(path.lastIndexOf('/') + 1));
    }
    messages += known.size;
    const logs = list(queue, LOGS, findings, false).filter(({ id }) => known.has(id));
    for (const { path } of logs) takeParents(area, name, queue, path);
    const outcome = await readFiles(
      area,
      logs.map(({ path }) => `${name}/${path}`),
      at,
      prior,
      options,
    );
    findings.push(...outcome.findings);
  }
  return { area, findings, messages };
}

function drop(area: LiveArea, path: ByteString): void {
  area.dirs.get(parentOf(path))?.files.delete(path.slice(path.lastIndexOf('/') + 1));
}

function takeParents(area: LiveArea, name: string, queue: string, path: ByteString): void {
  const parts = path.split('/').slice(0, -1);
  const dirs: [ByteString, ByteString][] = [
    ['', queue],
    [name, queue],
    ...parts.map((_, at): [ByteString, ByteString] => {
      const below = parts.slice(0, at + 1).join('/');
      return [`${name}/${below}`, `${queue}/${below}`];
    }),
  ];
  for (const [key, real] of dirs) {
    if (area.dirs.has(key)) continue;
    const stats = lstatIfThere(real);
    if (stats === undefined) continue;
    area.dirs.set(key, { stat: liveStat(stats), settled: false, files: new Map(), links: new Map(), messages: new Map() });
  }
}

function list(queue: string, names: readonly string[], findings: Finding[], report: boolean): Found[] {
  const found: Found[] = [];
  const descend = (path: ByteString, depth: number, wantReady: boolean): void => {
    let entries: Dirent[];
    try {
      entries = readdirSync(fsPath(`${queue}/${path}`), { withFileTypes: true, encoding: 'latin1' });
    } catch (error) {
      const subject = displayBytes(`${queue}/${path}`);
      if (systemCode(error) !== 'ENOENT' && report)
        findings.push({ severity: 'error', code: 'unreadable', message: ioError(error, 'list', subject).message, subject });
      return;
    }
    for (const entry of entries) {
      const child = `${path}/${entry.name}`;
      if (entry.isDirectory() && depth < DEPTH) descend(child, depth + 1, wantReady);
      else if (entry.isFile() && (!wantReady || isReady(`${queue}/${child}`))) found.push({ id: entry.name, path: child });
    }
  };
  for (const name of names) descend(name, 0, MESSAGES.includes(name));
  return found;
}

function isReady(path: ByteString): boolean {
  const stats = lstatIfThere(path);
  return stats !== undefined && (stats.mode & READY) !== 0;
}
