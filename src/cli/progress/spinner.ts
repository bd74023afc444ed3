import type { Ora } from 'ora';
import { monotonic } from '../../system/clock.ts';
import type { TextHelpers } from '../../commands/types.ts';
import { tell } from '../../report/text/tell.ts';
import { meterLine, newMeter } from './meter.ts';
import type { ShownProgress } from './index.ts';

/** Shorter runs never load or show a spinner. */
const DELAY_MS = 400;
const REDRAW_MS = 100;

/** A spinner with count, rate and time left, on standard error. */
export function spinnerProgress(helpers: () => Promise<TextHelpers>): ShownProgress {
  let meter = newMeter('working');
  let spinner: Ora | undefined;
  let text: TextHelpers | undefined;
  let drawn = 0;
  /** Why nothing moves at the moment: a server that does not answer. */
  let note: string | undefined;
  let stopped = false;
  /** How many write or ask something at the moment. */
  let held = 0;
  const draw = (): void => {
    if (spinner === undefined || text === undefined || held > 0) return;
    drawn = monotonic();
    spinner.text = note === undefined ? meterLine(meter, text) : `${meterLine(meter, text)}  ${tell(note, text)}`;
  };
  const start = async (): Promise<void> => {
    const [{ default: ora }, loaded] = await Promise.all([import('ora'), helpers()]);
    text = loaded;
    // ora would else swallow what is typed and handle Ctrl+C by itself
    if (stopped) return;
    spinner = ora({ text: meterLine(meter, text), discardStdin: false, hideCursor: true, stream: process.stderr });
    if (held === 0) spinner.start();
  };
  const timer = setTimeout(() => {
    start().catch(() => undefined);
  }, DELAY_MS);
  timer.unref();
  const redraw = setInterval(draw, 1000).unref();
  return {
    phase(name, total) {
      meter = newMeter(name, total);
      note = undefined;
      draw();
    },
    advance(items, bytes) {
      meter.items += items;
      meter.bytes += bytes;
      note = undefined;
      if (spinner === undefined || held > 0 || monotonic() - drawn < REDRAW_MS) return;
      draw();
      // Drawn by hand, since synchronous work leaves no time to ora's own timer.
      spinner.render();
    },
    event(name, data) {
      const message = data?.['message'];
      if (name !== 'trouble' || typeof message !== 'string') return;
      note = message;
      draw();
    },
    hold() {
      held++;
      spinner?.stop();
      return () => {
        held--;
        if (held === 0 && !stopped) spinner?.start();
      };
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      clearInterval(redraw);
      spinner?.stop();
    },
  };
}
