/** Bringing what a host accepts to the other one as it comes, for as long as it serves. */
import { MailrecoverError } from '../../errors/error.ts';
import { monotonic, sleep } from '../../system/clock.ts';
import type { Sink, Source } from '../sync/model.ts';
import { shipAccepted } from '../sync/sync.ts';
import { watchGrowth } from './growth.ts';
import type { Asked, Teller } from './taking.ts';

export interface Line {
  source: Source;
  sink: Sink;
  close(): Promise<void>;
}

export interface FollowOptions {
  /** Connects to the other host. @throws MailrecoverError `unreachable`, which is tried again; others end it */
  connect: () => Promise<Line>;
  /** Whether this host still serves; asked once in a while. @throws MailrecoverError `refused` where it does not */
  serving: () => Promise<unknown>;
  /** The log that is watched; asked for anew with each connection. */
  log: () => Promise<string | undefined>;
  /** What Postfix is answered by, and which of its services don't ask; undefined where none does. */
  teller?: { teller: Teller; except: () => Promise<string[] | undefined> } | undefined;
  /** Told when a connection is made, and why one was lost. */
  onLine: (problem: MailrecoverError | undefined) => Promise<void>;
  signal: AbortSignal;
}

/** Without news the other host hears so often that there are none. */
const TURN_MS = 1000;
/** A message makes several lines: they go together. */
const GATHER_MS = 30;
const AGAIN_MS = 5000;
const LOOK_MS = 60_000;

/**
 * Follows until it is told to stop. A connection that was lost is made anew.
 * @throws MailrecoverError where this host must not go on, or has no log that can be read
 */
export async function followAccepted(options: FollowOptions): Promise<never> {
  const { connect, onLine, signal, teller } = options;
  for (;;) {
    let line: Line | undefined;
    try {
      line = await connect();
      const { sink } = line;
      teller?.teller.connect((events) => sink.noteAccepted({ events }));
      await onLine(undefined);
      await ship(line, options);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof MailrecoverError) || error.code !== 'unreachable') throw error;
      teller?.teller.connect(undefined);
      await onLine(error);
    } finally {
      await line?.close();
    }
    await sleep(AGAIN_MS, signal);
    signal.throwIfAborted();
  }
}

async function ship({ source, sink }: Line, { serving, log, teller, signal }: FollowOptions): Promise<never> {
  const growth = watchGrowth((await log()) ?? '/');
  const checkServing = nowAndThen(serving);
  let except: string[] | undefined;
  let looked = Number.NEGATIVE_INFINITY;
  try {
    for (;;) {
      checkServing();
      if (monotonic() - looked > LOOK_MS) {
        except = await teller?.except();
        looked = monotonic();
      }
      const asked: Asked | null = except === undefined ? null : (teller?.teller.asked(except) ?? null);
      if ((await shipAccepted(source, sink, asked)) === undefined)
        throw new MailrecoverError('refused', 'there is no log of Postfix that could be read', {
          hint: "name it under 'standby: { ledger: { log: … } }', or have Postfix write one: postconf -e maillog_file=/var/log/postfix.log",
        });
      await sleep(GATHER_MS, signal);
      await growth.next(TURN_MS, signal);
      signal.throwIfAborted();
    }
  } finally {
    growth.close();
  }
}

/** Nobody waits for the answer: a repository that is silent, which may take minutes, must not keep the list from going on. */
function nowAndThen(serving: FollowOptions['serving']): () => void {
  let ending: unknown;
  let isAsked = false;
  let looked = Number.NEGATIVE_INFINITY;
  const ask = async (): Promise<void> => {
    isAsked = true;
    try {
      await serving();
    } catch (error) {
      // Where nobody knows it goes on.
      if (!(error instanceof MailrecoverError) || error.code === 'refused') ending = error;
    } finally {
      [isAsked, looked] = [false, monotonic()];
    }
  };
  return () => {
    if (ending !== undefined) throw ending;
    if (!isAsked && monotonic() - looked > LOOK_MS) void ask();
  };
}
