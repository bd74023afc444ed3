/** Dovecot's dsync, on the host that is written to: it takes a mailbox over from the other one, which only answers. */
import type { Readable } from 'node:stream';
import { MailrecoverError } from '../../../errors/error.ts';
import { displayBytes } from '../../../store/bytes.ts';
import { CHANNEL, startWithChannel } from '../../../system/channel.ts';
import { lastLine } from '../../../system/last-line.ts';
import { startLocal } from '../../../system/running.ts';
import type { Ends } from '../model.ts';
import type { MailboxPlace } from '../place.ts';
import { boxCommand, boxOwner, type BoxAccess, type BoxOwner } from './doveadm.ts';
import { noteChild } from './children.ts';

/** Dovecot wants a program to talk to; what that reads and writes is its descriptor for us. Fixed text: no name ever stands in it. */
const BRIDGE = ['sh', '-c', `cat <&${CHANNEL} & exec cat >&${CHANNEL}`];
/** Seconds without a word after which dsync gives up. */
const SILENCE = '300';
/** What dsync ends with where it did all but some changes, and wants to be run again. */
const AGAIN = 2;
const SERVER_SECONDS = 24 * 3600;

export interface PullOptions {
  place: MailboxPlace;
  owner: BoxOwner;
  access: BoxAccess;
  /** Directory of this host's state. */
  state: string;
  /** `backup`: this mailbox becomes what the other one is; `sync`: both get what either has. */
  how: 'backup' | 'sync';
  /** What the last run printed; undefined has every message looked at. */
  remembered: string | undefined;
  ends: Ends;
  /** Ends it at once. */
  signal: AbortSignal;
}

export interface Pulled {
  /** What the next run is to be given. */
  remembered: string | undefined;
  bytes: number;
  /** Dovecot says itself that something is missing. */
  again: boolean;
}

/**
 * Runs it to its end.
 * @throws MailrecoverError `failed`, with what Dovecot said; the reason of the signal
 */
export async function pull({ place, owner, access, state, how, remembered, ends, signal }: PullOptions): Promise<Pulled> {
  const mode = how === 'backup' ? ['backup', '-R'] : ['sync'];
  const full = remembered === undefined ? ['-f'] : ['-s', remembered];
  const [command, args] = await boxCommand(place, owner, access, [...mode, ...full, '-T', SILENCE, ...BRIDGE], 'KILL');
  signal.throwIfAborted();
  const child = startWithChannel(command, args);
  const strikeOut = noteChild(state, child.identity);
  // Not before it is written down: until it hears of the other side it changes nothing.
  let bytes = 0;
  ends.readable.on('data', (chunk: Buffer) => (bytes += chunk.length));
  let isOver = false;
  const broken = (): void => {
    if (!isOver) child.kill();
  };
  for (const stream of [ends.readable, ends.writable]) stream.on('error', broken);
  // Without an end nobody would tell Dovecot that nothing more comes.
  ends.readable.once('close', () => {
    if (!ends.readable.readableEnded) broken();
  });
  ends.readable.pipe(child.channel);
  child.channel.pipe(ends.writable);
  const stop = broken;
  signal.addEventListener('abort', stop, { once: true });
  try {
    const { exitCode, stdout, stderr, signal: killedBy, cause } = await child.ended;
    signal.throwIfAborted();
    if (exitCode === 0 || exitCode === AGAIN)
      return { remembered: how === 'backup' ? rememberedIn(stdout) : undefined, bytes, again: exitCode === AGAIN };
    const said = lastError(stderr);
    const why = said === '' ? (killedBy ?? (cause instanceof Error ? cause.message : `exit code ${exitCode ?? '?'}`)) : said;
    throw new MailrecoverError('failed', `Dovecot could not copy mailbox '${displayBytes(place.mailbox)}': ${why}`, {
      hint: 'run it again; if that does not help, see what doveadm says of the mailbox on both hosts (doveadm force-resync mends indexes)',
      subject: displayBytes(place.mailbox),
    });
  } finally {
    isOver = true;
    signal.removeEventListener('abort', stop);
    strikeOut();
    release(ends);
    child.channel.destroy();
  }
}

function release({ readable, writable }: Ends): void {
  for (const stream of [readable, writable]) {
    stream.on('error', () => undefined);
    stream.destroy();
  }
}

function rememberedIn(stdout: string): string | undefined {
  const state = stdout.trim();
  return /^[A-Za-z0-9+/=]+$/.test(state) ? state : undefined;
}

/** Dovecot's last error, without process numbers and the like. */
function lastError(stderr: string): string {
  const errors = stderr.split('\n').filter((line) => /: (Error|Fatal|Panic): /.test(line) && !line.includes('Remote command returned'));
  const line = errors.at(-1) ?? lastLine(stderr);
  return line.replace(/^.*?: (?:Error|Fatal|Panic): /, '').slice(0, 300);
}

/** Starts the side that answers, on the host that is read. It ends with its connection. @throws MailrecoverError `not-found` where the mailbox is gone */
export async function answer(place: MailboxPlace, access: BoxAccess): Promise<Ends> {
  const owner = boxOwner(place);
  if (owner === undefined)
    throw new MailrecoverError('not-found', `mailbox '${displayBytes(place.mailbox)}' went away`, { subject: displayBytes(place.mailbox) });
  const [command, args] = await boxCommand(place, owner, access, ['dsync-server']);
  const running = await startLocal('timeout', ['-k', '5', String(SERVER_SECONDS), command, ...args]);
  const kill = (): void => running.kill();
  running.stdin.once('close', () => setTimeout(kill, 1000).unref());
  access.signal?.addEventListener('abort', kill, { once: true });
  void running.ended.then(() => access.signal?.removeEventListener('abort', kill));
  return { readable: running.stdout satisfies Readable, writable: running.stdin };
}
