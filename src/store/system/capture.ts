/** Reads the server beside its mail: configuration and what it names, queue, dumps of databases, and facts. */
import type { Finding } from '../../errors/finding.ts';
import type { LiveArea } from '../live.ts';
import { lstatIfThere } from '../stat.ts';
import { displayBytes, toBytes } from '../bytes.ts';
import { dumpDatabases } from './dumps/dump.ts';
import type { DatabaseSource } from './dumps/presets.ts';
import { gatherFacts } from './facts/gather.ts';
import { readQueues } from './queue.ts';
import { readFiles, type ReadOptions } from './read.ts';
import { isSecret } from './secrets.ts';
import { dovecotSources } from './sources/dovecot.ts';
import { rspamdDatabases, usualPlaces } from './sources/places.ts';
import { postfixSources, type PostfixSources } from './sources/postfix.ts';
import { walkHost, type HostTree } from './tree.ts';
import { addSources, emptySources, type Named, type Sources, type SystemArea, type UsedDatabase } from './types.ts';

/** What of the server is backed up: plain values, as the configuration has them. */
export interface SystemSource {
  /** Directories of Postfix's configuration; those that Postfix knows where undefined; none where empty. */
  postfix: readonly string[] | undefined;
  /** Dovecot's main configuration file; the one that it knows where undefined; null leaves it out. */
  dovecot: string | null | undefined;
  queue: boolean;
  /** Whether the usual places of what belongs to a mail server are looked at. */
  places: boolean;
  /** More files and directories. */
  paths: readonly string[];
  /** Paths that are left out with all below them. */
  exclude: readonly string[];
  /** undefined asks nobody. */
  dns: { domains: readonly string[]; servers: readonly string[] | undefined } | undefined;
  databases: readonly DatabaseSource[];
  /** Whether secrets may be stored: the repository is encrypted. */
  secrets: boolean;
  /** A private directory for facts and pieces of dumps. */
  scratch: string;
}

export interface CaptureSystemOptions extends ReadOptions {
  source: SystemSource;
  prior: (area: SystemArea) => LiveArea | undefined;
  dryRun: boolean;
}

export interface CapturedSystem {
  areas: Map<SystemArea, LiveArea>;
  findings: Finding[];
}

/** Captures the server. What can't be read is named, and stays as it was in the snapshot before. */
export async function captureSystem(options: CaptureSystemOptions): Promise<CapturedSystem> {
  const { source, signal } = options;
  const findings: Finding[] = [];
  const { sources, postfix, facts } = await askPrograms(source, findings, signal);
  const excluded = excluder([...source.exclude, ...databaseFiles(sources.databases)]);
  const tree = walkHost(sources.named, excluded);
  findings.push(...tree.findings);
  leaveSecretsOut(tree, source, findings);

  const files: LiveArea = { dirs: tree.dirs };
  const read = await readFiles(files, [...tree.files.keys()], (path) => `/${path}`, options.prior('files'), options);
  findings.push(...read.findings);
  keepUnlisted(files, tree, options.prior('files'));
  const areas = new Map<SystemArea, LiveArea>([['files', files]]);

  if (source.queue && postfix.instances.length > 0) {
    const queue = await readQueues(postfix.instances, options.prior('queue'), options);
    findings.push(...queue.findings);
    areas.set('queue', queue.area);
  }
  const dumps = await dumpsOf(options, findings);
  if (dumps !== undefined) areas.set('dumps', dumps.area);
  tellUndumped(sources.databases, source.databases, findings);

  const gathered = options.dryRun
    ? options.prior('facts')
    : await gatherFacts({
        ...options,
        directory: `${source.scratch}/facts`,
        known: facts,
        tree,
        instances: postfix.instances,
        dumps: dumps?.made ?? [],
        dns: source.dns,
        prior: options.prior('facts'),
        findings,
      });
  if (gathered !== undefined) areas.set('facts', gathered);
  return { areas, findings };
}

async function askPrograms(
  source: SystemSource,
  findings: Finding[],
  signal: AbortSignal | undefined,
): Promise<{ sources: Sources; postfix: PostfixSources; facts: Map<string, string> }> {
  const sources = emptySources();
  const facts = new Map<string, string>();
  const postfix = await postfixSources(source.postfix, signal);
  const dovecot = source.dovecot === null ? undefined : await dovecotSources(source.dovecot, signal);
  for (const part of dovecot === undefined ? [postfix] : [postfix, dovecot]) {
    addSources(sources, part);
    findings.push(...part.findings);
    for (const [name, text] of part.facts) facts.set(name, text);
  }
  if (source.places) {
    sources.named.push(...usualPlaces());
    sources.databases.push(...rspamdDatabases());
  }
  sources.named.push(...source.paths.map((path): Named => ({ path: toBytes(path), role: 'extra', by: 'configuration of mailrecover' })));
  return { sources, postfix, facts };
}

