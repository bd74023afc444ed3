/** The lock under which the standby's mail is changed: whoever switches takes it first, and nothing is written any more. */
import { join } from 'node:path';
import { makeDirectory } from '../../system/files.ts';
import { takeLock } from '../../system/lock.ts';
import { endChildren } from './box/children.ts';

export function syncLockPath(state: string): string {
  return join(state, 'standby', 'sync.lock');
}

/** Held once for all that this process has under way at the same time. */
export class SyncLock {
  readonly #state: string;
  #holders = 0;
  #release: Promise<() => void> | undefined;

  constructor(state: string) {
    this.#state = state;
  }

  /** @throws MailrecoverError `locked` where another process has it */
  async held<T>(work: () => Promise<T>): Promise<T> {
    this.#holders++;
    try {
      await (this.#release ??= this.#take());
      return await work();
    } finally {
      if (--this.#holders === 0) {
        const release = this.#release;
        this.#release = undefined;
        (await release?.catch(() => undefined))?.();
      }
    }
  }

  async #take(): Promise<() => void> {
    await makeDirectory(join(this.#state, 'standby'));
    const release = takeLock(syncLockPath(this.#state), 'mailrecover standby sync');
    try {
      await endChildren(this.#state);
      return release;
    } catch (error) {
      release();
      throw error;
    }
  }
}
