/** Byte streams within the conversation of two hosts, several at once, each as fast as the other side takes it. */
import { Duplex } from 'node:stream';
import type { Ends } from './model.ts';
import type { Handler, Peer } from './peer.ts';
import { Window } from './window.ts';

interface Open {
  stream: Duplex;
  /** Called when more is wanted. */
  wanted: (() => void)[];
}

export class Pipes {
  readonly #open = new Map<number, Open>();
  #next = 1;

  /** What answers the other side. */
  readonly handlers: Record<string, Handler> = {
    'pipe-data': async (body, bytes) => {
      const open = this.#open.get((body as { pipe: number }).pipe);
      if (open === undefined || open.stream.destroyed) return;
      if (!open.stream.push(bytes)) await new Promise<void>((resolve) => open.wanted.push(resolve));
    },
    'pipe-end': async (body) => {
      const { pipe, broken } = body as { pipe: number; broken: boolean };
      const open = this.#open.get(pipe);
      if (broken) open?.stream.destroy();
      else open?.stream.push(null);
    },
  };

  /** A number that no other pipe of this side has. */
  number(): number {
    return this.#next++;
  }

  /** This side's end of a pipe; the other side opens the same number. */
  open(peer: Pick<Peer, 'call' | 'lost'>, pipe: number): Duplex {
    const window = new Window();
    const wanted: (() => void)[] = [];
    const more = (): void => {
      for (const go of wanted.splice(0)) go();
    };
    const call = (op: string, body: object, bytes?: Uint8Array): Promise<unknown> => peer.call(op, { pipe, ...body }, bytes);
    let isEnded = false;
    const stream = new Duplex({
      read: more,
      write: (chunk: Buffer, _encoding, done) => {
        void tell(() => window.send(chunk.length, () => call('pipe-data', {}, chunk)), done);
      },
      final: (done) => {
        isEnded = true;
        void tell(async () => {
          await window.settle();
          await call('pipe-end', { broken: false });
        }, done);
      },
      destroy: (error, done) => {
        this.#open.delete(pipe);
        more();
        // Where the other side is gone, too, nobody need be told.
        if (!isEnded)
          void tell(
            () => call('pipe-end', { broken: true }),
            () => undefined,
          );
        done(error);
      },
    });
    stream.on('error', () => undefined);
    this.#open.set(pipe, { stream, wanted });
    // Of a connection that is gone nothing more comes, not even an end.
    void peer.lost.then(() => stream.destroy());
    return stream;
  }
}

/** Calls back with how something ended. */
async function tell(work: () => Promise<unknown>, done: (error?: Error) => void): Promise<void> {
  let problem: Error | undefined;
  try {
    await work();
  } catch (error) {
    problem = error instanceof Error ? error : new Error(String(error));
  }
  done(problem);
}

/** Hands on what comes on either side to the other; what breaks one breaks the other. */
export function connect(one: Ends, other: Ends): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.readable.pipe(to.writable);
    for (const stream of [from.readable, from.writable])
      stream.on('error', () => {
        to.readable.destroy();
        to.writable.destroy();
      });
    // A pipe goes on when its source is destroyed without an end.
    from.readable.once('close', () => {
      if (!from.readable.readableEnded) to.writable.destroy();
    });
  }
}
