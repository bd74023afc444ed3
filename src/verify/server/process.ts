import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MailrecoverError, systemCode } from '../../errors/error.ts';
import type { ByteString } from '../../store/bytes.ts';
import { fsPath } from '../../store/bytes.ts';
import { monotonic, sleep } from '../../system/clock.ts';
import { type Daemon, startDaemon } from '../../system/daemon.ts';
import { run } from '../../system/exec.ts';
import { groupId, groupName, userId, userName } from '../../system/owners.ts';
import { dovecotConfig, kindLine, type MailboxKind, PLACES, SOCKETS } from './config.ts';
import { ImapSession } from './imap.ts';
import { makePassage, openToGroup, removeRoot, requirePassage, serverRoot, type ServerRoot } from './root.ts';
import { type DovecotProgram, findDovecot, FOREIGN_SETTINGS, locate } from './version.ts';

/** How long the server may say nothing while it is asked something: opening a huge folder on a slow disk takes its time. */
const SILENCE_MS = 300_000;
const START_MS = 60_000;

/** A private Dovecot that serves mailboxes of the scratch copy, on Unix sockets only. */
export interface PrivateServer {
  program: DovecotProgram;
  /** In a network namespace of its own, without any interface. */
  isolated: boolean;
  privileged: boolean;
  /** When it was started, on the monotonic clock. */
  started: number;
  /** The scratch directory, symbolic links resolved. */
  scratch: string;
  internal: { uid: number; gid: number };
  lmtpSocket: string;
  /** Makes a mailbox known; gives its login name. */
  admit(paths: MailboxPaths, kind: MailboxKind): string;
  /** Takes it away again, with its indexes. */
  dismiss(login: string): void;
  /** A new session, logged in. */
  login(name: string, signal: AbortSignal | undefined): Promise<ImapSession>;
  /** The last line of its log that tells of an error, without the time. */
  lastError(): string | undefined;
  /** Ends it and removes what it wrote; gives what is left. */
  stop(): Promise<string[]>;
}

/** Where the trees of a mailbox lie in the scratch copy. */
export interface MailboxPaths {
  mailPath: ByteString;
  controlPath: ByteString;
  altPath?: ByteString;
  indexPath?: ByteString;
  inboxPath?: ByteString;
}

export interface StartInput {
  scratch: string;
  work: string;
  dovecot?: { dovecot?: string; doveconf?: string };
  signal?: AbortSignal | undefined;
}

/**
 * Starts it, and waits until it answers.
 * @throws {MailrecoverError} `usage` when Dovecot is missing, unknown or has no way to the copy; `failed` when it does not start
 */
