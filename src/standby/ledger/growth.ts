/** Waiting for a log to grow. */
import { watch, type FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';
import { sleep } from '../../system/clock.ts';

export interface Growth {
  /** Resolves when it has grown since the last time, or after that many milliseconds: events may fail to come. */
  next(atMostMs: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

/**
 * Watches the directory of the file, so that a rotated one is followed. Where the system gives out no more watches there are no events, and only time passes.
 */
export function watchGrowth(path: string): Growth {
  let grown = false;
  let wake = (): void => undefined;
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(dirname(path), (_event, name) => {
      if (name !== null && name !== basename(path)) return;
      grown = true;
      wake();
    });
    watcher.on('error', () => watcher?.close());
  } catch {
    // told above
  }
  return {
    async next(atMostMs, signal) {
      if (!grown) {
        const ended = new AbortController();
        wake = () => ended.abort();
        signal.addEventListener('abort', wake, { once: true });
        await sleep(atMostMs, ended.signal);
        signal.removeEventListener('abort', wake);
      }
      grown = false;
    },
    close: () => watcher?.close(),
  };
}
