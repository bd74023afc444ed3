/** For how long nobody took mail or gave it out, by the journal of a switch. */
import type { SwitchState } from '../journal.ts';

/** Steps that take mail away, and those after which it is there again. */
const AWAY = /^(?:drain|fence)$/;
const THERE = /^(?:serve|vip|dns:.*)$/;

/**
 * Seconds from the first step that took mail away from the old host until the new one served, at its address and by its names; caches of names
 * come on top. Of a host that was dead before, it counts from the begin of the switch.
 * @returns undefined where the new host does not serve, or not all of that was reached
 */
export function outageSeconds({ head, lines, startedAt, done }: SwitchState): number | undefined {
  const begun = lines.filter((line) => line.event === 'begin');
  const wanted = begun.map(({ step }) => step).filter((step) => THERE.test(step));
  if (!done.has('serve') || !wanted.every((step) => done.has(step))) return undefined;
  const from = head.reachable ? begun.find(({ step }) => AWAY.test(step))?.time : startedAt;
  const until = lines.filter((line) => line.event === 'done').findLast(({ step }) => THERE.test(step))?.time;
  if (from === undefined || until === undefined) return undefined;
  return Math.round((Date.parse(until) - Date.parse(from)) / 100) / 10;
}
