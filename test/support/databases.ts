/** Real servers of databases and directories, which listen on this host alone, and end with the test that starts them. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, existsSync, globSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { idOf } from './dovecot.ts';
import { missing, run } from './host.ts';
import { keepTrack, type Leftover, undo } from './leave.ts';
import { freePorts, listens, until } from './ports.ts';
import { scratch } from './tmp.ts';

/** A server that runs. */
export interface Server {
  /** Its directory, for files of the test, too. */
  root: string;
  stop: () => Promise<void>;
}

/** The directory of PostgreSQL's own programs, which Debian keeps out of PATH. */
const PG = globSync('/usr/lib/postgresql/*/bin').sort().at(-1);

export function noPostgres(): string | false {
  return PG === undefined ? 'needs PostgreSQL, not installed here' : missing('root', 'psql', 'runuser');
}

export interface Postgres extends Server {
  port: number;
  /** Runs psql(1) as its administrator. */
  sql: (database: string, ...args: string[]) => string;
}

/** With the socket in `root`, and an administrator `postgres` with this password. */
export async function startPostgres(password: string): Promise<Postgres> {
  const root = scratch('pg');
  const data = join(root, 'data');
  mkdirSync(data, { mode: 0o700 });
  const { uid, gid } = idOf('postgres');
  for (const path of [root, data]) chownSync(path, uid, gid);
  const [port = 0] = await freePorts(1);
  const as = (program: string, ...args: string[]): string => run('runuser', ['-u', 'postgres', '--', program, ...args]);
  writeFileSync(join(root, 'pw'), `${password}\n`);
  chmodSync(join(root, 'pw'), 0o644);
  as(`${PG}/initdb`, '-D', data, '--auth=scram-sha-256', `--pwfile=${join(root, 'pw')}`, '--no-sync');
  as(`${PG}/pg_ctl`, '-D', data, '-o', `-p ${port} -k ${root} -h '' -c fsync=off`, '-l', join(root, 'log'), '-w', 'start');
  const leftover = keepTrack({
    path: join(data, 'server'),
    undo: () => void as(`${PG}/pg_ctl`, '-D', data, '-m', 'immediate', 'stop'),
    undoNow: () => void spawnSync(`${PG}/pg_ctl`, ['-D', data, '-m', 'immediate', 'stop'], { uid, gid }),
  });
  const sql = (database: string, ...args: string[]): string =>
    run('env', [`PGPASSWORD=${password}`, 'psql', '-XAtq', '-h', root, '-p', String(port), '-U', 'postgres', '-d', database, ...args]);
  return { root, port, sql, stop: () => undo(leftover) };
}

export function noMariadb(): string | false {
  return missing('root', 'mariadbd', 'mariadb-install-db', 'mariadb-dump', 'mariadb');
}

export interface Mariadb extends Server {
  socket: string;
  /** Runs statements as its administrator. */
  sql: (text: string) => string;
}

export async function startMariadb(): Promise<Mariadb> {
  const root = scratch('maria');
  const socket = join(root, 's');
  const { uid, gid } = idOf('mysql');
  chownSync(root, uid, gid);
  const data = `--datadir=${root}/data`;
  run('mariadb-install-db', ['--no-defaults', '--user=mysql', data, '--skip-test-db', '--auth-root-authentication-method=normal']);
  const fast = '--innodb-flush-log-at-trx-commit=0';
  const server = spawn(
    'mariadbd',
    ['--no-defaults', '--user=mysql', data, `--socket=${socket}`, '--skip-networking', fast, `--pid-file=${root}/pid`],
    { stdio: 'ignore' },
  );
  const leftover = keepTrack(untilStopped(socket, server));
  if (!(await until(() => existsSync(socket) && spawnSync('mariadb', [`--socket=${socket}`, '-e', 'SELECT 1']).status === 0, 60_000)))
    throw new Error('mariadbd did not start');
  return {
    root,
    socket,
    sql: (text) => run('mariadb', ['--no-defaults', `--socket=${socket}`, '-N', '-e', text]),
    stop: () => undo(leftover),
  };
}

