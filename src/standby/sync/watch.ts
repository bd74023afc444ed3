/** Asking again and again who serves, while something runs that can't ask by itself. */
import { sleep } from '../../system/clock.ts';

/** So long Dovecot may go on after the epoch has changed. */
const EVERY_MS = 1000;

/** One question serves all that runs at the same time. */
export class Watch {
  readonly #guard: () => Promise<void>;
  readonly #outer: AbortSignal | undefined;
  readonly #running = new Set<AbortController>();
  #asking = false;

  /** @param guard throws where nothing may be written any more */
  constructor(guard: () => Promise<void>, outer: AbortSignal | undefined) {
    [this.#guard, this.#outer] = [guard, outer];
  }

  /** @param work is to end when its signal says so, and to throw its reason */
  async during<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const stop = (): void => controller.abort(this.#outer?.reason);
    this.#outer?.addEventListener('abort', stop, { once: true });
    this.#running.add(controller);
    if (!this.#asking) void this.#ask();
    try {
      return await work(controller.signal);
    } finally {
      this.#running.delete(controller);
      this.#outer?.removeEventListener('abort', stop);
    }
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    try {
      for (;;) {
        await sleep(EVERY_MS);
        if (this.#running.size === 0) return;
        await this.#guard();
      }
    } catch (error) {
      for (const controller of this.#running) controller.abort(error);
    } finally {
      this.#asking = false;
    }
  }
}
