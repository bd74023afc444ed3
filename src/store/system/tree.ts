/** Which files and directories of the host belong to a backup, link by link, as they lie from the root of the file system. */
import { readdirSync, readlinkSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { ioError, systemCode } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { type ByteString, displayBytes, fsPath } from '../bytes.ts';
import type { LiveDir, LiveStat } from '../live.ts';
import { liveStat, lstatIfThere } from '../stat.ts';
import { isKept } from './sources/paths.ts';
import { RESERVED, type Named } from './types.ts';

/** Symbolic links on one path, as the kernel's limit (path_resolution(7)). */
const MOST_LINKS = 40;
/** Directories below a tree that is wanted whole; more is no configuration. */
const MOST_DIRECTORIES = 20_000;

/** What was found, and is to be read. Paths are without the leading `/`. */
export interface HostTree {
  dirs: Map<ByteString, LiveDir>;
  /** Files in the order in which they were named, with the first that named each. */
  files: Map<ByteString, Named>;
  findings: Finding[];
}

interface Walk extends HostTree {
  excluded: (path: ByteString) => boolean;
  seen: Set<ByteString>;
}

/**
 * Walks what is named: files, and directories with all that lies in them. Symbolic links are kept as links, and what they lead to is
 * walked as well.
 * @param excluded whether a path (absolute) is left out, with all below it
 */
export function walkHost(named: readonly Named[], excluded: (path: ByteString) => boolean): HostTree {
  const walk: Walk = { dirs: new Map(), files: new Map(), findings: [], excluded, seen: new Set() };
  // What is named by itself says more than the tree that it lies in.
  for (const each of [...named.filter(({ path }) => !isDirectory(path)), ...named.filter(({ path }) => isDirectory(path))])
    enter(each.path, each, walk, 0);
  return walk;
}

function isDirectory(path: ByteString): boolean {
  try {
    return lstatIfThere(path)?.isDirectory() === true;
  } catch {
    return false;
  }
}

function report(walk: Walk, path: ByteString, error: unknown, action: string): void {
  const subject = displayBytes(path);
  walk.findings.push({ severity: 'error', code: 'unreadable', message: ioError(error, action, subject).message, subject });
}

/** Where a path really lies; the links on the way are taken up. undefined where it leads nowhere, or out of what may be kept. */
function resolve(path: ByteString, walk: Walk, links: number): { path: ByteString; links: number } | undefined {
  let at = '';
  let left = links;
  const names = posix
    .normalize(path)
    .split('/')
    .filter((name) => name !== '');
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const next = `${at}/${name}`;
    if (walk.excluded(next)) return undefined;
    const stats = lstatIfThere(next);
    if (stats === undefined) return undefined;
    if (!takeDirectory(at, walk)) return undefined;
    if (!stats.isSymbolicLink()) {
      at = next;
      continue;
    }
    if (++left > MOST_LINKS) return undefined;
    const to = takeLink(at, name, liveStat(stats), walk);
    names.unshift(
      ...posix
        .normalize(to.startsWith('/') ? to : `${at}/${to}`)
        .split('/')
        .filter((each) => each !== ''),
    );
    at = '';
    // A unit that is enabled is a link to what its package brings.
    if (!isKept(`/${names.join('/')}`)) return undefined;
  }
  return { path: at, links: left };
}

function takeDirectory(path: ByteString, walk: Walk): boolean {
  const key = path.slice(1);
  if (walk.dirs.has(key)) return true;
  const stats = lstatIfThere(path === '' ? '/' : path);
  if (stats?.isDirectory() !== true) return false;
  walk.dirs.set(key, { stat: liveStat(stats), settled: false, files: new Map(), links: new Map(), messages: new Map() });
  return true;
}

function takeLink(parent: ByteString, name: ByteString, stat: LiveStat, walk: Walk): ByteString {
  const to = readlinkSync(fsPath(`${parent}/${name}`), { encoding: 'latin1' });
  walk.dirs.get(parent.slice(1))?.links.set(name, { to, stat });
  return to;
}

function enter(path: ByteString, by: Named, walk: Walk, links: number): void {
  if (path === `/${RESERVED}` || path.startsWith(`/${RESERVED}/`)) return reserved(path, walk);
  let real: { path: ByteString; links: number } | undefined;
  try {
    real = resolve(path, walk, links);
    if (real === undefined || real.path === '' || walk.excluded(real.path) || walk.seen.has(real.path)) return;
    walk.seen.add(real.path);
    const stats = lstatIfThere(real.path);
    if (stats?.isFile() === true) walk.files.set(real.path.slice(1), by);
    else if (stats?.isDirectory() === true) list(real.path, by, walk, real.links);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    if (systemCode(error) !== 'ENOENT') report(walk, real?.path ?? path, error, 'look at');
  }
}

function list(path: ByteString, by: Named, walk: Walk, links: number): void {
  if (walk.dirs.size > MOST_DIRECTORIES) {
    walk.findings.push({
      severity: 'error',
      code: 'too-much',
      message: `'${displayBytes(path)}' and what is beside it are more than ${MOST_DIRECTORIES} directories, and are left out in part`,
      hint: "name less below 'system: paths', or leave parts out by 'system: exclude'",
      subject: displayBytes(path),
    });
    return;
  }
  takeDirectory(path, walk);
  let names: string[];
  try {
    names = readdirSync(fsPath(path), { encoding: 'latin1' });
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') report(walk, path, error, 'list');
    return;
  }
  for (const name of names.sort()) enter(`${path}/${name}`, by, walk, links);
}

function reserved(path: ByteString, walk: Walk): void {
  walk.findings.push({
    severity: 'warning',
    code: 'name-reserved',
    message: `'${displayBytes(path)}' is left out: a restore puts things of its own below '/${RESERVED}'`,
    hint: 'keep it somewhere else',
    subject: displayBytes(path),
  });
}

export function parentOf(path: ByteString): ByteString {
  const parent = dirname(path);
  return parent === '.' ? '' : parent;
}
