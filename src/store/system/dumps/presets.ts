/** How databases are dumped, and how a dump is known to be whole. */
import { readSecret } from '../../../system/secret.ts';
import { firstInstalled } from '../../../system/stream.ts';

/** One database, as the configuration has it. */
export interface DatabaseSource {
  name: string;
  preset: 'postgresql' | 'mariadb' | 'sqlite' | 'slapcat' | 'redis' | 'command';
  /** All of them where absent (PostgreSQL with its roles, MariaDB); the file of an SQLite database; the suffix for slapcat. */
  database?: string | undefined;
  host?: string | undefined;
  port?: number | undefined;
  /** Who logs in to the database. */
  user?: string | undefined;
  /** A reference to the password (system/secret.ts). */
  password?: string | undefined;
  /** The user of the system who runs the command. */
  runAs?: string | undefined;
  /** A file with options for MariaDB's programs, or the configuration of slapd (file or directory). */
  options?: string | undefined;
  command?: readonly string[] | undefined;
  /** Variables, with references to their values. */
  environment?: Readonly<Record<string, string>> | undefined;
  /** What the last lines of a whole dump hold, for a command. */
  ends?: string | undefined;
  /** Milliseconds. */
  timeout: number;
}

export interface DumpCommand {
  command: string;
  args: string[];
  env: Record<string, string>;
  /** The program that dumps, also where another runs it. */
  program: string;
  /** What must not stand in messages. */
  secrets: string[];
  /** Name of the file in the snapshot. */
  file: string;
  /** What stands at the beginning and in the last 4 KiB of a whole dump. */
  begins?: RegExp;
  ends?: RegExp | undefined;
  /** How it comes back, for the written order of a rebuild. */
  restore: string[];
}

/** @throws MailrecoverError `not-found` where the program is not installed, `key` where a secret can't be had */
export async function dumpCommand(source: DatabaseSource): Promise<DumpCommand> {
  const { name, password, environment, runAs } = source;
  const variables = new Map(Object.entries(environment ?? {}));
  const variable = PASSWORDS[source.preset];
  if (password !== undefined && variable !== undefined) variables.set(variable, password);
  const env: Record<string, string> = {};
  for (const [key, reference] of variables) env[key] = await readSecret(reference, `${key} for the dump of database '${name}'`);
  const preset = await PRESETS[source.preset](source);
  const made = { ...preset, program: preset.command, env, secrets: Object.values(env) };
  if (runAs === undefined) return made;
  return { ...made, command: 'runuser', args: ['-u', runAs, '--', made.command, ...made.args] };
}

/** Variables in which the programs take a password. */
const PASSWORDS: Readonly<Partial<Record<DatabaseSource['preset'], string>>> = {
  postgresql: 'PGPASSWORD',
  mariadb: 'MYSQL_PWD',
  redis: 'REDISCLI_AUTH',
};

function option(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`--${name}=${value}`];
}

function asUser({ runAs }: DatabaseSource, command: string): string {
  return runAs === undefined ? command : `runuser -u ${runAs} -- ${command}`;
}

type Preset = (source: DatabaseSource) => Promise<Omit<DumpCommand, 'env' | 'secrets' | 'program'>>;

const PRESETS: Readonly<Record<DatabaseSource['preset'], Preset>> = {
  async postgresql(source) {
    const { name, database, host, port, user } = source;
    const program = await firstInstalled([database === undefined ? 'pg_dumpall' : 'pg_dump']);
    const where = [...option('host', host), ...option('port', port), ...option('username', user)];
    return {
      command: program,
      args: ['--no-password', ...where, ...(database === undefined ? [] : ['--create', `--dbname=${database}`])],
      file: `${name}.sql`,
      ends: /PostgreSQL database (?:cluster )?dump complete/,
      restore: [asUser(source, `psql --no-psqlrc ${where.join(' ')} --dbname=postgres --file=@FILE@`).replaceAll(/ {2,}/g, ' ')],
    };
  },
  async mariadb(source) {
    const { name, database, host, port, user, options } = source;
    const program = await firstInstalled(['mariadb-dump', 'mysqldump']);
    // The file of options must come first.
    const where = [...option('defaults-extra-file', options), ...option('host', host), ...option('port', port), ...option('user', user)];
    return {
      command: program,
      args: [
        ...where,
        '--single-transaction',
        '--quick',
        '--routines',
        '--events',
        '--triggers',
        '--hex-blob',
        '--skip-dump-date',
        ...(database === undefined ? ['--all-databases', '--flush-privileges'] : ['--databases', database]),
      ],
      file: `${name}.sql`,
      ends: /^-- Dump completed/m,
      restore: [
        asUser(source, `${program === 'mariadb-dump' ? 'mariadb' : 'mysql'} ${where.join(' ')} < @FILE@`).replaceAll(/ {2,}/g, ' '),
      ],
    };
  },
  async sqlite(source) {
    const { name, database = '' } = source;
    const program = await firstInstalled(['sqlite3']);
    return {
      command: program,
      args: ['-batch', '-bail', '-readonly', '-cmd', '.timeout 20000', database, '.dump'],
      file: `${name}.sql`,
      begins: /^PRAGMA foreign_keys=OFF;\n/,
      // A database that can't be read to its end gives `ROLLBACK; -- due to errors`, and exit code 0.
      ends: /(?:^|\n)COMMIT;\n$/,
      restore: [asUser(source, `sqlite3 ${database} < @FILE@`)],
    };
  },
  async slapcat(source) {
    const { name, database, options } = source;
    const program = await firstInstalled(['slapcat']);
    const config = options === undefined ? [] : [options.endsWith('.conf') ? '-f' : '-F', options];
    const suffix = database === undefined ? [] : ['-b', database];
    return {
      command: program,
      args: [...config, ...suffix, '-o', 'ldif-wrap=no'],
      file: `${name}.ldif`,
      begins: /^(?:#.*\n|version: 1\n|\n)*dn:/,
      ends: /\n\n$/,
      restore: [
        'systemctl stop slapd',
        asUser(source, `slapadd ${[...config, ...suffix].join(' ')} -q -l @FILE@`).replaceAll(/ {2,}/g, ' '),
        'systemctl start slapd',
      ],
    };
  },
  async redis(source) {
    const { name, host, port, user } = source;
    const program = await firstInstalled(['redis-cli', 'valkey-cli']);
    const server = host === undefined ? [] : host.startsWith('/') ? ['-s', host] : ['-h', host];
    return {
      command: program,
      args: [...server, ...(port === undefined ? [] : ['-p', String(port)]), ...(user === undefined ? [] : ['--user', user]), '--rdb', '-'],
      file: `${name}.rdb`,
      begins: /^REDIS\d{4}/,
      // The end of the data with its checksum (RDB 5 and later), and the mark with which the server ends a stream of unknown length.
      ends: /\xff[\s\S]{8}(?:[0-9a-f]{40})?$/,
      restore: [
        'systemctl stop redis-server',
        '# with appendonly yes in redis.conf: set it to no first, and back by CONFIG SET appendonly yes after the start',
        'install -o redis -g redis -m 0660 @FILE@ /var/lib/redis/dump.rdb',
        'systemctl start redis-server',
      ],
    };
  },
  async command(source) {
    const [command = '', ...args] = source.command ?? [];
    const ends = source.ends === undefined ? undefined : new RegExp(source.ends.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return {
      command,
      args,
      file: `${source.name}.dump`,
      ends,
      restore: [`# made by '${command}': give @FILE@ to what reads its dumps`],
    };
  },
};
