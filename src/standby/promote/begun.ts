/** The switch that is not finished, wherever it was begun. */
import type { Target } from '../../repository/target.ts';
import { readEpoch } from '../epoch.ts';
import { Journal, openSwitch, type SwitchState } from '../journal.ts';
import { readShared, wentOnElsewhere } from '../shared-journal.ts';

export interface Begun {
  state: SwitchState;
  /** Whether another host began it, or went on with it last: it is taken over only where that was asked for. */
  elsewhere: boolean;
}

/**
 * Finds it. Where this host began it, and another has brought it to its end, that is written down here.
 * @returns undefined where there is none, or nothing is known of it but its claim
 */
export async function findBegun(directory: string, target: Target): Promise<Begun | undefined> {
  const own = openSwitch(directory);
  if (own !== undefined) {
    if (!(await wentOnElsewhere(target, own))) return { state: own, elsewhere: false };
    const shared = await readShared(target, own.head);
    if (shared !== undefined && shared.ended === undefined) return { state: shared, elsewhere: true };
    if (shared?.ended !== undefined) Journal.endedElsewhere(own, shared.ended);
  }
  const { open } = await readEpoch(target);
  const shared = open === undefined ? undefined : await readShared(target, open);
  return shared === undefined || shared.ended !== undefined ? undefined : { state: shared, elsewhere: true };
}
