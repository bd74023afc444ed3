import { rmSync } from 'node:fs';
import type { Bench } from '../bench.ts';
import { differences } from '../compare.ts';
import type { MailboxPlan } from '../corpus/plan.ts';
import type { Pipeline } from '../measure.ts';

/** A restore into an empty directory; after the first round `found` is compared with `mail`, so that nobody is fast by leaving things out. */
export function restoring(bench: Bench, label: string, run: (target: string) => Pipeline, found: (target: string) => string, mail: string) {
  let target = '';
  return {
    label,
    prepare: () => void (target = bench.target(label)),
    run: () => run(target),
    after(_: unknown, round: number) {
      const wrong = round === 0 ? differences(mail, found(target)) : [];
      if (wrong.length > 0) throw new Error(`${label} restored something else: ${wrong.slice(0, 5).join(', ')} …`);
      rmSync(target, { recursive: true });
    },
  };
}

/** The mailbox of median size. */
export function medianMailbox(plans: readonly MailboxPlan[]): { chosen: MailboxPlan; messages: number } {
  const sizes = plans.map((chosen) => ({ chosen, messages: chosen.folders.reduce((sum, folder) => sum + folder.messages, 0) }));
  const median = sizes.toSorted((a, b) => a.messages - b.messages)[Math.floor(sizes.length / 2)];
  if (!median) throw new Error('the corpus has no mailbox');
  return median;
}