export async function startServer(input: StartInput): Promise<PrivateServer> {
  const program = await findDovecot(input.dovecot);
  const privileged = process.getuid?.() === 0;
  const users = privileged ? await dovecotUsers(program) : ownUser();
  const internal = { uid: userId(users.internal) ?? 0, gid: groupId(users.group) ?? 0 };
  const scratch = realpathSync(input.scratch);
  if (readdirSync(input.work).length > 0) throw new MailrecoverError('refused', `'${input.work}' is not empty`, { subject: input.work });
  if (privileged) {
    for (const path of [scratch, input.work]) requirePassage(path);
    openToGroup(scratch, internal.gid);
    chmodSync(input.work, 0o711);
  }

  const root = serverRoot(input.work);
  let daemon: Daemon | undefined;
  const stop = async (): Promise<string[]> => {
    // It has nothing to finish: the copy and the indexes are thrown away.
    const left = (await daemon?.stop({ termMs: 300, killMs: 20_000 })) ?? [];
    return [...left.map((pid) => `process ${pid}`), ...removeRoot(root, Object.values(PLACES))];
  };
  try {
    makePlaces(root, privileged ? internal : undefined);
    const config = join(root.path, PLACES.config);
    writeFileSync(config, dovecotConfig({ dialect: program.dialect, root: root.path, run: root.run, users, privileged }), { mode: 0o600 });
    const [isolation, lifeline] = await Promise.all([isolationCommand(privileged), lifelineCommand(), requireParts(program, config)]);
    const started = monotonic();
    // Each of these runs the rest of its arguments in its own place, so that the process stays the one that we started.
    const args = [...isolation, ...lifeline, program.dovecot, '-F', '-c', config];
    daemon = await startDaemon(args[0] ?? program.dovecot, args.slice(1), {
      logFile: join(root.path, PLACES.log),
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' },
    });
    await answering(daemon, root, input.signal);
    return {
      program,
      privileged,
      started,
      scratch,
      internal,
      isolated: isolation.length > 0,
      ...access(daemon, root, program, privileged ? internal : undefined),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function access(
  daemon: Daemon,
  root: ServerRoot,
  program: DovecotProgram,
  internal: { uid: number; gid: number } | undefined,
): Pick<PrivateServer, 'admit' | 'dismiss' | 'login' | 'lastError' | 'lmtpSocket'> {
  const password = randomBytes(24).toString('base64url');
  const hash = `{SHA256}${createHash('sha256').update(password).digest('base64')}`;
  const place = (name: keyof typeof PLACES, entry: string): string => join(root.path, PLACES[name], entry);
  const kinds = new Map<string, string>();
  let mailboxes = 0;
  return {
    lmtpSocket: join(root.run, SOCKETS.lmtp),
    admit({ mailPath, controlPath, altPath, indexPath, inboxPath }, kind) {
      const { uid, gid, layout, utf8, control, format, alt, index, inbox } = kind;
      const key = JSON.stringify([uid, gid, layout, utf8, control, format, alt, index, inbox]);
      let domain = kinds.get(key);
      if (domain === undefined) {
        domain = `k${kinds.size}`;
        const file = place('users', domain);
        writeFileSync(file, kindLine(program.dialect, root.path, domain, hash, kind), { mode: 0o600 });
        if (internal !== undefined) chownSync(file, internal.uid, internal.gid);
        kinds.set(key, domain);
      }
      const id = `m${mailboxes++}`;
      symlinkSync(fsPath(mailPath), place('mail', id));
      symlinkSync(fsPath(controlPath), place('control', id));
      if (altPath !== undefined) symlinkSync(fsPath(altPath), place('alt', id));
      if (inboxPath !== undefined) symlinkSync(fsPath(inboxPath), place('inbox', id));
      if (indexPath !== undefined) symlinkSync(fsPath(indexPath), place('index', id));
      else {
        mkdirSync(place('index', id), { mode: 0o700 });
        if (internal !== undefined) chownSync(place('index', id), uid, gid);
      }
      return `${id}@${domain}`;
    },
    dismiss(login) {
      const id = login.slice(0, login.indexOf('@'));
      // Links go themselves, not what they lead to.
      for (const name of ['mail', 'control', 'alt', 'index', 'inbox'] as const) rmSync(place(name, id), { recursive: true, force: true });
    },
    async login(name, signal) {
      const session = await ImapSession.open(join(root.run, SOCKETS.imap), {
        timeoutMs: SILENCE_MS,
        ...(signal === undefined ? {} : { signal }),
      }).catch((error: unknown) => {
        if (systemCode(error) === undefined) throw error;
        throw new MailrecoverError('failed', `the private dovecot ${daemon.running() ? 'does not answer' : 'has ended'}`, { cause: error });
      });
      const answer = await session.command(`LOGIN ${name} ${password}`);
      if (answer.status === 'OK') return session;
      await session.close();
      throw new MailrecoverError('failed', `the server refused the login: ${answer.text}`);
    },
    lastError() {
      const line = daemon.lastLines(50).findLast((one) => /\b(?:Error|Fatal|Panic):/.test(one));
      return line?.replace(/^.*?\b(?:Error|Fatal|Panic): /, '').slice(0, 300);
    },
  };
}

function makePlaces(root: ServerRoot, internal: { uid: number; gid: number } | undefined): void {
  for (const name of [PLACES.mail, PLACES.control, PLACES.alt, PLACES.inbox, PLACES.index, PLACES.home]) makePassage(join(root.path, name));
  mkdirSync(join(root.path, PLACES.users), { mode: 0o700 });
  if (internal !== undefined) chownSync(join(root.path, PLACES.users), internal.uid, internal.gid);
}

/** Whom this build of Dovecot runs its own processes as: distributions differ. `-d` shows the built-in settings and reads no file. */
async function dovecotUsers(program: DovecotProgram): Promise<{ internal: string; login: string; group: string }> {
  const settings = ['default_internal_user', 'default_login_user', 'default_internal_group'];
  const answer = await run(program.doveconf, ['-d', '-h', ...settings], { env: FOREIGN_SETTINGS, timeoutMs: 60_000 }).catch(
    () => undefined,
  );
  const names = (answer?.stdout ?? '').trim().split('\n');
  const known = names.length === settings.length && names.every((name) => /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name));
  const [internal = '', login = '', group = ''] = known ? names : ['dovecot', 'dovenull', 'dovecot'];
  const users = { internal, login, group };
  for (const name of [users.internal, users.login]) {
    if ((userId(name) ?? 0) === 0)
      throw new MailrecoverError('usage', `dovecot's user '${name}' does not exist on this host`, {
        hint: 'install dovecot from the packages of the distribution',
      });
  }
  return users;
}

function ownUser(): { internal: string; login: string; group: string } {
  const name = userName(process.getuid?.() ?? 0);
  return { internal: name, login: name, group: groupName(process.getgid?.() ?? 0) };
}

/** @throws {MailrecoverError} `usage` when the package with IMAP or LMTP is missing, `failed` when Dovecot does not take our settings */
async function requireParts(program: DovecotProgram, config: string): Promise<void> {
  const shown = await run(program.doveconf, ['-c', config, '-h', 'libexec_dir'], {
    env: FOREIGN_SETTINGS,
    timeoutMs: 60_000,
    okExitCodes: [0, 89],
  });
  const directory = shown.stdout.trim();
  const parts = directory.startsWith('/') ? readdirSync(directory) : [];
  const missing = ['imap-login', 'imap', 'lmtp'].filter((part) => !parts.includes(part));
  if (shown.exitCode === 0 && missing.length === 0) return;
  if (directory.startsWith('/') && missing.length > 0) {
    throw new MailrecoverError('usage', `this dovecot has no ${missing.join(', ')}, and level server needs it`, {
      hint: 'apt install dovecot-imapd dovecot-lmtpd, or verify with --level mail',
    });
  }
  throw new MailrecoverError(
    'failed',
    `dovecot ${program.version} does not take the settings of the private server: ${shown.stderr.trim().split('\n').at(-1) ?? ''}`,
  );
}

/** The command that runs another one without any network; nothing where that is not permitted. Unix sockets work across it. */
async function isolationCommand(privileged: boolean): Promise<string[]> {
  const unshare = locate('unshare');
  if (unshare === undefined) return [];
  const args = privileged ? ['--net', '--'] : ['--map-current-user', '--net', '--'];
  const works = await run(unshare, [...args, 'true'], { timeoutMs: 30_000 }).then(
    () => true,
    () => false,
  );
  return works ? [unshare, ...args] : [];
}

/** The command that has another one ended with us, even when we are killed; nothing where it is not installed. */
async function lifelineCommand(): Promise<string[]> {
  const setpriv = locate('setpriv');
  if (setpriv === undefined) return [];
  const args = ['--pdeathsig', 'TERM', '--'];
  const works = await run(setpriv, [...args, 'true'], { timeoutMs: 30_000 }).then(
    () => true,
    () => false,
  );
  return works ? [setpriv, ...args] : [];
}

async function answering(daemon: Daemon, root: ServerRoot, signal: AbortSignal | undefined): Promise<void> {
  const socket = join(root.run, SOCKETS.imap);
  const end = monotonic() + START_MS;
  for (;;) {
    signal?.throwIfAborted();
    const session = await ImapSession.open(socket, { timeoutMs: SILENCE_MS, ...(signal === undefined ? {} : { signal }) }).catch(
      () => undefined,
    );
    if (session !== undefined) {
      await session.close();
      return;
    }
    if (!daemon.running() || monotonic() > end) {
      const said = daemon.lastLines(5).join(' · ');
      throw new MailrecoverError(
        'failed',
        `the private dovecot ${daemon.running() ? 'does not answer' : 'ended at once'}${said === '' ? '' : `: ${said}`}`,
      );
    }
    await sleep(10);
  }
}