export function noRedis(): string | false {
  return missing('redis-server', 'redis-cli');
}

export interface Redis extends Server {
  socket: string;
  /** Runs one command. */
  say: (...command: string[]) => string;
}

/** With a password, and on a socket alone. @param dump what it begins with, an RDB file as latin1 */
export async function startRedis(password: string, dump?: string): Promise<Redis> {
  const root = scratch('redis');
  const socket = join(root, 's');
  if (dump !== undefined) writeFileSync(join(root, 'dump.rdb'), dump, 'latin1');
  const server = spawn(
    'redis-server',
    ['--port', '0', '--unixsocket', socket, '--dir', root, '--save', '', '--requirepass', password, '--repl-diskless-sync-delay', '0'],
    {
      stdio: 'ignore',
    },
  );
  const leftover = keepTrack(untilStopped(socket, server));
  const say = (...command: string[]): string => run('env', [`REDISCLI_AUTH=${password}`, 'redis-cli', '-s', socket, ...command]).trim();
  const answers = (): boolean =>
    spawnSync('redis-cli', ['-s', socket, 'PING'], { env: { ...process.env, REDISCLI_AUTH: password }, encoding: 'utf8' }).stdout.trim() ===
    'PONG';
  if (!(await until(() => existsSync(socket) && answers(), 60_000))) throw new Error('redis-server did not start');
  return { root, socket, say, stop: () => undo(leftover) };
}

export function noSlapd(): string | false {
  return missing('root', 'slapd', 'slapcat', 'slapadd');
}

export const LDAP_BASE = 'dc=example,dc=org';

export interface Slapd extends Server {
  port: number;
  /** Its configuration. */
  config: string;
}

export interface SlapdOptions {
  /** LDIF of what it begins with. */
  entries: string;
  /** More schemas of Debian's, beside `core`. */
  schemas?: readonly string[];
  /** Lines at the end of its configuration. */
  settings?: string;
  /** Lines for all databases. */
  global?: string;
}

/** The configuration of a directory whose data lie below `root`, in `name`. */
export function slapdConfig(root: string, name: string, { schemas = [], settings = '', global = '' }: Partial<SlapdOptions> = {}): string {
  mkdirSync(join(root, name));
  const path = join(root, `${name}.conf`);
  const schema = ['core', ...schemas].map((each) => `include /etc/ldap/schema/${each}.schema\n`).join('');
  writeFileSync(
    path,
    `${schema}${global}modulepath /usr/lib/ldap\nmoduleload back_mdb\ndatabase mdb\nmaxsize 10485760\nsuffix ${LDAP_BASE}\nrootdn cn=admin,${LDAP_BASE}\ndirectory ${root}/${name}\n${settings}`,
  );
  return path;
}

export async function startSlapd(options: SlapdOptions): Promise<Slapd> {
  const root = scratch('ldap');
  const config = slapdConfig(root, 'db', options);
  run('slapadd', ['-f', config, '-q'], options.entries);
  const [port = 0] = await freePorts(1);
  const server = spawn('/usr/sbin/slapd', ['-f', config, '-h', `ldap://127.0.0.1:${port}`, '-d', '0'], { stdio: 'ignore' });
  const leftover = keepTrack(untilStopped(join(root, 'server'), server));
  if (!(await until(() => listens(port), 30_000))) throw new Error('slapd did not start');
  return { root, port, config, stop: () => undo(leftover) };
}

function untilStopped(path: string, server: ChildProcess): Leftover {
  return {
    path,
    undo: async () => {
      server.kill('SIGTERM');
      if (!(await until(() => server.exitCode !== null || server.signalCode !== null, 20_000))) server.kill('SIGKILL');
    },
    undoNow: () => void server.kill('SIGKILL'),
  };
}
