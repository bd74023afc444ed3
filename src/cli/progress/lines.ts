import { monotonic } from '../../system/clock.ts';
import type { TextHelpers } from '../../commands/types.ts';
import { meterLine, newMeter } from './meter.ts';
import type { ShownProgress } from './index.ts';

const INTERVAL_MS = 30_000;
/** Loading what makes text takes as long as backing up some hundred messages, and most runs never say a line. */
const LOAD_MS = 10_000;

/** A line every 30 seconds, for logs. A run that is shorter prints none. */
export function lineProgress(helpers: () => Promise<TextHelpers>, write: (text: string) => void): ShownProgress {
  let meter = newMeter('working');
  let told = monotonic();
  let text: TextHelpers | undefined;
  // Work may be synchronous for long, so each advance looks at the clock too.
  const tell = (): void => {
    const at = monotonic();
    if (text === undefined || at - told < INTERVAL_MS) return;
    told = at;
    write(`${meterLine(meter, text)}\n`);
  };
  const timer = setInterval(() => {
    if (text !== undefined) tell();
    else if (monotonic() - told >= LOAD_MS)
      helpers().then(
        (loaded) => (text = loaded),
        () => undefined,
      );
  }, 1000).unref();
  return {
    phase(name, total) {
      meter = newMeter(name, total);
    },
    advance(items, bytes) {
      meter.items += items;
      meter.bytes += bytes;
      tell();
    },
    event() {},
    stop() {
      text = undefined;
      clearInterval(timer);
    },
  };
}
