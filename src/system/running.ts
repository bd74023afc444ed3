/** A program that runs, here or on another host, and is talked to. */
import type { Readable, Writable } from 'node:stream';
import { searchPath } from './exec.ts';

export interface Ended {
  /** Absent where it was killed, could not be started, or the connection was lost. */
  exitCode?: number;
  signal?: string;
  /** Why there is no exit code, as the system says it. */
  cause?: unknown;
  /** The end of what it said on standard error. */
  stderr: string;
}

export interface Running {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves when it has ended, and never rejects. */
  readonly ended: Promise<Ended>;
  kill(): void;
}

/** So much of standard error is kept. */
export const STDERR_KEPT = 64 * 1024;

/** Keeps the end of what comes. */
export function tail(stream: Readable): () => string {
  let kept = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    const all = Buffer.concat([kept, chunk]);
    kept = all.length > STDERR_KEPT ? Buffer.from(all.subarray(-STDERR_KEPT)) : all;
  });
  stream.on('error', () => undefined);
  return () => kept.toString('utf8');
}

/** Starts a program on this host, never through a shell. */
export async function startLocal(command: string, args: readonly string[]): Promise<Running> {
  const { execa } = await import('execa');
  const subprocess = execa(command, [...args], {
    shell: false,
    reject: false,
    buffer: false,
    stdin: 'pipe',
    encoding: 'buffer',
    forceKillAfterDelay: 5000,
    env: { PATH: searchPath(), LC_ALL: 'C.UTF-8' },
  });
  const said = tail(subprocess.stderr);
  // Writing to a program that has ended is told by its end.
  subprocess.stdin.on('error', () => undefined);
  return {
    stdin: subprocess.stdin,
    stdout: subprocess.stdout,
    ended: subprocess.then(({ exitCode, signal, cause }) => ({
      stderr: said(),
      ...(exitCode === undefined ? {} : { exitCode }),
      ...(signal === undefined ? {} : { signal }),
      ...(cause === undefined ? {} : { cause }),
    })),
    kill: () => void subprocess.kill(),
  };
}
