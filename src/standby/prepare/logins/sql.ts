/** Hashes in an SQL database, by the very query with which Dovecot looks for them (Dovecot 2.3: password_query). */
import { randomBytes } from 'node:crypto';
import { MailrecoverError } from '../../../errors/error.ts';
import { run } from '../../../system/exec.ts';
import { firstInstalled } from '../../../system/stream.ts';
import { PSQL_TABS } from '../texts.ts';
import { fillIn, settingsOf, withScheme } from './settings.ts';

/** A value in a quoted SQL text. */
const escape = (value: string): string => value.replaceAll("'", "''");
/** The same for MariaDB, where a backslash escapes, too. */
const escapeBackslash = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll("'", "''");

const PATIENCE = 300_000;

/** By user; those without a hash are left out. */
export async function readSql(config: string, users: readonly string[], signal: AbortSignal): Promise<Map<string, string>> {
  const settings = settingsOf(config);
  const [driver, connect = '', query] = [settings.get('driver'), settings.get('connect'), settings.get('password_query')];
  const scheme = settings.get('default_pass_scheme');
  if (query === undefined) throw new MailrecoverError('failed', `'${config}' has no password_query`, { subject: config });
  const found = new Map<string, string>();
  const take = (user: string, row: Record<string, unknown> | undefined): void => {
    const hash = row?.['password'];
    if (typeof hash === 'string' && hash !== '') found.set(user, withScheme(hash, scheme));
  };
  if (driver === 'sqlite') {
    const { DatabaseSync } = await import('node:sqlite');
    const database = new DatabaseSync(connect.trim(), { readOnly: true });
    try {
      for (const user of users) take(user, database.prepare(fillIn(query, user, escape)).get());
    } catch (error) {
      throw new MailrecoverError('failed', `the query of '${config}' failed: ${error instanceof Error ? error.message : String(error)}`, {
        subject: config,
      });
    } finally {
      database.close();
    }
    return found;
  }
  const parts = new Map(
    Array.from(connect.matchAll(/(\w+)=('[^']*'|\S*)/g), ([, name = '', value = '']) => [name, value.replace(/^'|'$/g, '')]),
  );
  if (driver === 'pgsql') return readRows(await psql(parts, users, query, signal), users, take, found);
  if (driver === 'mysql') {
    // Its client prints NULL as a word.
    const takeSome = (user: string, row: Record<string, unknown> | undefined): void => {
      if (row?.['password'] !== 'NULL') take(user, row);
    };
    return readRows(await mysql(parts, users, query, signal), users, takeSome, found);
  }
  throw new MailrecoverError('failed', `the database driver '${driver ?? ''}' is not known`, { subject: config });
}

/** What a client printed: for each user a line with the mark, one with names of columns, and rows; tabs between them. */
function readRows(
  { stdout, mark }: { stdout: string; mark: string },
  users: readonly string[],
  take: (user: string, row: Record<string, string> | undefined) => void,
  found: Map<string, string>,
): Map<string, string> {
  const answers = stdout.split(new RegExp(`^${mark}(\\d+)\\n`, 'm')).slice(1);
  for (let at = 0; at + 1 < answers.length; at += 2) {
    const user = users[Number(answers[at])];
    const [head = '', row] = (answers[at + 1] ?? '').split('\n').filter((line) => line !== '');
    if (user === undefined || row === undefined) continue;
    const values = row.split('\t');
    take(user, Object.fromEntries(head.split('\t').map((name, index) => [name, values[index] ?? ''])));
  }
  return found;
}

async function psql(
  parts: Map<string, string>,
  users: readonly string[],
  query: string,
  signal: AbortSignal,
): Promise<{ stdout: string; mark: string }> {
  const mark = `mark-${randomBytes(8).toString('hex')}-`;
  const env: Record<string, string> = {};
  for (const [name, variable] of [
    ['host', 'PGHOST'],
    ['port', 'PGPORT'],
    ['dbname', 'PGDATABASE'],
    ['user', 'PGUSER'],
    ['password', 'PGPASSWORD'],
    ['hostaddr', 'PGHOSTADDR'],
    ['sslmode', 'PGSSLMODE'],
    ['sslrootcert', 'PGSSLROOTCERT'],
  ] as const) {
    const value = parts.get(name);
    if (value !== undefined) env[variable] = value;
  }
  const input = [
    PSQL_TABS,
    ...users.flatMap((user, at) => [`\\echo ${mark}${at}`, `${fillIn(query, user, escape).replace(/;\s*$/, '')};`]),
    '',
  ].join('\n');
  // Without ON_ERROR_STOP a query that is refused looks like one that finds nobody.
  const { stdout } = await run('psql', ['-X', '-q', '-A', '--set', 'ON_ERROR_STOP=1', '--pset', 'footer=off', '-f', '-'], {
    input,
    env: { ...env, PGCONNECT_TIMEOUT: '10' },
    timeoutMs: PATIENCE,
    maxBytes: 256 * 1024 * 1024,
    signal,
    secrets: [parts.get('password') ?? ''],
    hint: "install postgresql-client, which has 'psql'",
  });
  return { stdout, mark };
}

async function mysql(
  parts: Map<string, string>,
  users: readonly string[],
  query: string,
  signal: AbortSignal,
): Promise<{ stdout: string; mark: string }> {
  const mark = `mark-${randomBytes(8).toString('hex')}-`;
  const host = parts.get('host') ?? '';
  const args = [
    '--batch',
    '--raw',
    '--connect-timeout=10',
    ...(host.startsWith('/') ? [`--socket=${host}`] : host === '' ? [] : [`--host=${host}`]),
    ...(parts.has('port') ? [`--port=${parts.get('port') ?? ''}`] : []),
    ...(parts.has('user') ? [`--user=${parts.get('user') ?? ''}`] : []),
    ...(parts.has('dbname') ? [`--database=${parts.get('dbname') ?? ''}`] : []),
    ...(parts.has('ssl_ca') ? [`--ssl-ca=${parts.get('ssl_ca') ?? ''}`] : []),
  ];
  const input = users
    .flatMap((user, at) => [`SELECT '${mark}${at}' AS \`-\`;`, `${fillIn(query, user, escapeBackslash).replace(/;\s*$/, '')};`])
    .join('\n');
  const { stdout } = await run(await firstInstalled(['mariadb', 'mysql']), args, {
    input,
    env: { MYSQL_PWD: parts.get('password') ?? '' },
    timeoutMs: PATIENCE,
    maxBytes: 256 * 1024 * 1024,
    signal,
    secrets: [parts.get('password') ?? ''],
    hint: "install mariadb-client, which has 'mariadb'",
  });
  return { stdout: stdout.replace(/^-\n/gm, ''), mark };
}
