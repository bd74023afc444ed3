/**
 * One of the two hosts, as commands are run on it: over SSH with a checked key, through a jump host where there is one, or on this host itself.
 * Commands are lists of arguments and are never read by a shell; each is told to a recorder, without what goes in or comes out.
 */
import { once } from 'node:events';
import { MailrecoverError } from '../errors/error.ts';
import { isoTime, monotonic, now } from '../system/clock.ts';
import { lastLine } from '../system/last-line.ts';
import { startLocal, type Ended, type Running } from '../system/running.ts';
import type { SshOptions } from '../system/ssh/connect.ts';
import { loginOptions, type SshAccess } from '../system/ssh/login.ts';
import type { SshSession } from '../system/ssh/session.ts';

/** How to log in; secrets are references (see `readSecret`). */
export interface SshLogin extends SshAccess {
  host: string;
  port: number;
  user: string;
}

export interface HostOptions {
  name: string;
  /** Its own address for mail. */
  address?: string | undefined;
  /** Absent for this host. */
  ssh?: (SshLogin & { via?: SshLogin | undefined }) | undefined;
}

/** A command that was run on a host, for the record. */
export interface RanCommand {
  host: string;
  command: readonly string[];
  /** UTC. */
  startedAt: string;
  milliseconds: number;
  exitCode?: number;
  /** Why there is no exit code. */
  problem?: string;
  /** What went in, and what it answered, line by line: of what says itself what it changes, without secrets. */
  input?: readonly string[];
  answer?: readonly string[];
}

export interface RemoteOptions {
  /** How long connecting may take, milliseconds. */
  connectMs?: number;
  /** How long its SSH port may be silent before the host counts as one that can't be reached, milliseconds; not where another host is between. */
  silentMs?: number;
  /** Told of every command when it has ended. */
  record?: (ran: RanCommand) => void;
  signal?: AbortSignal | undefined;
}

export interface RunOn {
  /** What goes in; never recorded. */
  input?: string | Uint8Array;
  /** Exit codes that are answers rather than errors; 0 by default, `any` for all. */
  ok?: readonly number[] | 'any';
  /** Seconds; 60 by default. */
  seconds?: number;
  /** Most bytes that it may print; 16 MiB by default. */
  maxBytes?: number;
}

