/** Who may log in on this host, and with which hashes, as far as anybody can read them. */
import { MailrecoverError } from '../../../errors/error.ts';
import type { Finding } from '../../../errors/finding.ts';
import { parseDoveconf, type Section } from '../../../store/discover/doveconf.ts';
import { pathsIn } from '../../../store/system/sources/paths.ts';
import { run } from '../../../system/exec.ts';
import type { Logins } from '../model.ts';
import { readLdap } from './ldap.ts';
import { passwdFile, readShadow } from './shadow.ts';
import { readSql } from './sql.ts';
import { fieldsOf } from './users.ts';

export interface ReadLoginsOptions {
  dovecot: string | undefined;
  mailboxes: readonly string[];
  signal: AbortSignal;
}

export async function readLogins({ dovecot, mailboxes, signal }: ReadLoginsOptions): Promise<Logins> {
  const where = dovecot === undefined ? [] : ['-c', dovecot];
  const { stdout } = await run('doveconf', [...where, '-n', '-P'], { timeoutMs: 20_000, signal });
  const { root } = parseDoveconf(stdout);
  const sections = root.sections.filter(({ type }) => type === 'passdb');
  const findings: Finding[] = [];
  const users = new Set([...(await listed(where, signal)), ...mailboxes]);
  const inFiles = new Map<string, string>();
  for (const section of sections.filter((each) => driverOf(each) === 'passwd-file'))
    for (const path of pathsIn([...section.settings.values()].join(' ')))
      for (const [user, hash] of passwdFile(path)) {
        users.add(user);
        if (hash !== '' && !inFiles.has(user)) inFiles.set(user, path);
      }
  const readable = new Map<string, string>();
  for (const section of sections) {
    const driver = driverOf(section);
    if (driver === 'passwd-file') continue;
    const config = pathsIn(section.settings.get('args') ?? '')[0];
    const missing = [...users].filter((user) => !inFiles.has(user) && !readable.has(user));
    try {
      const found =
        driver === 'sql' && config !== undefined
          ? await readSql(config, missing, signal)
          : driver === 'ldap' && config !== undefined
            ? await readLdap(config, missing, signal)
            : driver === 'pam' || driver === 'shadow'
              ? new Map(Object.entries(readShadow(missing)).map(([user, hash]) => [user, `{CRYPT}${hash}`]))
              : new Map<string, string>();
      for (const [user, hash] of found) {
        users.add(user);
        if (!inFiles.has(user) && !readable.has(user)) readable.set(user, hash);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof MailrecoverError)) throw error;
      findings.push({
        severity: 'warning',
        code: 'directory-unread',
        message: `the hashes of passdb ${driver} can not be read: ${error.message}`,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
        ...(config === undefined ? {} : { subject: config }),
      });
    }
  }
  const others = [...users].filter((user) => !inFiles.has(user));
  const fields = await fieldsOf(where, others, signal);
  return {
    users: [...users].sort(),
    readable: [...readable]
      .map(([user, hash]) => ({ user, hash, rest: fields.get(user) ?? '::::' }))
      .sort((a, b) => (a.user < b.user ? -1 : 1)),
    inFiles: [...inFiles.keys()].sort(),
    others: Object.fromEntries(others.filter((user) => !readable.has(user)).map((user) => [user, fields.get(user) ?? '::::'])),
    findings,
  };
}

export function driverOf({ name, settings }: Section): string {
  return settings.get('driver') ?? settings.get('passdb_driver') ?? name;
}

/** All users, where the user database can list them (doveadm-user(1)). */
async function listed(where: readonly string[], signal: AbortSignal): Promise<string[]> {
  try {
    const { stdout } = await run('doveadm', [...where, 'user', '*'], { timeoutMs: 120_000, maxBytes: 64 * 1024 * 1024, signal });
    return stdout.split('\n').filter((name) => name !== '');
  } catch {
    signal.throwIfAborted();
    return [];
  }
}
