import { monotonic, sleep } from './clock.ts';

/** Holds work back to a rate. */
export interface RateLimit {
  /** Resolves when so many more bytes may pass. */
  take(bytes: number): Promise<void>;
}

/** How far ahead of the rate a short burst may run. */
const BURST_MS = 100;

/** @param bytesPerSecond undefined: nothing is held back */
export function rateLimit(bytesPerSecond: number | undefined): RateLimit {
  if (bytesPerSecond === undefined) return { take: () => Promise.resolve() };
  /** When all that was let through so far would have passed at the rate. */
  let through = monotonic();
  return {
    async take(bytes) {
      through = Math.max(through, monotonic()) + (bytes / bytesPerSecond) * 1000;
      const wait = through - BURST_MS - monotonic();
      if (wait > 0) await sleep(wait);
    },
  };
}
