/** A program that has a connection to this process beside its standard streams, for programs that use those for something else. */
import { spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { searchPath } from './exec.ts';
import { identityOf, type ProcessIdentity } from './process-identity.ts';
import { tail, type Ended } from './running.ts';

/** By this number the program, and whatever it starts, knows the connection. */
export const CHANNEL = 3;

export interface Channelled {
  readonly channel: Duplex;
  readonly identity: ProcessIdentity;
  /** Resolves when it has ended, and never rejects. */
  readonly ended: Promise<Ended & { stdout: string }>;
  /** At once, and all that it has started: it leads a process group. */
  kill(): void;
}

/** So long what it has started may take to end after it. */
const LINGER_MS = 2000;

/** Starts a program on this host, never through a shell; it reads nothing from its standard input. */
export function startWithChannel(command: string, args: readonly string[]): Channelled {
  const child = spawn(command, [...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, PATH: searchPath(), LC_ALL: 'C.UTF-8' },
  });
  const [stdout, stderr] = [child.stdout, child.stderr];
  if (stdout === null || stderr === null) throw new TypeError('a program without its streams');
  const [printed, said] = [tail(stdout), tail(stderr)];
  const channel = child.stdio[CHANNEL] as Duplex;
  channel.on('error', () => undefined);
  const { pid } = child;
  return {
    channel,
    identity: identityOf(pid ?? 0),
    ended: new Promise((resolve) => {
      child.once('error', (cause) => resolve({ cause, stdout: '', stderr: '' }));
      child.once('exit', () => {
        // What it has started may still listen.
        channel.end();
        const timer = setTimeout(() => killGroup(pid), LINGER_MS);
        child.once('close', (exitCode, signal) => {
          clearTimeout(timer);
          resolve({
            stdout: printed(),
            stderr: said(),
            ...(exitCode === null ? {} : { exitCode }),
            ...(signal === null ? {} : { signal }),
          });
        });
      });
    }),
    kill: () => killGroup(pid),
  };
}

/** Ends a process and all that belongs to its group, by force. One that is gone is as good. */
export function killGroup(pid: number | undefined): void {
  if (pid === undefined || pid <= 1) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}
