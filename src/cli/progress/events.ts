import { isoNow, monotonic } from '../../system/clock.ts';
import { newMeter } from './meter.ts';
import type { ShownProgress } from './index.ts';

/** At most one `progress` event in so many milliseconds. */
const INTERVAL_MS = 1000;

/** Progress as JSON Lines: `{"time","event",…}` with the events `phase`, `progress` and those of the command. */
export function eventProgress(write: (text: string) => void): ShownProgress {
  let meter = newMeter('');
  let told = monotonic();
  const say = (event: string, data: Record<string, unknown>): void => write(`${JSON.stringify({ time: isoNow(), event, ...data })}\n`);
  return {
    phase(name, total = {}) {
      meter = newMeter(name, total);
      told = meter.since;
      say('phase', { phase: name, ...total });
    },
    advance(items, bytes) {
      meter.items += items;
      meter.bytes += bytes;
      const at = monotonic();
      if (at - told < INTERVAL_MS) return;
      told = at;
      say('progress', { phase: meter.phase, items: meter.items, bytes: meter.bytes });
    },
    event: (name, data = {}) => say(name, data),
    stop() {},
  };
}
