/** Facts about the host, as small text files. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Finding } from '../../../errors/finding.ts';
import { now } from '../../../system/clock.ts';
import { makeCacheDirectory, replaceFile } from '../../../system/files.ts';
import { displayBytes } from '../../bytes.ts';
import type { LiveArea } from '../../live.ts';
import { liveStat } from '../../stat.ts';
import { readFiles, type ReadOptions } from '../read.ts';
import { isPrivateMode } from '../secrets.ts';
import type { PostfixInstance } from '../sources/postfix.ts';
import type { HostTree } from '../tree.ts';
import { groupsFact, usersFact } from './accounts.ts';
import { dnsFact } from './dns.ts';
import { hostFact, packagesFact, servicesFact } from './packages.ts';

export interface FactOptions extends ReadOptions {
  directory: string;
  /** What was learnt on the way. */
  known: ReadonlyMap<string, string>;
  tree: HostTree;
  instances: readonly PostfixInstance[];
  dumps: readonly object[];
  dns: { domains: readonly string[]; servers: readonly string[] | undefined } | undefined;
  prior: LiveArea | undefined;
  findings: Finding[];
}

/** Milliseconds for which DNS is not asked again. */
const DNS_STANDS = 3_600_000;
const USUAL_SELECTORS = ['default', 'dkim', 'mail'];

/** Gathers facts. One that can't be had this time stays as it was. */
export async function gatherFacts(options: FactOptions): Promise<LiveArea> {
  const { directory, known, signal } = options;
  makeCacheDirectory(directory);
  const [packages, host] = await Promise.all([packagesFact(signal), hostFact(signal)]);
  const facts = new Map<string, string | undefined>([
    ...known,
    ['users.txt', usersFact()],
    ['groups.txt', groupsFact()],
    ['packages.txt', packages],
    ['services.txt', servicesFact()],
    ['host.txt', host],
    ['files.jsonl', filesFact(options.tree)],
    ['instances.jsonl', jsonLines(options.instances)],
    ['databases.jsonl', jsonLines(options.dumps)],
    ...(options.dns === undefined ? [] : ([['dns.txt', await dns(options, options.dns)]] as const)),
  ]);
  for (const [name, text] of facts)
    if (text !== undefined && text !== textOf(`${directory}/${name}`)) replaceFile(`${directory}/${name}`, text);
  for (const name of readdirSync(directory)) if (!facts.has(name)) rmSync(`${directory}/${name}`, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const area: LiveArea = {
    dirs: new Map([['', { stat: liveStat(statSync(directory)), settled: false, files: new Map(), links: new Map(), messages: new Map() }]]),
  };
  const read = await readFiles(area, readdirSync(directory).sort(), (path) => `${directory}/${path}`, options.prior, options);
  options.findings.push(...read.findings);
  return area;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function jsonLines(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

/** Which file plays which part, for those who rebuild: one line a file. */
function filesFact({ files, dirs }: HostTree): string {
  const rows = Array.from(files, ([path, { role, by, secret }]) => {
    const mode = dirs.get(path.slice(0, Math.max(0, path.lastIndexOf('/'))))?.files.get(path.slice(path.lastIndexOf('/') + 1))?.stat.mode;
    const isSecret = secret === true || (mode !== undefined && isPrivateMode(mode));
    return { path: `/${displayBytes(path)}`, role, by: displayBytes(by), ...(isSecret ? { secret: true } : {}) };
  });
  return jsonLines(rows.sort((a, b) => (a.path < b.path ? -1 : 1)));
}

async function dns(options: FactOptions, { domains, servers }: { domains: readonly string[]; servers: readonly string[] | undefined }) {
  const file = `${options.directory}/dns.txt`;
  const asked = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const stands =
    !options.deep && now() - asked < DNS_STANDS && now() >= asked && (textOf(file) ?? '').startsWith(`# ${domains.join(' ')}\n`);
  if (stands || domains.length === 0) return undefined;
  const { text, unanswered } = await dnsFact({
    domains,
    hosts: hostname().includes('.') ? [hostname()] : [],
    selectors: [...new Set([...selectorsOf(options.tree), ...USUAL_SELECTORS])],
    servers,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (unanswered.length > 0) {
    options.findings.push({
      severity: 'info',
      code: 'dns-unanswered',
      message: `${unanswered.length} questions about DNS records were not answered, the first is '${unanswered[0] ?? ''}'; those of the snapshot before stay`,
      hint: 'see that the resolver in /etc/resolv.conf answers',
    });
    return undefined;
  }
  return `# ${domains.join(' ')}\n${text}`;
}

/** Selectors of DKIM keys by the names of their files: `default.private`, `example.org.s1.key`. */
function selectorsOf({ files }: HostTree): string[] {
  const selectors = new Set<string>();
  for (const [path, { role }] of files) {
    const name = /([\w-]+)\.(?:private|key|pem)$/.exec(path)?.[1];
    if (role === 'dkim' && name !== undefined) selectors.add(name);
  }
  return [...selectors].slice(0, 20);
}
