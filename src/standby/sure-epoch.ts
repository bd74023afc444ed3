/** Who serves, asked again and again: only what can't be the word of yesterday counts as an answer. */
import { MailrecoverError } from '../errors/error.ts';
import { openRepository } from '../repository/repository.ts';
import type { Target } from '../repository/target.ts';
import { sleep } from '../system/clock.ts';
import { readEpoch, type EpochState } from './epoch.ts';

/** What was there when it was asked last. */
export interface Seen {
  /** The newest epoch. */
  epoch: number;
  /** The id of the repository; empty where none was seen. */
  repository: string;
}

export const NOTHING_SEEN: Seen = { epoch: 0, repository: '' };

/** An answer, or why there is none. */
export type SureEpoch = { state: EpochState; seen: Seen } | { problem: string };

/** Reads who serves; another repository, or an older state of the one that was seen, is no answer. */
export async function sureEpoch(target: Target, seen: Seen): Promise<SureEpoch> {
  try {
    const { id } = await openRepository(target);
    const state = await readEpoch(target);
    // Another one in its place, or an older state of it, knows nothing of a switch that there was.
    if (seen.repository !== '' && id !== seen.repository) return { problem: 'another repository lies in its place' };
    if (state.epoch < seen.epoch) return { problem: `the repository says epoch ${state.epoch}, and it was ${seen.epoch} already` };
    return { state, seen: { epoch: state.epoch, repository: id } };
  } catch (error) {
    if (error instanceof MailrecoverError) return { problem: error.message };
    throw error;
  }
}

/** Waits for work that can't be ended; undefined where it takes too long. @throws the signal's reason, and what the work throws */
export async function inTime<T>(work: Promise<T>, milliseconds: number, signal: AbortSignal): Promise<T | undefined> {
  const controller = new AbortController();
  work.catch(() => undefined);
  const timer = sleep(Math.max(0, milliseconds), AbortSignal.any([controller.signal, signal])).then(
    () => undefined,
    () => undefined,
  );
  try {
    return await Promise.race([work, timer]);
  } finally {
    controller.abort();
  }
}