function excluder(paths: readonly string[]): (path: string) => boolean {
  const excluded = new Set(paths.map((path) => toBytes(path.replace(/(?<=.)\/+$/, ''))));
  if (excluded.size === 0) return () => false;
  return (path) => {
    for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) if (excluded.has(at)) return true;
    return false;
  };
}

/** A copy of a database that is being written is none: dumps save it. */
function databaseFiles(databases: readonly UsedDatabase[]): string[] {
  return databases.flatMap(({ path }) => (path === undefined ? [] : [path, `${path}-wal`, `${path}-shm`, `${path}-journal`]));
}

/** Where the repository is not encrypted, whoever reads it would have them. */
function leaveSecretsOut(tree: HostTree, source: SystemSource, findings: Finding[]): void {
  if (source.secrets) return;
  const out: string[] = [];
  for (const [path, by] of tree.files) {
    const mode = modeOf(`/${path}`);
    if (mode === undefined || !isSecret(`/${path}`, mode, by)) continue;
    tree.files.delete(path);
    out.push(`/${path}`);
  }
  if (out.length === 0 && source.databases.length === 0) return;
  const what = [
    ...(out.length > 0
      ? [`${out.length} ${out.length === 1 ? 'file' : 'files'} with secrets, the first is '${displayBytes(out[0] ?? '')}'`]
      : []),
    ...(source.databases.length > 0 ? [`${source.databases.length} ${source.databases.length === 1 ? 'database' : 'databases'}`] : []),
  ];
  findings.push({
    severity: 'warning',
    code: 'secrets-left-out',
    message: `left out, since the repository is not encrypted: ${what.join('; ')}`,
    hint: "back the server up into an encrypted repository: 'mailrecover init' makes one",
  });
}

function modeOf(path: string): number | undefined {
  try {
    return lstatIfThere(path)?.mode;
  } catch {
    return undefined;
  }
}

/** What lies in directories that can't be listed this time, and could before, stays. */
function keepUnlisted(files: LiveArea, tree: HostTree, prior: LiveArea | undefined): void {
  const closed = tree.findings.flatMap(({ code, subject }) =>
    code === 'unreadable' && subject !== undefined ? [toBytes(subject).slice(1)] : [],
  );
  if (closed.length === 0 || prior === undefined) return;
  for (const [path, dir] of prior.dirs)
    if (closed.some((each) => path === each || path.startsWith(`${each}/`))) {
      const live = files.dirs.get(path);
      if (live === undefined) files.dirs.set(path, { ...dir, settled: false });
      else for (const [name, file] of dir.files) if (!live.files.has(name)) live.files.set(name, { ...file, settled: false });
    }
}

async function dumpsOf(options: CaptureSystemOptions, findings: Finding[]): Promise<Awaited<ReturnType<typeof dumpDatabases>> | undefined> {
  const { source } = options;
  if (source.databases.length === 0 || !source.secrets) return undefined;
  const dumps = await dumpDatabases(source.databases, source.scratch, options.prior('dumps'), options);
  findings.push(...dumps.findings);
  return dumps;
}

/** Databases that the configuration of the mail server reads, and that nobody dumps. */
function tellUndumped(used: readonly UsedDatabase[], dumped: readonly DatabaseSource[], findings: Finding[]): void {
  const told = new Set<string>();
  for (const { kind, path, by } of used) {
    const preset = kind === 'ldap' ? 'slapcat' : kind;
    const isDumped = dumped.some((each) => each.preset === preset && (path === undefined || each.database === path));
    const key = `${kind} ${path ?? ''}`;
    if (isDumped || dumped.some((each) => each.preset === 'command') || told.has(key)) continue;
    told.add(key);
    findings.push({
      // A server of its own may be backed up where it is; a file of this host is not.
      severity: kind === 'sqlite' ? 'warning' : 'info',
      code: 'database-not-dumped',
      message: `'${by}' reads ${kind === 'ldap' ? 'an LDAP directory' : `a database (${kind}${path === undefined ? '' : `, ${path}`})`}, and none is dumped`,
      hint: `name it below 'system: databases' with preset: ${preset}`,
      subject: path ?? by,
    });
  }
}
