import { monotonic } from '../../system/clock.ts';
import type { TextHelpers } from '../../commands/types.ts';
import { tell } from '../../report/text/tell.ts';

/** Counts what is done in the present phase. */
export interface Meter {
  phase: string;
  items: number;
  bytes: number;
  totalItems: number | undefined;
  totalBytes: number | undefined;
  /** On the monotonic clock. */
  since: number;
}

export function newMeter(phase: string, total: { items?: number; bytes?: number } = {}): Meter {
  return { phase, items: 0, bytes: 0, totalItems: total.items, totalBytes: total.bytes, since: monotonic() };
}

/** Milliseconds that are left at the pace so far, or undefined where that can't be told. */
export function timeLeft(meter: Meter): number | undefined {
  const elapsed = monotonic() - meter.since;
  const [done, total] = meter.totalBytes === undefined ? [meter.items, meter.totalItems] : [meter.bytes, meter.totalBytes];
  if (total === undefined || done === 0 || elapsed < 2000) return undefined;
  return (elapsed / done) * Math.max(0, total - done);
}

/** One line: phase, count, bytes, rate and time left. */
export function meterLine(meter: Meter, text: TextHelpers): string {
  const seconds = (monotonic() - meter.since) / 1000;
  const parts = [];
  if (meter.items > 0 || meter.totalItems !== undefined) {
    parts.push(
      meter.totalItems === undefined ? text.number(meter.items) : `${text.number(meter.items)} / ${text.number(meter.totalItems)}`,
    );
  }
  if (meter.bytes > 0) parts.push(text.size(meter.bytes));
  if (seconds > 1 && (meter.items > 0 || meter.bytes > 0)) {
    parts.push(meter.bytes > 0 ? `${text.size(meter.bytes / seconds)}/s` : `${text.number(Math.round(meter.items / seconds))}/s`);
  }
  const left = timeLeft(meter);
  if (left !== undefined) parts.push(text.say`${text.duration(Math.max(1000, Math.round(left / 1000) * 1000))} left`);
  return `${tell(meter.phase, text)}${parts.length === 0 ? '' : `  ${parts.join(' · ')}`}`;
}
