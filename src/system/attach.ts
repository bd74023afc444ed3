/** Programs that are talked to over their standard input and output, for libraries that only know sockets. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { searchPath } from './exec.ts';

export interface Attached {
  /** Path of a socket, for one connection; only this user can reach it. */
  path: string;
  /** The last of what the program wrote to its standard error. */
  said: () => string;
  /** Ends the program, and removes the socket. */
  close: () => void;
}

const KEPT = 4096;

/**
 * Starts a program for the one connection that is made. Its output is a pipe, as a shell makes it: Dovecot's `imap`, for one, takes a
 * socket there for a client that inetd took in, and refuses.
 */
export async function attachProgram(command: string, args: readonly string[]): Promise<Attached> {
  const directory = mkdtempSync(join(tmpdir(), 'mailrecover-'));
  const path = join(directory, 'socket');
  // The words go in as parameters; no shell reads them.
  const child = spawn('/bin/sh', ['-c', '"$@" | cat', 'sh', command, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PATH: searchPath(), LC_ALL: 'C.UTF-8' },
    detached: true,
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr = (stderr + chunk).slice(-KEPT)));
  const server = createServer((socket) => {
    server.close();
    socket.on('error', () => child.stdin.end());
    child.stdin.on('error', () => socket.destroy());
    socket.pipe(child.stdin);
    child.stdout.pipe(socket);
  });
  const close = (): void => {
    server.close();
    rmSync(directory, { recursive: true, force: true });
    child.stdin.destroy();
    try {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGTERM');
    } catch {
      // It has just ended.
    }
  };
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } catch (error) {
    close();
    throw error;
  }
  return { path, said: () => stderr, close };
}
