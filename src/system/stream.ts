/** Running a command whose output is too large to be held. */
import { MailrecoverError } from '../errors/error.ts';
import { failure, searchPath } from './exec.ts';

export interface StreamOptions {
  /** Added to our own environment. */
  env?: Readonly<Record<string, string>>;
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
  /** Texts that must not stand in an error, though the command may print them. */
  secrets?: readonly string[];
  hint?: string;
  /** What the command is called in errors, where it is run by another. */
  name?: string;
}

/**
 * Runs a command, never through a shell, and hands on what it prints as it comes; it waits while `take` works. The command
 * is stopped where `take` throws.
 * @throws MailrecoverError as `run` does; what `take` throws; the signal's reason
 */
export async function stream(
  command: string,
  args: readonly string[],
  take: (chunk: Buffer) => Promise<void>,
  options: StreamOptions = {},
): Promise<void> {
  options.signal?.throwIfAborted();
  const { execa } = await import('execa');
  const subprocess = execa(command, [...args], {
    shell: false,
    reject: false,
    stdin: 'ignore',
    encoding: 'buffer',
    buffer: { stdout: false },
    maxBuffer: { stderr: 1024 * 1024 },
    forceKillAfterDelay: 5000,
    env: { PATH: searchPath(), LC_ALL: 'C.UTF-8', ...options.env },
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  try {
    for await (const chunk of subprocess.iterable({ binary: true, from: 'stdout' })) await take(Buffer.from(chunk));
  } catch (error) {
    // The end of a command that could not be started, or was stopped, is told below.
    if (!(error instanceof Error && 'command' in error)) {
      subprocess.kill();
      await subprocess;
      throw error;
    }
  }
  const result = await subprocess;
  if (result.isCanceled) throw options.signal?.reason;
  if (result.exitCode === 0 && !result.timedOut) return;
  // What it printed beside its output, as text.
  const stderr = Buffer.from(result.stderr).toString('utf8');
  const { exitCode, signal, timedOut, isMaxBuffer, cause } = result;
  throw failure(options.name ?? command, { exitCode, signal, timedOut, isMaxBuffer, cause, stderr }, options);
}

/** The first of several commands that is installed. @throws MailrecoverError `not-found` */
export async function firstInstalled(commands: readonly string[]): Promise<string> {
  const { accessSync, constants } = await import('node:fs');
  for (const command of commands) {
    for (const directory of searchPath().split(':')) {
      try {
        accessSync(`${directory}/${command}`, constants.X_OK);
        return command;
      } catch {
        // Not here.
      }
    }
  }
  throw new MailrecoverError('not-found', `unable to run '${commands.join("' or '")}': it is not installed`, {
    hint: `install '${commands[0] ?? ''}', or put its directory on PATH`,
    subject: commands[0] ?? '',
  });
}
