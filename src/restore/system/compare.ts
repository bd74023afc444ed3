/** How a restored server differs from the host that this runs on, file by file. */
import { closeSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { MailrecoverError, systemCode } from '../../errors/error.ts';
import { displayBytes, fsPath, toBytes } from '../../store/bytes.ts';
import { lstatIfThere } from '../../store/stat.ts';
import { groupsFact, usersFact } from '../../store/system/facts/accounts.ts';
import { packagesFact, servicesFact } from '../../store/system/facts/packages.ts';
import { holdsKey, isPrivateMode } from '../../store/system/secrets.ts';
import { RESERVED } from '../../store/system/types.ts';
import { run } from '../../system/exec.ts';
import { groupName, userName } from '../../system/owners.ts';
import type { PlannedFile, RestorePlan } from '../plan.ts';
import { parseAccounts, parsePackages, type Account, type ServerFacts } from './facts.ts';

export interface FileDifference {
  /** On the host. */
  path: string;
  difference: 'missing' | 'kind' | 'content' | 'link' | 'owner' | 'mode';
  /** What is there and what was: `root:root, was postfix:root`. */
  detail?: string;
  /** A unified diff from the host's file to the restored one, for text that is no secret. */
  diff?: string;
}

export interface Differences {
  files: FileDifference[];
  packages: { missing: string[]; otherVersion: { name: string; version: string; here: string }[] };
  users: AccountDifference[];
  groups: AccountDifference[];
  services: string[];
  /** Files and links that were compared. */
  compared: number;
}

export interface AccountDifference {
  name: string;
  difference: 'missing' | 'number';
  id: number;
  here?: number;
}

/** A larger file is told of, not shown. */
const SHOWN = 256 * 1024;
const CHUNK = 1024 * 1024;
/** Lines of one diff that are shown. */
const DIFF_LINES = 400;
/** Values that stand in files which everybody may read, though they should not. */
const PASSWORDS = /^([ +-]?[^=\n]*(?:password|passwd|secret|nonce|api_?key|token)[^=\n]*=)[ \t]*(?![</])\S.*$/gim;

/** @param to where the server was restored */
export async function compareServer(to: string, plan: RestorePlan, facts: ServerFacts, signal?: AbortSignal): Promise<Differences> {
  const secrets = new Set(facts.files.filter(({ secret }) => secret === true).map(({ path }) => path));
  const files: FileDifference[] = [];
  let compared = 0;
  const isOfHost = (path: string): boolean => path !== RESERVED && !path.startsWith(`${RESERVED}/`);
  for (const file of plan.files) {
    if (!isOfHost(file.path)) continue;
    signal?.throwIfAborted();
    compared++;
    files.push(...(await compareFile(to, file, secrets.has(`/${displayBytes(file.path)}`), signal)));
  }
  for (const [path, link] of plan.links) {
    if (!isOfHost(path)) continue;
    compared++;
    files.push(...compareLink(path, link.to));
  }
  for (const [path, own] of plan.directories) if (path !== '' && isOfHost(path)) files.push(...compareOwned(path, own, 'directory'));
  files.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return {
    files,
    compared,
    packages: comparePackages(facts, parsePackages((await packagesFact(signal)) ?? '')),
    users: compareAccounts(facts.users, parseAccounts(usersFact())),
    groups: compareAccounts(facts.groups, parseAccounts(groupsFact())),
    services: missingServices(facts),
  };
}

interface Owned {
  mode: number;
  user: string;
  group: string;
}

/** Missing, of another kind, or with another owner or mode. */
function compareOwned(path: string, own: Owned, kind: 'file' | 'directory'): FileDifference[] {
  const shown = `/${displayBytes(path)}`;
  const stats = lstatIfThere(`/${path}`);
  if (stats === undefined) return [{ path: shown, difference: 'missing', ...(kind === 'directory' ? { detail: 'a directory' } : {}) }];
  if (kind === 'file' ? !stats.isFile() : !stats.isDirectory())
    return [
      {
        path: shown,
        difference: 'kind',
        detail: `${stats.isSymbolicLink() ? 'a link' : stats.isDirectory() ? 'a directory' : 'no plain file'}, was a ${kind}`,
      },
    ];
  const differences: FileDifference[] = [];
  const [user, group] = [userName(stats.uid), groupName(stats.gid)];
  if (user !== own.user || group !== own.group)
    differences.push({ path: shown, difference: 'owner', detail: `${user}:${group}, was ${own.user}:${own.group}` });
  const mode = stats.mode & 0o7777;
  if (mode !== own.mode) differences.push({ path: shown, difference: 'mode', detail: `${mode.toString(8)}, was ${own.mode.toString(8)}` });
  return differences;
}

async function compareFile(to: string, file: PlannedFile, isSecret: boolean, signal: AbortSignal | undefined): Promise<FileDifference[]> {
  const differences = compareOwned(file.path, file, 'file');
  if (differences.some(({ difference }) => difference === 'missing' || difference === 'kind')) return differences;
  const [here, restored] = [`/${file.path}`, `${toBytes(to)}/${file.path}`];
  try {
    if (sameContent(here, restored)) return differences;
    const hidden = isSecret || isPrivateMode(file.mode) || isPrivateMode(lstatIfThere(here)?.mode ?? 0);
    const diff = hidden ? undefined : await unifiedDiff(here, restored, signal);
    differences.push({
      path: here.startsWith('/') ? `/${displayBytes(file.path)}` : here,
      difference: 'content',
      ...(diff === undefined ? { detail: hidden ? 'holds secrets, not shown' : 'no text, or too large to be shown' } : { diff }),
    });
  } catch (error) {
    if (systemCode(error) === undefined && !(error instanceof MailrecoverError)) throw error;
    differences.push({ path: `/${displayBytes(file.path)}`, difference: 'content', detail: 'could not be compared' });
  }
  return differences;
}

function compareLink(path: string, was: string): FileDifference[] {
  const shown = `/${displayBytes(path)}`;
  const stats = lstatIfThere(`/${path}`);
  if (stats === undefined) return [{ path: shown, difference: 'missing', detail: `a link to ${displayBytes(was)}` }];
  if (!stats.isSymbolicLink()) return [{ path: shown, difference: 'kind', detail: `was a link to ${displayBytes(was)}` }];
  const to = readlinkSync(fsPath(`/${path}`), { encoding: 'latin1' });
  return to === was ? [] : [{ path: shown, difference: 'link', detail: `leads to ${displayBytes(to)}, led to ${displayBytes(was)}` }];
}

function sameContent(a: string, b: string): boolean {
  if (lstatIfThere(a)?.size !== lstatIfThere(b)?.size) return false;
  const files = [openSync(fsPath(a), 'r')];
  try {
    files.push(openSync(fsPath(b), 'r'));
    const [left, right] = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)];
    for (;;) {
      const count = readSync(files[0] ?? -1, left, 0, CHUNK, null);
      const other = readSync(files[1] ?? -1, right, 0, CHUNK, null);
      if (count !== other || left.compare(right, 0, other, 0, count) !== 0) return false;
      if (count === 0) return true;
    }
  } finally {
    for (const fd of files) closeSync(fd);
  }
}

