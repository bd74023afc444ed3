/** Lets several runs on one target go on one call at a time, in an order that a seed decides; so that a race is the same each time. */
import { setImmediate as soon } from 'node:timers/promises';
import { MailrecoverError } from '../../../src/errors/error.ts';
import type { Target } from '../../../src/repository/target.ts';
import type { Random } from '../../support/random.ts';

interface Actor {
  name: string;
  waiting: (() => void) | undefined;
  done: boolean;
  /** Cut off: none of its calls comes to anything any more. */
  dead: boolean;
}

export class Turns {
  readonly #random: Random;
  readonly #actors: Actor[] = [];
  /** What happened, in order. */
  readonly log: string[] = [];
  /** Called between two steps. */
  between: () => void = () => undefined;
  /** Chance that the one whose turn it is is cut off instead. */
  killing = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Starts a run; its target calls wait for their turn. */
  start(name: string, target: Target, run: (target: Target) => Promise<unknown>): void {
    const actor: Actor = { name, waiting: undefined, done: false, dead: false };
    this.#actors.push(actor);
    void run(this.#stepping(actor, target))
      .then(
        () => this.log.push(`${name} ended`),
        (error: unknown) => {
          const expected = error instanceof MailrecoverError && ['unreachable', 'locked', 'failed', 'refused'].includes(error.code);
          this.log.push(`${name}: ${(error as Error).message}`);
          if (!expected) this.failure ??= error;
        },
      )
      .finally(() => (actor.done = true));
  }

  failure: unknown;

  #stepping(actor: Actor, target: Target): Target {
    const turn = async (what: string): Promise<void> => {
      if (!actor.dead) await new Promise<void>((resolve) => (actor.waiting = resolve));
      if (actor.dead) throw new MailrecoverError('unreachable', 'cut off');
      this.log.push(`${actor.name} ${what}`);
    };
    return {
      location: target.location,
      put: async (path, data, options) => {
        await turn(`put ${path}`);
        return target.put(path, data, options);
      },
      get: async (path) => {
        await turn(`get ${path}`);
        return target.get(path);
      },
      getRange: async (path, from, to) => {
        await turn(`get ${path}`);
        return target.getRange(path, from, to);
      },
      size: async (path) => {
        await turn(`size ${path}`);
        return target.size(path);
      },
      remove: async (path) => {
        await turn(`remove ${path}`);
        return target.remove(path);
      },
      async *list(folder, options) {
        await turn(`list ${folder}`);
        yield* target.list(folder, options);
      },
    };
  }

  /** Goes on until all have ended. */
  async play(): Promise<void> {
    for (;;) {
      while (this.#actors.some(({ waiting, done }) => waiting === undefined && !done)) await soon();
      const ready = this.#actors.filter(({ done }) => !done);
      if (ready.length === 0) break;
      const actor = ready[this.#random.int(ready.length)];
      if (actor === undefined) break;
      this.between();
      if (this.#random.chance(this.killing)) actor.dead = true;
      const go = actor.waiting;
      actor.waiting = undefined;
      go?.();
    }
    this.#actors.length = 0;
    if (this.failure !== undefined) throw this.failure;
  }
}
