/** What Dovecot's configuration names: includes, user databases, keys, Sieve scripts. */
import { globSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { MailrecoverError } from '../../../errors/error.ts';
import type { Finding } from '../../../errors/finding.ts';
import { run } from '../../../system/exec.ts';
import { parseDoveconf, type Section } from '../../discover/doveconf.ts';
import { emptySources, type Role, type Sources, type UsedDatabase } from '../types.ts';
import { beforeVariables, configText, filesNamedIn, isKept, kindOf, pathsIn } from './paths.ts';
import { withoutSecrets } from './postfix.ts';

export interface DovecotSources extends Sources {
  findings: Finding[];
  facts: Map<string, string>;
}

/** Settings that name a directory of scripts as a whole (Pigeonhole, Dovecot 2.3 and 2.4). */
const SCRIPTS = /^(?:sieve_(?:before|after|default|discard|global)\d*\w*|sieve_\w*bin_dir|sieve_script_path|sieve_global_dir)$/;
/** Where mail and what belongs to one user lies: that is backed up as mail. */
const MAIL =
  /^(?:mail_(?:location|path|home|attachment_dir|control_path|index_path|inbox_path|alt_path)|mail|home|sieve|sieve_dir|sieve_user_log|location)$/;
const DRIVERS: Readonly<Record<string, UsedDatabase['kind']>> = {
  mysql: 'mariadb',
  pgsql: 'postgresql',
  sqlite: 'sqlite',
};

/** @param config its main configuration file; the one that Dovecot knows where absent */
export async function dovecotSources(config: string | undefined, signal: AbortSignal | undefined): Promise<DovecotSources> {
  const sources: DovecotSources = { ...emptySources(), findings: [], facts: new Map() };
  const options = { timeoutMs: 20_000, ...(signal === undefined ? {} : { signal }) };
  const where = config === undefined ? [] : ['-c', config];
  let shown: string;
  try {
    sources.facts.set('dovecot.txt', withoutSecrets((await run('doveconf', [...where, '-n'], options)).stdout));
    // -P: the paths of keys are hidden without it.
    shown = (await run('doveconf', [...where, '-n', '-P'], options)).stdout;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof MailrecoverError && error.code === 'not-found') return sources;
    sources.findings.push({
      severity: 'error',
      code: 'dovecot-unread',
      message: `unable to read the configuration of dovecot: ${error instanceof Error ? error.message : String(error)}`,
      hint: 'see what it says: doveconf -n',
    });
    shown = '';
  }
  const main = config ?? /^# \S+ \([^)]*\): (\/\S+)/m.exec(shown)?.[1] ?? '/etc/dovecot/dovecot.conf';
  includeChain(main, sources, new Set());
  if (basename(dirname(main)) === 'dovecot') sources.named.push({ path: dirname(main), role: 'dovecot', by: 'configuration of Dovecot' });
  readSection(parseDoveconf(shown).root, sources);
  return sources;
}

/** `!include` and `!include_try`, whose names may be globs relative to the file (doc: config_file_syntax, "Including Config Files"). */
function includeChain(path: string, sources: DovecotSources, seen: Set<string>): void {
  if (seen.has(path) || kindOf(path) !== 'file') return;
  seen.add(path);
  if (isKept(path)) sources.named.push({ path, role: 'dovecot', by: 'configuration of Dovecot' });
  for (const [, pattern = ''] of configText(path).matchAll(/^\s*!include(?:_try)?\s+(\S+)/gm))
    for (const file of globSync(resolve(dirname(path), pattern.replace(/^"|"$/g, '')))) includeChain(file, sources, seen);
}

function readSection(section: Section, sources: DovecotSources): void {
  const isUsers = /^(?:passdb|userdb|auth)/.test(section.type);
  for (const [key, value] of section.settings) {
    if (MAIL.test(key.split('/').at(-1) ?? key)) continue;
    const by = `${section.type === '' ? '' : `${section.type} `}${key}`;
    const role = roleOf(section, key);
    for (const path of pathsIn(value)) {
      if (!isKept(path)) continue;
      const fixed = isUsers ? beforeVariables(path) : undefined;
      const kind = kindOf(path);
      if (fixed !== undefined && /(?:^|_)(?:args|path)$/.test(key)) {
        if (kindOf(fixed) === 'directory') sources.named.push({ path: fixed, role: 'users', by, secret: true });
      } else if (kind === 'file') {
        const secret = isUsers || role === 'users' || /key/.test(key);
        sources.named.push({ path, role, by, ...(secret ? { secret: true } : {}) });
        followFile(path, by, isUsers, sources);
      } else if (kind === 'directory' && (SCRIPTS.test(key) || (section.type === 'sieve_script' && key === 'path'))) {
        sources.named.push({ path, role: 'sieve', by });
      } else if (kind === undefined && value.startsWith('</')) {
        sources.findings.push({
          severity: 'info',
          code: 'named-file-missing',
          message: `${by} names '${path}', which is not there`,
          subject: path,
        });
      }
    }
  }
  for (const inner of section.sections) readSection(inner, sources);
}

function roleOf(section: Section, key: string): Role {
  if (/ssl|tls/.test(key)) return 'tls';
  if (key.startsWith('sieve') || section.type === 'sieve_script') return 'sieve';
  return /^(?:passdb|userdb|dict|auth)/.test(section.type) ? 'users' : 'dovecot';
}

/** Files with the settings of a database (2.3: `args = /etc/dovecot/dovecot-sql.conf.ext`) name more. */
function followFile(path: string, by: string, isUsers: boolean, sources: DovecotSources): void {
  if (!isUsers && !/dict/.test(by)) return;
  const text = configText(path);
  const kind = DRIVERS[/^\s*driver\s*=\s*(\w+)/m.exec(text)?.[1] ?? ''] ?? (/^\s*(?:hosts|uris)\s*=/m.test(text) ? 'ldap' : undefined);
  if (kind === undefined) return;
  const database = kind === 'sqlite' ? /^\s*connect\s*=\s*(\/\S+)/m.exec(text)?.[1] : undefined;
  sources.databases.push({ kind, by: path, ...(database === undefined ? {} : { path: database }) });
  for (const each of filesNamedIn(path)) if (each !== database) sources.named.push({ path: each, role: 'users', by: path });
}
