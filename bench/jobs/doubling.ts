import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { aDay, busyMailboxes } from '../changes.ts';
import type { MailboxPlan } from '../corpus/plan.ts';
import { inTurn } from '../rounds.ts';
import { ours } from '../tools/ours.ts';
import { type Job, ratio } from './job.ts';

/** Twice the messages in each mailbox that the day does not touch. */
function doubled(plan: MailboxPlan[]): MailboxPlan[] {
  const busy = new Set(busyMailboxes(plan));
  return plan.map((mailbox) =>
    busy.has(mailbox) ? mailbox : { ...mailbox, folders: mailbox.folders.map((folder) => ({ ...folder, messages: folder.messages * 2 })) },
  );
}

export const doubling: Job = {
  name: 'doubling',
  title: 'a day, with twice the messages in the mailboxes that did not change',
  async run(bench) {
    const { messages } = bench.options;
    const contestants = [];
    for (const [label, shape] of [['as it is', (plan: MailboxPlan[]) => plan] as const, ['doubled', doubled] as const]) {
      const mail = join(bench.scratch, `mail ${label}`);
      const corpus = await bench.build(mail, { messages, shape });
      const tool = { ...ours({ ...bench.place, mail }), name: label };
      await bench.fresh(tool);
      await bench.backUp(tool);
      aDay(corpus, messages);
      contestants.push({ label, mail, prepare: () => bench.rewind(tool), run: () => tool.backup(bench.home(tool)) });
    }
    await bench.settle();
    const series = await inTurn(bench, contestants);
    for (const { mail } of contestants) rmSync(mail, { recursive: true });
    return { series, checks: [ratio(series, 'doubled', 'as it is', 1.1)] };
  },
};
