/** The mail of the new host, before it serves: as new as can be, and what it lacks approved. */
import { MailrecoverError } from '../../../errors/error.ts';
import type { SwitchHead } from '../../journal.ts';
import { lossBound } from '../../lag.ts';
import { approvedLoss, boundOf, shownLoss } from '../loss.ts';
import type { PromoteOptions } from '../options.ts';
import type { Step } from '../step.ts';
import type { StepContext } from './context.ts';

export function syncStep({ from, to, sync }: PromoteOptions, { run, epoch }: SwitchHead): Step {
  return {
    id: 'sync',
    title: 'copy the last mail',
    plan: [
      `bring the mailboxes of ${to.name} up to what ${from.name} has, now that nothing changes there any more`,
      'compare every mailbox: messages, flags, UIDs',
    ],
    once: true,
    check: async () => (await sync.compare(run, epoch)).different.length === 0,
    apply: async () => void (await sync.last(run, epoch)),
    async verify() {
      const { mailboxes, different } = await sync.compare(run, epoch);
      if (different.length > 0)
        throw new MailrecoverError(
          'failed',
          `${different.length} of ${mailboxes} mailboxes are not alike on both hosts: ${different.slice(0, 5).join(', ')}`,
          {
            hint: `see what still writes on '${from.name}' (lsof, ps -e), and then: 'mailrecover standby sync'`,
          },
        );
      return [`${mailboxes} mailboxes are alike on both hosts`];
    },
  };
}

/** What a dead host gave its last messages the new one must not give to others: clients have seen them. */
export function uidsStep({ from, to, sync }: PromoteOptions, { run, epoch }: SwitchHead): Step {
  let folders = 0;
  return {
    id: 'uids',
    title: 'leave UIDs out',
    plan: [
      `in every folder of ${to.name}: go on counting far above the last UID, since ${from.name} may have given some to mail that is not here, and clients remember them`,
    ],
    once: true,
    check: async () => false,
    async apply() {
      folders = await sync.leaveUids(run, epoch);
    },
    verify: async () => [`in ${folders} folders of ${to.name} UIDs are left out`],
  };
}

export function lossStep(options: PromoteOptions, { head, startedAt }: StepContext): Step {
  const isRead = head.reachable && !options.dialTone;
  // What came until the switch was begun: the old host can't have taken more for longer than that where it was dead already.
  const bound = async (): Promise<number> => (isRead ? 0 : boundOf(options, lossBound(await options.lag(), Date.parse(startedAt))));
  return {
    id: 'loss',
    title: 'approve what may be lost',
    plan: [
      isRead
        ? 'go on only where nothing is lost: the old host is stopped, its queue moved, and every mailbox alike'
        : `${options.from.name} is not read: what it took after the last synchronisation is missing until it comes back`,
    ],
    once: true,
    check: async () => false,
    apply: async () => approvedLoss(options, await bound()),
    verify: async () => [`at most ${shownLoss(await bound())} may be lost, which was approved`],
  };
}
