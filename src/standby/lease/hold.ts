/** Holding the lease: sure, again and again, that this host is the one that serves; and gone as soon as that can't be known for too long. */
import type { Target } from '../../repository/target.ts';
import { monotonic, sleep } from '../../system/clock.ts';
import type { EpochState } from '../epoch.ts';
import { inTime, NOTHING_SEEN, sureEpoch } from '../sure-epoch.ts';
import { putPledge, type Terms } from './pledge.ts';

export interface HoldOptions {
  target: Target;
  terms: Terms;
  /** Who serves where there never was a switch. */
  primary: string;
  /** Told when the lease is there: mail may be served. */
  onHeld: (epoch: number) => Promise<void>;
  /** Told as long as it is waited for, and why. */
  onWaiting: (why: string) => Promise<void>;
  /** Told each time it was made sure of, or could not be. */
  onTurn: (problem: string | undefined) => Promise<void>;
  signal: AbortSignal;
}

/** How it ended: another host serves or is about to; or nobody could say so for too long. */
export type Lost = { kind: 'lost' | 'expired'; message: string };

/** Turns within the time for which the lease holds. */
const TURNS = 4;
const MAX_PAUSE_MS = 15_000;
const WAITING_MS = 2000;

/** Whether a host may serve, by what stands in the repository. */
export function mayServe({ active, open }: EpochState, host: string, primary: string): boolean {
  // A switch that asks the host itself takes its services down itself, and may give them back.
  return open?.stage === 'fence' ? false : (active ?? primary) === host;
}

/**
 * Waits for the lease, holds it, and returns when it is lost.
 * @throws the signal's reason
 */
export async function holdLease(options: HoldOptions): Promise<Lost> {
  const { target, terms, onHeld, onWaiting, onTurn, signal } = options;
  const pause = Math.min(MAX_PAUSE_MS, (terms.seconds * 1000) / TURNS);
  let until: number | undefined;
  let seen = NOTHING_SEEN;
  let problem = '';
  for (;;) {
    signal.throwIfAborted();
    // From before the question on: what is answered late was true then.
    const asked = monotonic();
    const answer = await inTime(sureEpoch(target, seen), until === undefined ? terms.seconds * 1000 : until - asked, signal);
    if (answer === undefined || 'problem' in answer) {
      problem = answer?.problem ?? 'the repository does not answer';
      if (until !== undefined && monotonic() >= until)
        return { kind: 'expired', message: `for ${terms.seconds} s nobody could say that this host serves: ${problem}` };
      if (until === undefined) await onWaiting(problem);
      await onTurn(until === undefined ? undefined : problem);
    } else {
      const { state } = answer;
      seen = answer.seen;
      if (mayServe(state, terms.host, options.primary)) {
        if (until === undefined) {
          await putPledge(target, state.activeEpoch, terms);
          await onHeld(state.activeEpoch);
        }
        until = asked + terms.seconds * 1000;
        await onTurn(undefined);
      } else {
        const other = state.open?.stage === 'fence' || state.open?.stage === 'active' ? state.open.host : (state.active ?? options.primary);
        const message =
          state.open?.stage === 'fence' ? `'${other}' serves, or is about to` : `'${other}' serves since epoch ${state.activeEpoch}`;
        if (until !== undefined) return { kind: 'lost', message };
        await onWaiting(message);
        await onTurn(undefined);
      }
    }
    await sleep(until === undefined ? WAITING_MS : Math.max(0, Math.min(pause, until - monotonic())), signal);
  }
}
