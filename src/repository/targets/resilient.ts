/** What a place on the other side of a network needs: trying again, and not too much at once. */
import { randomInt } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import { monotonic, sleep } from '../../system/clock.ts';
import type { StoredObject, Target } from '../target.ts';
import type { TargetHooks } from './options.ts';

export interface ResilientOptions extends TargetHooks {
  atOnce: number;
  /** Milliseconds for which a server that was reached is tried again. */
  patienceMs: number;
  /** Milliseconds for one that never was: a wrong name is told soon. */
  firstMs?: number;
}

const FIRST_MS = 8000;
const SHORTEST_MS = 200;
const LONGEST_MS = 20_000;

/** How long to wait after the `failures`th failure: twice as long each time, and not at the same moment as all others who wait. */
function backOff(failures: number): number {
  const step = Math.min(LONGEST_MS, SHORTEST_MS * 2 ** (failures - 1));
  return step / 2 + randomInt(Math.ceil(step / 2) + 1);
}

/** Lets `most` pieces of work run at once. */
function turnstile(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}

/**
 * The target with every call tried again while its error is `unreachable`. A call may have done its work before its answer was lost, so each
 * is made such that doing it twice is doing it once.
 */
export function resilient(target: Target, options: ResilientOptions): Target {
  const { patienceMs, firstMs = FIRST_MS, signal, onTrouble } = options;
  const turn = turnstile(options.atOnce);
  let reached = false;

  async function again<T>(action: (failures: number) => Promise<T>): Promise<T> {
    const begun = monotonic();
    for (let failures = 0; ;) {
      try {
        const result = await action(failures);
        reached = true;
        return result;
      } catch (error) {
        if (!(error instanceof MailrecoverError) || error.code !== 'unreachable') {
          // An answer all the same.
          reached = true;
          throw error;
        }
        const wait = backOff(++failures);
        if (signal?.aborted === true || monotonic() - begun + wait > (reached ? patienceMs : firstMs)) throw error;
        onTrouble?.(`${error.message}; trying again`);
        await sleep(wait, signal);
        signal?.throwIfAborted();
      }
    }
  }

  const { retain } = target;
  return {
    ...target,
    ...(retain === undefined ? {} : { retain: (paths, known) => again(() => retain(paths, known)) }),
    parallel: options.atOnce,
    put: (path, data, details = {}) =>
      turn(() =>
        again(async (failures) => {
          if (await target.put(path, data, details)) return true;
          // Taken by an earlier try of ours whose answer was lost, or by somebody else with the very same bytes.
          return failures > 0 && Buffer.from(data.buffer, data.byteOffset, data.byteLength).equals(await target.get(path));
        }),
      ),
    get: (path) => turn(() => again(() => target.get(path))),
    getRange: (path, start, end) => turn(() => again(() => target.getRange(path, start, end))),
    size: (path) => turn(() => again(() => target.size(path))),
    async *list(folder, details = {}) {
      // Whole listings, so that one that broke off is begun anew and nothing is told twice.
      yield* await again(async () => {
        const objects: StoredObject[] = [];
        for await (const object of target.list(folder, details)) objects.push(object);
        return objects;
      });
    },
    remove: (path) => turn(() => again(() => target.remove(path))),
  };
}