/** undefined for what is no text, too large, or holds a key. */
async function unifiedDiff(here: string, restored: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  for (const path of [here, restored]) {
    if ((lstatIfThere(path)?.size ?? 0) > SHOWN) return undefined;
    const content = readFileSync(fsPath(path), 'latin1');
    if (content.includes('\0') || holdsKey(content)) return undefined;
  }
  const names = [here, restored].map(displayBytes);
  const { stdout } = await run('diff', ['-u', '--label', 'this host', '--label', 'snapshot', '--', ...names], {
    okExitCodes: [0, 1],
    timeoutMs: 20_000,
    ...(signal === undefined ? {} : { signal }),
  });
  const lines = stdout.replace(PASSWORDS, '$1 ***').trimEnd().split('\n');
  return lines.length <= DIFF_LINES
    ? lines.join('\n')
    : [...lines.slice(0, DIFF_LINES), `… ${lines.length - DIFF_LINES} more lines`].join('\n');
}

function comparePackages(facts: ServerFacts, here: ServerFacts['packages']): Differences['packages'] {
  const missing: string[] = [];
  const otherVersion: Differences['packages']['otherVersion'] = [];
  for (const [name, { version }] of facts.packages) {
    const now = here.get(name);
    if (now === undefined) missing.push(name);
    else if (now.version !== version) otherVersion.push({ name, version, here: now.version });
  }
  return { missing, otherVersion };
}

function compareAccounts(was: ReadonlyMap<string, Account>, here: ReadonlyMap<string, Account>): AccountDifference[] {
  const differences: AccountDifference[] = [];
  for (const { name, id } of was.values()) {
    const now = here.get(name);
    if (now === undefined) differences.push({ name, difference: 'missing', id });
    else if (now.id !== id) differences.push({ name, difference: 'number', id, here: now.id });
  }
  return differences;
}

function missingServices({ services }: ServerFacts): string[] {
  const enabled = new Set(
    servicesFact()
      .split('\n')
      .map((line) => line.split('\t')[0]),
  );
  return services.flatMap(([unit]) => (enabled.has(unit) ? [] : [unit]));
}
