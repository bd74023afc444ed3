import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { config23, config24, type DovecotSettings } from './dovecot-config.ts';
import { findProgram, isRoot, missing, processGroup, run } from './host.ts';
import { keepTrack, type Leftover, undo } from './leave.ts';
import { freePorts, listens, until } from './ports.ts';
import { makeScratch } from './tmp.ts';

export interface DovecotOptions {
  /** `user@domain`, …; all have the password of the server. */
  users: string[];
  /** Where mail lies, with %d and %n; `<directory>/mail/%d/%n/Maildir` by default. */
  mail?: string;
  /** How it lies there; `maildir` by default. */
  format?: 'maildir' | 'mbox' | 'sdbox' | 'mdbox';
  layout?: 'maildir++' | 'fs';
  /** Patterns: INBOX in a file of its own (mbox), the alternative storage (sdbox, mdbox). */
  inbox?: string;
  alt?: string;
  /** More lines of settings. */
  extra?: string[];
  /** Directories, with %d and %n, for control and index files that lie elsewhere. */
  control?: string;
  index?: string;
  /** Prefix of the namespace with its separator, e.g. `INBOX.`. */
  prefix?: string;
  /** Hierarchy separator; `/` by default. */
  separator?: string;
  /** Folder names on disk in UTF-8 rather than modified UTF-7. */
  utf8?: boolean;
  /** Owner of the mail: a system user; {@link mailUser} for root. */
  owner?: string;
  /** More lines of configuration, in the words of Dovecot 2.3. */
  more?: string;
}

export interface Dovecot {
  host: '127.0.0.1';
  ports: { imap: number; lmtp: number; doveadm: number };
  /** Version as `dovecot --version` says it, e.g. `2.3.19.1`. */
  version: string;
  users: string[];
  password: string;
  owner: string;
  separator: string;
  /** Prefix of the namespace; empty for none. */
  prefix: string;
  config: string;
  /** Of the master process. */
  pid: number;
  /** Pattern of the mail directories, with %d and %n, and the directory of one user. */
  mail: string;
  mailOf: (user: string) => string;
  /** Runs doveadm against this server; throws with its error output when it fails. */
  doveadm: (...args: string[]) => string;
  log: () => string;
  /** Stops the server; its users' mail stays until the directory that holds it is removed. */
  stop: () => Promise<void>;
}

/** Why no Dovecot can be started here, for `skip` of a test, or false. */
export function noDovecot(): string | false {
  if (missing('dovecot', 'doveadm') !== false) return 'needs Dovecot (dovecot-imapd, dovecot-lmtpd), not installed here';
  if (!existsSync('/usr/lib/dovecot/imap') && !existsSync('/usr/libexec/dovecot/imap')) return 'needs dovecot-imapd, not installed here';
  if (!existsSync('/usr/lib/dovecot/lmtp') && !existsSync('/usr/libexec/dovecot/lmtp')) return 'needs dovecot-lmtpd, not installed here';
  return false;
}

/** A private Dovecot on free ports of 127.0.0.1 for the rest of this test, suite or file; everything of it is gone afterwards. */
export async function dovecot(options: DovecotOptions): Promise<Dovecot> {
  const server = await startDovecot(options);
  after(() => server.stop());
  return server;
}

/** The same outside of tests: to be stopped by the caller, or by the end of the process. */
export async function startDovecot(options: DovecotOptions): Promise<Dovecot> {
  const version = /[0-9.]+/.exec(run('dovecot', ['--version']))?.[0] ?? '';
  const scratch = makeScratch('dc');
  try {
    const settings = prepare(scratch.path, options);
    for (let attempt = 1; ; attempt++) {
      const child = await launch(settings, version);
      if (child !== undefined) return serverOf(settings, options, version, scratch, child);
      const log = readLog(settings.directory);
      if (attempt === 5 || !log.includes('Address already in use')) throw new Error(`dovecot did not start:\n${log}`);
    }
  } catch (error) {
    await undo(scratch);
    throw error;
  }
}

function prepare(directory: string, options: DovecotOptions): DovecotSettings {
  const owner = options.owner ?? (isRoot ? mailUser() : userInfo().username);
  const mail = options.mail ?? join(directory, `mail/%d/%n/${options.format ?? 'Maildir'}`);
  const password = 'secret';
  const { uid, gid } = idOf(owner);
  const lines = options.users.map((user) => {
    const path = expand(mail, user);
    for (const place of [path, options.control, options.index, options.inbox, options.alt])
      if (place !== undefined) makeOwned(dirname(expand(place, user)), uid, gid);
    return `${user}:{PLAIN}${password}:${uid}:${gid}::${dirname(path)}::\n`;
  });
  writeFileSync(join(directory, 'users'), lines.join(''));
  const separator = options.separator ?? '/';
  return {
    directory,
    ports: { imap: 0, lmtp: 0, doveadm: 0 },
    password,
    owner,
    group: run('id', ['-gn', owner]).trim(),
    runAs: isRoot ? undefined : owner,
    mail,
    format: options.format ?? 'maildir',
    layout: options.layout ?? (options.format === undefined || options.format === 'maildir' ? 'maildir++' : 'fs'),
    inbox: options.inbox,
    alt: options.alt,
    extra: options.extra ?? [],
    control: options.control,
    index: options.index,
    prefix: options.prefix ?? '',
    separator,
    utf8: options.utf8 ?? false,
    more: options.more ?? '',
  };
}

