/**
 * What a host that serves by a lease promises, in the repository: that its mail services run only as long as it can read there, every so many seconds, that it
 * is the one that serves. Whoever claims the next epoch can wait that out, and then knows that the host has stopped, though nobody can ask it.
 */
import { leasePath, parseLeasePath } from '../../repository/epochs.ts';
import type { Target } from '../../repository/target.ts';
import { isoNow } from '../../system/clock.ts';

export interface Pledge {
  epoch: number;
  /** By its name in the configuration. */
  host: string;
  /** How long its services go on at most after it was last sure that it is the one that serves. */
  seconds: number;
  /** How long they may take to stop. */
  stopSeconds: number;
  units: readonly string[];
  /** UTC. */
  time: string;
  /** It serves without a lease from now on. */
  ended?: true;
}

export type Terms = Omit<Pledge, 'time' | 'epoch'>;

async function newest(target: Target, epoch: number): Promise<{ number: number; pledge: Pledge | undefined }> {
  let number = 0;
  for await (const { path } of target.list('epochs')) {
    const found = parseLeasePath(path);
    if (found?.epoch === epoch) number = Math.max(number, found.number);
  }
  if (number === 0) return { number, pledge: undefined };
  let pledge: Pledge | undefined;
  try {
    const read = JSON.parse((await target.get(leasePath(epoch, number))).toString('utf8')) as Pledge;
    if (read.epoch === epoch && typeof read.host === 'string' && read.seconds > 0 && read.stopSeconds > 0 && Array.isArray(read.units))
      pledge = read;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { number, pledge };
}

/** What the host promised that serves in an epoch; undefined where it did not, or has ended it. */
export async function readPledge(target: Target, epoch: number, host: string): Promise<Pledge | undefined> {
  const { pledge } = await newest(target, epoch);
  return pledge?.host === host && pledge.ended !== true ? pledge : undefined;
}

/** Promises, unless the same stands there already. */
export async function putPledge(target: Target, epoch: number, terms: Terms): Promise<void> {
  for (;;) {
    const { number, pledge } = await newest(target, epoch);
    if (pledge !== undefined && isSame(pledge, terms)) return;
    const value: Pledge = { epoch, ...terms, time: isoNow() };
    if (await target.put(leasePath(epoch, number + 1), Buffer.from(`${JSON.stringify(value)}\n`), { exclusive: true })) return;
  }
}

function isSame({ host, seconds, stopSeconds, units, ended }: Pledge, terms: Terms): boolean {
  const of = (value: Terms): string => JSON.stringify([value.host, value.seconds, value.stopSeconds, value.units, value.ended === true]);
  return of({ host, seconds, stopSeconds, units, ...(ended === undefined ? {} : { ended }) }) === of(terms);
}
