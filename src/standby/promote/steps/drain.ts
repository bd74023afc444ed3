/** The old host takes no new mail. */
import { monotonic, sleep } from '../../../system/clock.ts';
import type { Memory } from '../../journal.ts';
import { change, explicitSetting, reload, underWay } from '../../postfix.ts';
import type { PromoteOptions } from '../options.ts';
import type { Step } from '../step.ts';

const DRAIN = 'smtpd_client_restrictions';
const DRAIN_POLL_MS = 500;

export function drainStep({ from, drainMs, signal }: PromoteOptions): Step {
  return {
    id: 'drain',
    title: `let ${from.name} take no new mail`,
    plan: [
      `on ${from.name}: Postfix answers 4xx on port 25 (${DRAIN} = defer), so that senders try again later`,
      `wait for mail that is being delivered, ${drainMs / 1000} s at most; the rest is moved with the queue`,
    ],
    undo: `${from.name} takes mail again`,
    once: true,
    remember: async () => ({ value: (await explicitSetting(from, DRAIN)) ?? null }),
    // Whether it was read, too, can't be asked: it is done again.
    check: async () => false,
    async apply() {
      await change(from, DRAIN, 'defer');
      await reload(from);
      const until = monotonic() + drainMs;
      while (monotonic() < until && (await underWay(from)) > 0) {
        await sleep(DRAIN_POLL_MS, signal);
        signal.throwIfAborted();
      }
    },
    verify: async () => [`${from.name} answers 4xx to senders; ${await underWay(from)} messages are still being delivered`],
    rollback: (memory) => lift(from, memory),
  };
}

/** Gives the setting its value again. */
export async function lift(from: PromoteOptions['from'], memory: Memory): Promise<void> {
  if ((await explicitSetting(from, DRAIN)) !== 'defer') return;
  await change(from, DRAIN, typeof memory['value'] === 'string' ? memory['value'] : undefined);
  await reload(from);
}
