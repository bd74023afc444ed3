/** What Postfix's configuration names: maps, keys, certificates, scripts; for each of its instances. */
import { MailrecoverError } from '../../../errors/error.ts';
import type { Finding } from '../../../errors/finding.ts';
import { run } from '../../../system/exec.ts';
import { parsePostconf } from '../../discover/postfix.ts';
import { emptySources, type Named, type Sources, type UsedDatabase } from '../types.ts';
import { configText, filesNamedIn, isKept, kindOf, pathsIn } from './paths.ts';

export interface PostfixInstance {
  /** `postfix`, or what `multi_instance_name` says. */
  name: string;
  /** Directory of main.cf and master.cf. */
  config: string;
  queue: string;
}

export interface PostfixSources extends Sources {
  instances: PostfixInstance[];
  findings: Finding[];
  /** `postconf -n` and `postconf -M` of each instance. */
  facts: Map<string, string>;
}

/** DATABASE_README and the pages it names: maps whose name is a source file, with what an index of it ends in. */
const INDEXED: Readonly<Record<string, readonly string[]>> = {
  hash: ['.db'],
  btree: ['.db'],
  lmdb: ['.lmdb'],
  cdb: ['.cdb'],
  dbm: ['.pag', '.dir'],
  sdbm: ['.pag', '.dir'],
};
/** Maps whose name is a file with the credentials for a database (ldap_table(5), mysql_table(5) …). */
const CLIENTS: Readonly<Record<string, UsedDatabase['kind'] | undefined>> = {
  ldap: 'ldap',
  mysql: 'mariadb',
  pgsql: 'postgresql',
  sqlite: 'sqlite',
  mongodb: undefined,
  memcache: undefined,
};
const MAP = /([a-z]+):(\/(?!\/)[^\s,;:"'(){}<>|]+)/g;
/** What Postfix fills by itself. */
const CACHES = /(?:_cache_database|_cache_map|session_cache\w*|address_verify_map|tls_random_exchange_name)$/;
/** Places, not files; and lists that repeat what other settings name. */
const OTHERS = /_(?:directory|directories)$|^proxy_(?:read|write)_maps$/;

/**
 * Reads the configuration of Postfix.
 * @param configs the directories of its instances; those that Postfix knows where absent
 */
export async function postfixSources(configs: readonly string[] | undefined, signal: AbortSignal | undefined): Promise<PostfixSources> {
  const sources: PostfixSources = { ...emptySources(), instances: [], findings: [], facts: new Map() };
  let directories: readonly string[];
  try {
    directories = configs ?? (await knownInstances(signal));
  } catch (error) {
    if (error instanceof MailrecoverError && error.code === 'not-found') return sources;
    sources.findings.push(unasked('postconf', error, signal));
    return sources;
  }
  for (const config of directories) {
    try {
      await readInstance(config, sources, signal);
    } catch (error) {
      sources.findings.push(unasked(config, error, signal));
      // Its files are worth having even where Postfix does not understand them.
      sources.named.push({ path: config, role: 'postfix', by: 'configuration of Postfix' });
    }
  }
  return sources;
}

function unasked(subject: string, error: unknown, signal: AbortSignal | undefined): Finding {
  signal?.throwIfAborted();
  return {
    severity: 'error',
    code: 'postfix-unread',
    message: `unable to read the configuration of postfix: ${error instanceof Error ? error.message : String(error)}`,
    hint: `see what it says: postconf -c ${subject} -n`,
    subject,
  };
}

async function postconf(args: readonly string[], signal: AbortSignal | undefined): Promise<string> {
  return (await run('postconf', args, { timeoutMs: 20_000, ...(signal === undefined ? {} : { signal }) })).stdout;
}

async function knownInstances(signal: AbortSignal | undefined): Promise<string[]> {
  const known = parsePostconf(await postconf(['-x', 'config_directory', 'multi_instance_directories'], signal));
  const others = (known.get('multi_instance_directories') ?? '').split(/[\s,]+/);
  return [known.get('config_directory') ?? '/etc/postfix', ...others].filter((directory) => directory.startsWith('/'));
}

async function readInstance(config: string, sources: PostfixSources, signal: AbortSignal | undefined): Promise<void> {
  const [plain, all, services, overrides] = [
    await postconf(['-c', config, '-n'], signal),
    parsePostconf(await postconf(['-c', config, '-x'], signal)),
    await postconf(['-c', config, '-M'], signal),
    await postconf(['-c', config, '-P', '-x'], signal),
  ];
  const given = parsePostconf(plain);
  const name = all.get('multi_instance_name') || 'postfix';
  const queue = all.get('queue_directory') ?? '/var/spool/postfix';
  sources.instances.push({ name, config, queue });
  sources.facts.set(`postfix-${name}.txt`, withoutSecrets(`${plain}\n${services}`));
  sources.named.push({ path: config, role: 'postfix', by: `postfix instance ${name}` });
  for (const [setting, value] of all)
    if (!CACHES.test(setting) && !OTHERS.test(setting)) nameAll(value, `main.cf: ${setting}`, given.has(setting), sources);
  for (const line of overrides.split('\n')) {
    const [setting = '', value = ''] = line.split(/\s=\s(.*)/s);
    if (!CACHES.test(setting)) nameAll(value, `master.cf: ${setting}`, true, sources);
  }
  nameAll(services, 'master.cf', true, sources);
}

/** Takes up what a value names. @param given whether it stands in the file, and is no default */
function nameAll(value: string, by: string, given: boolean, sources: PostfixSources): void {
  const maps = new Map(Array.from(value.matchAll(MAP), ([, type = '', path = '']) => [path, type]));
  for (const path of pathsIn(value)) {
    const type = maps.get(path);
    if (type !== undefined && (type in INDEXED || type in CLIENTS || type === 'texthash')) nameMap(type, path, by, given, sources);
    else if (isKept(path)) nameFile(path, by, sources);
  }
}

function nameMap(type: string, path: string, by: string, given: boolean, sources: PostfixSources): void {
  const secret: Pick<Named, 'secret'> = type in CLIENTS || /password|sasl/.test(by) ? { secret: true } : {};
  const indexes = (INDEXED[type] ?? []).map((ending) => path + ending);
  const present = [path, ...indexes].filter((each) => kindOf(each) === 'file');
  if (present.length === 0 && given)
    sources.findings.push({
      severity: 'info',
      code: 'named-file-missing',
      message: `${by} names '${type}:${path}', which is not there`,
      subject: path,
    });
  for (const each of present) sources.named.push({ path: each, role: 'map', by, ...secret });
  if (!(type in CLIENTS)) return;
  const kind = CLIENTS[type];
  const database = kind === 'sqlite' ? /^\s*dbpath\s*=\s*(\S+)/m.exec(configText(path))?.[1] : undefined;
  if (kind !== undefined) sources.databases.push({ kind, by, ...(database === undefined ? {} : { path: database }) });
  for (const each of filesNamedIn(path)) if (each !== database) sources.named.push({ path: each, role: 'map', by: path });
}

function nameFile(path: string, by: string, sources: PostfixSources): void {
  if (kindOf(path) !== 'file') return;
  const role = /tls|cert|key|CAfile/.test(by) ? 'tls' : 'postfix';
  sources.named.push({ path, role, by, ...(/key_file|chain_files/.test(by) ? { secret: true } : {}) });
}

/** Settings without the values of those that may be passwords. */
export function withoutSecrets(text: string): string {
  return text.replace(/^([^=\n]*(?:password|passwd|secret|_key|nonce|token)[^=\n]*=)[ \t]*(?!<?\/|.*:\/)\S.*$/gim, '$1 ***');
}
