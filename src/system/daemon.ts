/** Runs a long-lived server of our own in the foreground, and makes sure that nothing of it stays. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { ioError, MailrecoverError } from '../errors/error.ts';
import { monotonic, sleep } from './clock.ts';

export interface DaemonOptions {
  /** Where its output goes, appended; made with mode 0600. */
  logFile: string;
  /** All of its environment; nothing is inherited. */
  env: Record<string, string>;
  cwd?: string;
}

export interface Daemon {
  readonly pid: number;
  /** Resolves, and never rejects, when it has ended: with its exit code, or the signal that ended it. */
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  running(): boolean;
  /** The last lines of its log, without blank ones. */
  lastLines(count: number): string[];
  /**
   * TERM, and KILL for the whole process group where that is not enough.
   * @returns the processes that are still there, zombies not counted
   */
  stop(patience?: { termMs: number; killMs: number }): Promise<number[]>;
}

/**
 * Starts `command` as the leader of a process group of its own, so that its children can be found and ended with it. It must not put itself
 * into the background. When this process exits without having called `stop`, the group is killed.
 * @throws {MailrecoverError} `not-found` when there is no such command, `io` when it cannot be run
 */
export async function startDaemon(command: string, args: readonly string[], options: DaemonOptions): Promise<Daemon> {
  const log = openLog(options.logFile);
  let child: ChildProcess;
  try {
    child = spawn(command, [...args], { env: options.env, cwd: options.cwd ?? '/', detached: true, stdio: ['ignore', log, log] });
  } finally {
    closeSync(log);
  }
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(notStarted(error, command)));
  });
  const pid = child.pid;
  if (pid === undefined) throw new MailrecoverError('bug', `'${command}' was started without a process number`);

  const lastResort = (): void => signalGroup(pid, 'SIGKILL');
  process.once('exit', lastResort);
  const running = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    pid,
    exited,
    running,
    lastLines: (count) => lastLines(options.logFile, count),
    async stop(patience = { termMs: 10_000, killMs: 10_000 }) {
      if (running()) child.kill('SIGTERM');
      let left = await emptied(pid, patience.termMs);
      if (left.length > 0) {
        signalGroup(pid, 'SIGKILL');
        left = await emptied(pid, patience.killMs);
      }
      process.removeListener('exit', lastResort);
      return left;
    },
  };
}

/** The processes of a process group, from /proc; zombies are gone already as far as anybody is concerned. */
export function processGroup(group: number): number[] {
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      // pid (name) state ppid pgrp …; the name may hold anything, so count from the last parenthesis (proc(5)).
      const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (Number(pgrp) === group && state !== 'Z' && state !== 'X') found.push(Number(name));
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

async function emptied(group: number, patienceMs: number): Promise<number[]> {
  const end = monotonic() + patienceMs;
  for (let pause = 5; ; pause = Math.min(pause * 2, 100)) {
    const left = processGroup(group);
    if (left.length === 0 || monotonic() >= end) return left;
    await sleep(pause);
  }
}

function signalGroup(group: number, signal: 'SIGKILL'): void {
  // Never signal a group that is no longer ours: its number is free again once the group is empty.
  if (processGroup(group).length === 0) return;
  try {
    process.kill(-group, signal);
  } catch {
    // It ended by itself.
  }
}

function openLog(path: string): number {
  try {
    return openSync(path, 'a', 0o600);
  } catch (error) {
    throw ioError(error, 'write', path);
  }
}

const TAIL_BYTES = 16_384;

function lastLines(path: string, count: number): string[] {
  try {
    const fd = openSync(path, 'r');
    try {
      const size = fstatSync(fd).size;
      const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
      const read = readSync(fd, tail, 0, tail.length, size - tail.length);
      const lines = tail
        .toString('utf8', 0, read)
        .split('\n')
        .filter((line) => line.trim() !== '');
      return lines.slice(-count);
    } finally {
      closeSync(fd);
    }
  } catch {
    return [];
  }
}

function notStarted(error: NodeJS.ErrnoException, command: string): MailrecoverError {
  if (error.code === 'ENOENT')
    return new MailrecoverError('not-found', `there is no command '${command}'`, { subject: command, cause: error });
  return ioError(error, 'run', command);
}
