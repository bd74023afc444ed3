/** The first step of a switch and the last: its epoch is claimed, and settled. */
import { MailrecoverError } from '../../../errors/error.ts';
import type { Finding } from '../../../errors/finding.ts';
import { claimEpoch, putStage, readEpoch, type Claim } from '../../epoch.ts';
import type { SwitchHead } from '../../journal.ts';
import { change, reload } from '../../postfix.ts';
import { accountsOn } from '../accounts.ts';
import type { PromoteOptions } from '../options.ts';
import type { Step } from '../step.ts';
import type { StepContext } from './context.ts';
import type { ServeMemory } from './serve.ts';

export function claimStep({ target, from, to }: PromoteOptions, claim: Claim): Step {
  const holds = async (): Promise<boolean> => {
    const { epoch, open } = await readEpoch(target);
    return epoch === claim.epoch && open?.run === claim.run;
  };
  return {
    id: 'claim',
    title: `claim epoch ${claim.epoch}`,
    plan: [
      `in the repository: epoch ${claim.epoch} is to be ${to.name}'s; from now on nobody writes mail from ${from.name} to ${to.name} but this switch`,
    ],
    undo: 'the epoch is withdrawn',
    // Whether it is still ours is asked before every step.
    once: true,
    check: holds,
    apply: () => claimEpoch(target, claim),
    async verify() {
      if (!(await holds())) throw new MailrecoverError('locked', `epoch ${claim.epoch} is not ours`);
      return [`epoch ${claim.epoch} is claimed in ${target.location}`];
    },
    async rollback() {
      // Another's claim is not ours to withdraw.
      if ((await readEpoch(target)).open?.run === claim.run) await putStage(target, claim, 'withdrawn');
    },
  };
}

export function settleStep({ to, target, queue }: PromoteOptions, claim: Claim, { head, recall }: StepContext): Step {
  const soft = (): string | undefined => (recall('serve') as ServeMemory | undefined)?.soft ?? undefined;
  return {
    id: 'settle',
    title: 'settle',
    plan: [
      ...(queue ? [`on ${to.name}: soft_bounce goes off, once it knows the same accounts as the old host`] : []),
      `in the repository: epoch ${claim.epoch} is settled`,
    ],
    check: async () => (await readEpoch(target)).open === undefined,
    async apply() {
      const findings = queue ? await hardBounces(to, head, soft()) : [];
      await putStage(target, claim, 'settled');
      return findings;
    },
    verify: async () => [`epoch ${claim.epoch} is settled: ${to.name} serves`],
  };
}

/** Mail for unknown users is refused for good again, where no account is missing. */
async function hardBounces(to: PromoteOptions['to'], { accounts, from }: SwitchHead, before: string | undefined): Promise<Finding[]> {
  const there = await accountsOn(to);
  if (accounts !== undefined && there?.sha256 === accounts.sha256) {
    await change(to, 'soft_bounce', before);
    await reload(to);
    return [];
  }
  const known = there === undefined ? 'an unknown number of' : String(there.count);
  return [
    {
      severity: 'warning',
      code: 'soft-bounce',
      message:
        accounts === undefined
          ? `'${to.name}' knows ${known} accounts, and nobody knows how many '${from}' had: soft_bounce stays on, mail for unknown users waits at its senders`
          : `'${to.name}' knows ${known} accounts where '${from}' had ${accounts.count}, or others: soft_bounce stays on, mail for unknown users waits at its senders`,
      hint: `compare: doveadm user '*'; when none is missing, on ${to.name}: postconf ${before === undefined ? '-X soft_bounce' : `-e soft_bounce=${before}`} && postfix reload`,
      subject: to.name,
    },
  ];
}
