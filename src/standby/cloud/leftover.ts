/** Mail that waits in the queue of the old host: no service takes a queue, so it is delivered before the switch, or stays. */
import { MailrecoverError } from '../../errors/error.ts';
import { monotonic, sleep } from '../../system/clock.ts';
import { setting, underWay } from '../postfix.ts';
import type { Remote } from '../remote.ts';

const POLL_MS = 500;
/** So long the queue manager may take until it has begun with what was deferred. */
const SETTLE_MS = 3000;

/** Messages in the queue, those on hold included. */
export async function queued(host: Remote): Promise<number> {
  const queue = await setting(host, 'queue_directory');
  const places = ['maildrop', 'incoming', 'active', 'deferred', 'hold'].map((name) => `${queue}/${name}`);
  return (await host.run(['find', ...places, '-type', 'f', '-printf', '.'], { ok: 'any' })).stdout.length;
}

/** Has all of it tried once more, and waits for it. @returns how many are left */
export async function flush(host: Remote, ms: number, signal: AbortSignal): Promise<number> {
  if ((await queued(host)) === 0) return 0;
  await host.run(['postqueue', '-f'], { ok: 'any' });
  const begun = monotonic();
  // What was tried and not taken is deferred again: nothing comes of waiting for it longer.
  for (;;) {
    await sleep(POLL_MS, signal);
    signal.throwIfAborted();
    const left = await queued(host);
    const waited = monotonic() - begun;
    if (left === 0 || waited >= ms || (waited >= SETTLE_MS && (await underWay(host)) === 0)) return left;
  }
}

/** @throws MailrecoverError `refused` */
export function approvedLeftover(count: number, host: string, leaveQueue: boolean): void {
  if (count === 0 || leaveQueue) return;
  throw new MailrecoverError('refused', `mail waits in the queue of '${host}' (${count}), and a service takes no queue`, {
    hint: `see them there: postqueue -p; where they may wait until '${host}' is back: --leave-queue`,
    subject: host,
  });
}
