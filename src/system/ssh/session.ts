/** Programs on another host, over one SSH connection. */
import type { Client, ClientChannel } from 'ssh2';
import { tail, type Ended, type Running } from '../running.ts';
import { connectSsh, unreachableServer, type SshOptions } from './connect.ts';

/** Where programs of administrators lie: sshd's own PATH lacks them. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface SshSession {
  /**
   * Starts a program.
   * @param argv the program and its arguments; they reach it as they are, whatever shell the user has there
   * @param options.seconds it is ended there after so long, also when the connection is lost
   * @throws MailrecoverError `unreachable`
   */
  start(argv: readonly string[], options: { seconds: number }): Promise<Running>;
  /** Whether the connection is there. */
  alive(): boolean;
  end(): void;
}

/**
 * A word for the shell of the user on the other side, which sshd hands every command to: in single quotes nothing has a meaning.
 * @throws RangeError for NUL, which no argument can hold
 */
export function shellWord(word: string): string {
  if (word.includes('\0')) throw new RangeError('an argument can not hold NUL');
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Connects and logs in. @throws as {@link connectSsh} */
export async function openSsh(options: SshOptions): Promise<SshSession> {
  const client = await connectSsh({ ...options, program: 'ssh' });
  const where = `${options.user ?? ''}${options.user === undefined ? '' : '@'}${options.host}`;
  let alive = true;
  client.on('close', () => (alive = false));
  // Each program that runs listens for the end of the connection.
  client.setMaxListeners(0);
  return {
    alive: () => alive,
    end: () => client.end(),
    async start(argv, { seconds }) {
      // LC_ALL, since programs are read; timeout, since a lost connection ends no program.
      const line = ['env', `PATH=${PATH}`, 'LC_ALL=C.UTF-8', 'timeout', '-k', '5', String(seconds), ...argv].map(shellWord).join(' ');
      return started(client, line, where, options.timeoutMs);
    },
  };
}

function started(client: Client, line: string, where: string, timeoutMs: number): Promise<Running> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      client.off('close', lost);
    };
    const lost = (error?: Error): void => {
      settle();
      reject(unreachableServer(error, where, 'ssh'));
    };
    const closed = (): void => lost();
    const timer = setTimeout(() => lost(new Error('timed out')), timeoutMs);
    client.once('close', closed);
    try {
      client.exec(line, (error, channel) => {
        if (error !== undefined) return lost(error);
        settle();
        client.off('close', closed);
        // At once: how a short command ended may come in the same packet.
        resolve(runningOf(channel, client));
      });
    } catch (error) {
      // The connection is gone already.
      lost(error instanceof Error ? error : undefined);
    }
  });
}

function runningOf(channel: ClientChannel, client: Client): Running {
  const said = tail(channel.stderr);
  let exit: Pick<Ended, 'exitCode' | 'signal'> = {};
  let cause: unknown;
  channel.on('exit', (code: number | null, signal?: string) => {
    exit = { ...(code === null ? {} : { exitCode: code }), ...(signal === undefined ? {} : { signal }) };
  });
  channel.on('error', (error: Error) => (cause = error));
  const ended = new Promise<Ended>((resolve) => {
    const end = (): void => {
      client.off('close', end);
      resolve({ ...exit, ...(cause === undefined ? {} : { cause }), stderr: said() });
    };
    channel.once('close', end);
    // ssh2 does not close the channels of a connection that was lost.
    client.once('close', end);
  });
  return {
    stdin: channel,
    stdout: channel,
    ended,
    kill: () => {
      channel.unpipe();
      channel.signal('TERM');
      channel.close();
      // A channel is closed when all that came was read.
      channel.resume();
    },
  };
}
