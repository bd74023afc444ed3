import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { findProgram, isRoot, missing, run } from './host.ts';
import { keepTrack, undo } from './leave.ts';
import { freePorts, listens, until } from './ports.ts';
import { makeScratch } from './tmp.ts';

export interface SshdOptions {
  /** Who logs in: a system user without rights, or whoever runs the test. Others than that need root. */
  user?: string;
  /** Locks the user into a directory of its own, in which `/data` belongs to it. Needs root. */
  chroot?: boolean;
  /** Requests that the server refuses, as `internal-sftp -P` takes them. */
  denied?: string[];
}

export interface Sshd {
  port: number;
  user: string;
  /** A directory that the user may write, as it is called here and as the user calls it. */
  directory: string;
  path: string;
  /** Files of the client: its private key, the keys of the server, and the server's key as `.pub` text. */
  key: string;
  knownHosts: string;
  hostKey: string;
  /** The name of a repository in that directory, through a port that is perhaps a proxy's. */
  location: (folder?: string, port?: number) => string;
  /** A line for known_hosts, for the server behind another port. */
  known: (port: number) => void;
  log: () => string;
  /** Ends the server as it is, with all its connections. */
  kill: () => Promise<void>;
  start: () => Promise<void>;
}

/** Why no sshd can be started here, for `skip`, or false. */
export function noSshd(...needs: 'root'[]): string | false {
  return missing('sshd', 'ssh-keygen', ...needs);
}

/** A private OpenSSH server on 127.0.0.1 for the rest of this test, suite or file. */
export async function sshd(options: SshdOptions = {}): Promise<Sshd> {
  const scratch = makeScratch('ssh');
  const root = scratch.path;
  const user = options.user ?? userInfo().username;
  const [port = 0] = await freePorts(1);
  // No other directory may be written to by others, on the whole way to a chroot: /tmp can.
  const jail = options.chroot === true ? mkdtempSync('/run/mailrecover-sftp-') : undefined;
  const directory = join(jail ?? root, 'data');
  mkdirSync(directory);
  if (jail !== undefined) chmodSync(jail, 0o755);
  if (isRoot) {
    const id = (flag: string): number => Number(run('id', [flag, user]));
    chownSync(directory, id('-u'), id('-g'));
    mkdirSync('/run/sshd', { recursive: true });
  }
  for (const name of ['host', 'client']) run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(root, name)]);
  writeFileSync(join(root, 'authorized'), readFileSync(join(root, 'client.pub')));
  chmodSync(join(root, 'authorized'), 0o644);
  const denied = options.denied === undefined ? '' : ` -P ${options.denied.join(',')}`;
  writeFileSync(
    join(root, 'config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${root}/host`,
      `PidFile ${root}/pid`,
      `AuthorizedKeysFile ${root}/authorized`,
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'UsePAM no',
      'StrictModes no',
      'MaxStartups 100',
      'Subsystem sftp internal-sftp',
      ...(jail === undefined ? [] : [`ChrootDirectory ${jail}`]),
      ...(jail === undefined && denied === '' ? [] : [`ForceCommand internal-sftp${denied}`]),
      '',
    ].join('\n'),
  );
  const hostKey = readFileSync(join(root, 'host.pub'), 'utf8').trim();
  const knownHosts = join(root, 'known_hosts');
  const known = (at: number): void => writeFileSync(knownHosts, `[127.0.0.1]:${at} ${hostKey}\n`, { flag: 'a' });
  known(port);

  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const started = spawn(findProgram('sshd') ?? 'sshd', ['-D', '-f', join(root, 'config'), '-E', join(root, 'log')], {
      stdio: 'ignore',
      detached: true,
    });
    child = started;
    if (
      !(await until(
        () => listens(port),
        20_000,
        () => started.exitCode !== null,
      ))
    )
      throw new Error(`sshd did not start:\n${log()}`);
  };
  const log = (): string => readFileSync(join(root, 'log'), 'utf8');
  const killNow = (): void => {
    // The sessions are processes of the same group.
    try {
      if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
    if (jail !== undefined && stopped) rmSync(jail, { recursive: true, force: true });
  };
  let stopped = false;
  const kill = async (): Promise<void> => {
    const ended = child;
    killNow();
    await until(() => ended === undefined || ended.exitCode !== null || ended.signalCode !== null, 10_000);
  };
  const stop = async (): Promise<void> => {
    stopped = true;
    await kill();
  };
  const leftover = keepTrack({ path: join(root, 'server'), undo: stop, undoNow: () => ((stopped = true), killNow()) });
  after(async () => {
    await undo(leftover);
    await undo(scratch);
  });
  await start();
  const path = jail === undefined ? directory : '/data';
  return {
    port,
    user,
    directory,
    path,
    key: join(root, 'client'),
    knownHosts,
    hostKey,
    location: (folder = 'repo', at = port) => `sftp://${user}@127.0.0.1:${at}${path}/${folder}`,
    known,
    log,
    kill,
    start,
  };
}