export interface Answer {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface Remote {
  readonly name: string;
  /** Where its mail services listen. */
  readonly address: string;
  /** Runs a command to its end. @throws MailrecoverError `unreachable`, `key`, `not-found`, `failed` */
  run(argv: readonly string[], options?: RunOn): Promise<Answer>;
  /** Starts a command that is talked to. */
  start(argv: readonly string[], options?: { seconds?: number }): Promise<Running>;
  close(): void;
}

const CONNECT_MS = 15_000;
const SECONDS = 60;
const MAX_BYTES = 16 * 1024 * 1024;
/** What `timeout` of coreutils, `env` and shells end with. */
const TIMED_OUT = 124;
const NOT_FOUND = 127;

/** Nothing is connected to before the first command; a connection that was lost is made anew with the next. */
export function openHost(options: HostOptions, how: RemoteOptions = {}): Remote {
  const { name, ssh } = options;
  let session: Promise<SshSession> | undefined;

  async function connected(): Promise<SshSession> {
    const there = await session?.catch(() => undefined);
    if (there?.alive() === true) return there;
    session = (async () => {
      if (how.silentMs !== undefined && ssh?.via === undefined) await heard(ssh as NonNullable<typeof ssh>, how.silentMs);
      const { openSsh } = await import('../system/ssh/session.ts');
      return openSsh(await sshOptions(ssh as NonNullable<typeof ssh>, how.connectMs ?? CONNECT_MS));
    })();
    return session;
  }

  async function begin(argv: readonly string[], seconds: number): Promise<Running> {
    how.signal?.throwIfAborted();
    const [program = '', ...args] = argv;
    // `timeout` here as there, so that both end alike.
    if (ssh === undefined) return startLocal('timeout', ['-k', '5', String(seconds), program, ...args]);
    return (await connected()).start(argv, { seconds });
  }

  const recorded = async (argv: readonly string[], seconds: number): Promise<Running> => {
    const from = monotonic();
    const startedAt = isoTime(now());
    const tell = (rest: Pick<RanCommand, 'exitCode' | 'problem'>): void =>
      how.record?.({ host: name, command: argv, startedAt, milliseconds: Math.round(monotonic() - from), ...rest });
    try {
      const running = await begin(argv, seconds);
      const ended = running.ended.then((end) => {
        tell(end.exitCode === undefined ? { problem: end.signal ?? 'the connection was lost' } : { exitCode: end.exitCode });
        return end;
      });
      return { ...running, ended };
    } catch (error) {
      tell({ problem: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  };

  return {
    name,
    address: options.address ?? ssh?.host ?? '127.0.0.1',
    start: (argv, { seconds = 24 * 3600 } = {}) => recorded(argv, seconds),
    async run(argv, { input, ok = [0], seconds = SECONDS, maxBytes = MAX_BYTES } = {}) {
      const running = await recorded(argv, seconds);
      const stop = (): void => running.kill();
      how.signal?.addEventListener('abort', stop, { once: true });
      // The other side ends it by itself; this is for one that is silent.
      const timer = setTimeout(stop, (seconds + 15) * 1000);
      try {
        running.stdin.on('error', () => undefined);
        running.stdin.end(input ?? '');
        const [stdout, end] = await Promise.all([collect(running, maxBytes), running.ended]);
        how.signal?.throwIfAborted();
        if (stdout === undefined) throw failed(name, argv, `printed more than ${maxBytes} bytes and was stopped`);
        return { exitCode: checked(name, argv, end, ok, seconds), stdout: stdout.toString('utf8'), stderr: end.stderr };
      } finally {
        clearTimeout(timer);
        how.signal?.removeEventListener('abort', stop);
      }
    },
    close() {
      void session?.then((open) => open.end()).catch(() => undefined);
      session = undefined;
    },
  };
}

/** @throws MailrecoverError `unreachable` where nothing comes back */
async function heard({ host, port, user }: SshLogin, silentMs: number): Promise<void> {
  const { reach } = await import('./reach.ts');
  if ((await reach(host, port, silentMs)) !== 'silent') return;
  throw new MailrecoverError('unreachable', `unable to reach '${user}@${host}': it does not answer`, { subject: host });
}

/** What it printed, or undefined where that was too much. */
async function collect(running: Running, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  running.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxBytes) running.kill();
    else chunks.push(chunk);
  });
  running.stdout.on('error', () => undefined);
  if (!running.stdout.readableEnded) await Promise.race([once(running.stdout, 'close').catch(() => undefined), running.ended]);
  await running.ended;
  return size > maxBytes ? undefined : Buffer.concat(chunks);
}

/** The exit code, where it is an answer. */
function checked(host: string, argv: readonly string[], end: Ended, ok: readonly number[] | 'any', seconds: number): number {
  const { exitCode } = end;
  if (exitCode === undefined) {
    if (end.signal !== undefined) throw failed(host, argv, `was killed by ${end.signal}`);
    throw new MailrecoverError('unreachable', `the connection to '${host}' was lost while '${argv[0] ?? ''}' ran`, { subject: host });
  }
  if (ok !== 'any' && ok.includes(exitCode)) return exitCode;
  if (exitCode === TIMED_OUT) throw failed(host, argv, `took longer than ${seconds} s and was stopped`);
  if (exitCode === NOT_FOUND)
    throw new MailrecoverError('not-found', `'${argv[0] ?? ''}' is not installed on '${host}'`, { subject: host });
  if (ok === 'any') return exitCode;
  const said = lastLine(end.stderr);
  throw failed(host, argv, `failed with exit code ${exitCode}${said === '' ? '' : `: ${said}`}`);
}

function failed(host: string, argv: readonly string[], what: string): MailrecoverError {
  return new MailrecoverError('failed', `'${argv[0] ?? ''}' on '${host}' ${what}`, { subject: host });
}

/**
 * Runs two commands, the second of which reads what the first prints; nothing is kept in between.
 * @throws MailrecoverError as {@link Remote.run}, for whichever failed first
 */
export async function pipe(
  from: { on: Remote; argv: readonly string[] },
  to: { on: Remote; argv: readonly string[] },
  seconds: number,
): Promise<void> {
  const target = await to.on.start(to.argv, { seconds });
  target.stdout.resume();
  let source: Running;
  try {
    source = await from.on.start(from.argv, { seconds });
  } catch (error) {
    target.kill();
    await target.ended;
    throw error;
  }
  source.stdin.on('error', () => undefined);
  source.stdin.end();
  for (const stream of [source.stdout, target.stdin]) stream.on('error', () => undefined);
  source.stdout.pipe(target.stdin);
  let first: 'source' | 'target' | undefined;
  const left = source.ended.then((end) => {
    first ??= 'source';
    // One that was killed has not said that it has come to its end.
    if (end.exitCode !== 0) target.kill();
    return end;
  });
  const right = target.ended.then((end) => {
    if (first === undefined) source.kill();
    first ??= 'target';
    return end;
  });
  const ends = { source: await left, target: await right };
  const check = {
    source: () => checked(from.on.name, from.argv, ends.source, [0], seconds),
    target: () => checked(to.on.name, to.argv, ends.target, [0], seconds),
  };
  check[first ?? 'source']();
  check[first === 'target' ? 'source' : 'target']();
}

async function sshOptions(login: NonNullable<HostOptions['ssh']>, timeoutMs: number): Promise<SshOptions> {
  const one = async (to: SshLogin): Promise<SshOptions> => ({ ...(await loginOptions(to, to)), timeoutMs });
  const { via } = login;
  return { ...(await one(login)), ...(via === undefined ? {} : { via: await one(via) }) };
}
