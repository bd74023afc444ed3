import { systemCode, MailrecoverError } from '../errors/error.ts';
import { lastLine } from './last-line.ts';

export interface RunOptions {
  /** Written to the command's standard input, which is closed then; without it there is none. */
  input?: string | Uint8Array;
  /** The command is stopped after this many milliseconds. */
  timeoutMs?: number;
  /** Added to our own environment; undefined takes a variable away. */
  env?: Record<string, string | undefined>;
  /** The command gets `env` alone and nothing of our own environment, not even PATH. */
  bareEnv?: boolean;
  cwd?: string;
  /** Stops the command; `run` then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Exit codes that are answers rather than errors; 0 by default. */
  okExitCodes?: readonly number[];
  /** Most bytes that each of stdout and stderr may have; 16 MiB by default. */
  maxBytes?: number;
  /** Texts that must not stand in an error, though the command may print them. */
  secrets?: readonly string[];
  /** Out of reach of signals that a terminal sends to all of its programs. */
  ownGroup?: boolean;
  /** What to do when the command is not installed. */
  hint?: string;
}

export interface RunResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

const MAX_BYTES = 16 * 1024 * 1024;

/** Where administrators' commands lie; cron's PATH often lacks them. */
const MORE_PATH = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/**
 * Runs a command to its end, never through a shell, and gives what it printed (UTF-8, as it is). Messages of the
 * command are in English (`LC_ALL=C.UTF-8`) unless `env` says otherwise. Errors name the command and the last line that
 * it printed on stderr, but neither its arguments nor its input.
 * @throws {MailrecoverError} `not-found` when the command is not installed; `failed` when it exits with
 * another code, is killed, takes too long, or prints too much
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const { execa } = await import('execa');
  const result = await execa(command, [...args], {
    shell: false,
    reject: false,
    stripFinalNewline: false,
    maxBuffer: options.maxBytes ?? MAX_BYTES,
    forceKillAfterDelay: 5000,
    ...(options.ownGroup === true ? { detached: true, cleanup: true } : {}),
    extendEnv: options.bareEnv !== true,
    env: options.bareEnv === true ? (options.env ?? {}) : { PATH: searchPath(), LC_ALL: 'C.UTF-8', ...options.env },
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  if (result.isCanceled) throw options.signal?.reason;
  const { exitCode, stdout, stderr } = result;
  if (exitCode !== undefined && !result.timedOut && !result.isMaxBuffer && (options.okExitCodes ?? [0]).includes(exitCode)) {
    return { exitCode, stdout, stderr };
  }
  throw failure(command, result, options);
}

interface Outcome {
  exitCode?: number | undefined;
  signal?: string | undefined;
  timedOut: boolean;
  isMaxBuffer: boolean;
  stderr?: unknown;
  cause?: unknown;
}

/** Why a command failed, in words. */
export function failure(
  command: string,
  outcome: Outcome,
  options: Pick<RunOptions, 'timeoutMs' | 'maxBytes' | 'secrets' | 'hint' | 'cwd'>,
): MailrecoverError {
  const code = systemCode(outcome.cause);
  if (outcome.exitCode === undefined && code === 'ENOENT') {
    return new MailrecoverError(
      'not-found',
      `unable to run '${command}': it is not installed${options.cwd === undefined ? '' : `, or '${options.cwd}' does not exist`}`,
      {
        hint: options.hint ?? `install '${command}', or put its directory on PATH`,
        subject: command,
      },
    );
  }
  const what = outcome.timedOut
    ? `took longer than ${(options.timeoutMs ?? 0) / 1000} s and was stopped`
    : outcome.isMaxBuffer
      ? `printed more than ${options.maxBytes ?? MAX_BYTES} bytes and was stopped`
      : outcome.exitCode !== undefined
        ? `failed with exit code ${outcome.exitCode}`
        : outcome.signal !== undefined
          ? `was killed by ${outcome.signal}`
          : `could not be started (${code ?? 'no reason given'})`;
  const why = said(typeof outcome.stderr === 'string' ? outcome.stderr : '', options.secrets ?? []);
  // No `cause`: execa's error has the arguments in its message.
  return new MailrecoverError('failed', `'${command}' ${what}${why === '' ? '' : `: ${why}`}`, { subject: command });
}

/** The last line that says something, without secrets. */
function said(stderr: string, secrets: readonly string[]): string {
  let tail = stderr.slice(-4096);
  for (const secret of secrets) if (secret !== '') tail = tail.replaceAll(secret, '***');
  return lastLine(tail);
}

/** PATH with the directories of administrators' commands. */
export function searchPath(): string {
  const own = (process.env.PATH ?? '').split(':').filter((dir) => dir !== '');
  return [...own, ...MORE_PATH.filter((dir) => !own.includes(dir))].join(':');
}