/** Numbers of a user and its group; of the one that owns mail by default. */
export function idOf(user = isRoot ? mailUser() : userInfo().username): { uid: number; gid: number } {
  const id = (flag: string): number => Number(run('id', [flag, user]));
  return { uid: id('-u'), gid: id('-g') };
}

/** The system user that owns virtual mail: `vmail` where there is one, else `mail`, which Debian has everywhere. */
export function mailUser(): string {
  return spawnSync('id', ['vmail'], { stdio: 'ignore' }).status === 0 ? 'vmail' : 'mail';
}

function makeOwned(directory: string, uid: number, gid: number): void {
  const first = mkdirSync(directory, { recursive: true, mode: 0o755 });
  if (first === undefined || !isRoot) return;
  for (let path = directory; path.length >= first.length; path = dirname(path)) chownSync(path, uid, gid);
}

function expand(pattern: string, user: string): string {
  const at = user.indexOf('@');
  const [name, domain] = at < 0 ? [user, ''] : [user.slice(0, at), user.slice(at + 1)];
  return pattern.replace(/%d/g, domain).replace(/%n/g, name).replace(/%u/g, user);
}

/** Starts Dovecot in the foreground and waits until it takes connections; undefined when it ended instead. */
async function launch(settings: DovecotSettings, version: string): Promise<ChildProcess | undefined> {
  const [imap = 0, lmtp = 0, doveadm = 0] = await freePorts(3);
  settings.ports = { imap, lmtp, doveadm };
  const path = join(settings.directory, 'dovecot.conf');
  writeFileSync(path, version.startsWith('2.3.') ? config23(settings) : config24(settings, version));
  const program = findProgram('dovecot') ?? 'dovecot';
  // Linux stops the server even where this process is killed.
  const setpriv = findProgram('setpriv');
  const [command, first] = setpriv === undefined ? [program, []] : [setpriv, ['--pdeathsig', 'TERM', program]];
  const child = spawn(command, [...first, '-F', '-c', path], {
    stdio: 'ignore',
    detached: true,
    env: { PATH: process.env['PATH'] ?? '' },
    cwd: tmpdir(),
  });
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  child.on('error', () => child.kill());
  const up = await until(async () => !ended() && (await listens(imap)) && (await listens(lmtp)), 30_000, ended);
  if (up && !ended()) return child;
  await end(child, ended);
  return undefined;
}

/** Ends the server and its helpers, which form a process group; after 15 s by force. */
async function end(child: ChildProcess, ended: () => boolean): Promise<void> {
  const group = child.pid;
  if (group === undefined) return;
  // All of them at once: the master alone would wait for clients that are still connected.
  signalGroup(group, 'SIGTERM');
  const gone = (): boolean => ended() && processGroup(group).length === 0;
  if (await until(gone, 15_000)) return;
  signalGroup(group, 'SIGKILL');
  await until(gone, 5000);
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // Nobody is left in it.
  }
}

function readLog(directory: string): string {
  try {
    return readFileSync(join(directory, 'dovecot.log'), 'utf8');
  } catch {
    return '';
  }
}

function serverOf(settings: DovecotSettings, options: DovecotOptions, version: string, scratch: Leftover, child: ChildProcess): Dovecot {
  const config = join(settings.directory, 'dovecot.conf');
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const fixed = settings.mail.slice(0, settings.mail.indexOf('%')).replace(/\/$/, '');
  // Known by where its mail lies, so that it is stopped before that directory goes.
  const leftover = keepTrack({
    path: fixed,
    undo: async () => {
      await end(child, ended);
      await undo(scratch);
    },
    undoNow: () => {
      if (child.pid === undefined) return;
      signalGroup(child.pid, 'SIGTERM');
      // They must not write while the directory is removed.
      for (let round = 0; round < 200 && processGroup(child.pid).length > 0; round++) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      }
      signalGroup(child.pid, 'SIGKILL');
      rmSync(scratch.path, { recursive: true, force: true, maxRetries: 5 });
    },
  });
  return {
    host: '127.0.0.1',
    ports: settings.ports,
    version,
    users: options.users,
    password: settings.password,
    owner: settings.owner,
    separator: settings.separator,
    prefix: settings.prefix,
    config,
    pid: child.pid ?? 0,
    mail: settings.mail,
    mailOf: (user) => expand(settings.mail, user),
    doveadm: (...args) => run('doveadm', ['-c', config, ...args]),
    log: () => readLog(settings.directory),
    stop: () => undo(leftover),
  };
}
