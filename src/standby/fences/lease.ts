import type { Target } from '../../repository/target.ts';
import { MailrecoverError } from '../../errors/error.ts';
import { now, sleep } from '../../system/clock.ts';
import { readEpoch, stageTime, putStage, type Claim } from '../epoch.ts';
import { readPledge, type Pledge } from '../lease/pledge.ts';
import type { Fence } from './fence.ts';

const MARGIN_SECONDS = 10;

export interface LeaseFence {
  name: string;
  target: Target;
  claim: Claim;
  signal: AbortSignal;
  /** What clocks may be apart, and systemd take to act. */
  marginSeconds?: number;
}

/**
 * The old host's own lease: it promised to stop by itself once it can't be sure any more that it is the one that serves. From the moment at which the repository
 * says that it is to stop it can't make sure of that any more; when that is longer ago than it promised, it has stopped, or its systemd does not do what it is for.
 */
export function leaseFence({ name, target, claim, signal, marginSeconds = MARGIN_SECONDS }: LeaseFence): Fence {
  const pledged = async (): Promise<Pledge | undefined> => readPledge(target, (await readEpoch(target)).activeEpoch, claim.from);
  const seconds = (pledge: Pledge): number => pledge.seconds + pledge.stopSeconds + marginSeconds;
  const left = async (pledge: Pledge): Promise<number> => {
    const since = await stageTime(target, claim, 'fence');
    return since === undefined ? Number.POSITIVE_INFINITY : Date.parse(since) + seconds(pledge) * 1000 - now();
  };
  return {
    name,
    grade: 'B',
    keepsHost: false,
    waits: true,
    plan: [`in the repository: ${claim.from} is to stop; then wait until its own lease has run out, where it serves by one`],
    async evidence() {
      const pledge = await pledged();
      if (pledge === undefined || (await left(pledge)) > 0) return undefined;
      return [
        `${claim.from} promised at ${pledge.time} to stop ${pledge.units.join(', ')} within ${pledge.seconds} s and ${pledge.stopSeconds} s; told to stop ${seconds(pledge)} s ago or more`,
      ];
    },
    async fence() {
      const pledge = await pledged();
      if (pledge === undefined)
        throw new MailrecoverError('refused', `'${claim.from}' serves without a lease`, {
          hint: `before the day, on '${claim.from}': mailrecover standby lease --install`,
          subject: claim.from,
        });
      await putStage(target, claim, 'fence');
      for (let wait = await left(pledge); wait > 0; wait = await left(pledge)) {
        await sleep(Math.min(wait, 1000), signal);
        signal.throwIfAborted();
      }
    },
    // The epoch that told it to stop is withdrawn as a whole.
    release: async () => undefined,
  };
}
