import type { Progress } from '../../system/progress.ts';
import type { Globals } from '../globals.ts';
import type { Output } from '../output.ts';

/** A progress that can be taken off the screen. */
export interface ShownProgress extends Progress {
  /** Ends the display; nothing is shown after that. */
  stop(): void;
  /** Takes the display away while something else is written or asked there; what it returns brings it back. */
  hold?(): () => void;
}

/** Where progress goes: events, a spinner on a terminal, else a line now and then; nothing with `--quiet`. Loads only what it shows. */
export async function createProgress({ events, quiet, color, lang }: Globals, output: Output): Promise<ShownProgress> {
  const write = (text: string): void => output.err(text);
  if (events) return (await import('./events.ts')).eventProgress(write);
  if (quiet) return { phase() {}, advance() {}, event() {}, stop() {} };
  // Text helpers are not worth loading before there is something to show.
  const text = async () => (await import('../../report/text/helpers.ts')).textHelpers({ color: color && output.errIsTerminal, lang });
  // A terminal that does not know its width (a serial console, some pseudo-terminals) would make the spinner loop for ever.
  if (output.errIsTerminal && process.stderr.columns > 0) return (await import('./spinner.ts')).spinnerProgress(text);
  return (await import('./lines.ts')).lineProgress(text, write);
}
