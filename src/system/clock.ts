/** The only place that reads the wall clock and the monotonic clock. */

/** Milliseconds since 1970 (UTC). */
export function now(): number {
  return Date.now();
}

/** The present moment as UTC ISO 8601 with milliseconds. */
export function isoNow(): string {
  return new Date(Date.now()).toISOString();
}

/** Milliseconds on a clock that no one can set back; only differences mean something. */
export function monotonic(): number {
  return performance.now();
}

/** Resolves after `ms` milliseconds, or as soon as `signal` is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}

/** A time in milliseconds since 1970 as UTC ISO 8601. */
export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
