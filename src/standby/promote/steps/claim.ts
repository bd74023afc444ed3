/** The first step of a switch and the last: its epoch is claimed, and settled. */
import { MailrecoverError } from '../../../errors/error.ts';
import { claimEpoch, putStage, readEpoch, type Claim } from '../../epoch.ts';
import type { PromoteOptions } from '../options.ts';
import { bounceHard, compareAccounts, softBounceFinding } from '../soft-bounce.ts';
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

export function settleStep({ to, target, queue, known }: PromoteOptions, claim: Claim, { head, recall }: StepContext): Step {
  const soft = (): string | undefined => (recall('serve') as ServeMemory | undefined)?.soft ?? undefined;
  const evidence: string[] = [];
  return {
    id: 'settle',
    title: 'settle',
    plan: [
      ...(queue ? [`on ${to.name}: soft_bounce goes off, once it knows the same accounts as the old host`] : []),
      `in the repository: epoch ${claim.epoch} is settled`,
    ],
    check: async () => (await readEpoch(target)).open === undefined,
    async apply() {
      const compared = queue ? await compareAccounts(to, { counted: head.accounts, known: await known() }) : undefined;
      if (compared?.alike === true) {
        await bounceHard(to, soft());
        evidence.push(compared.evidence);
      }
      await putStage(target, claim, 'settled');
      return compared?.alike === false ? [softBounceFinding(to.name, compared)] : [];
    },
    verify: async () => [...evidence, `epoch ${claim.epoch} is settled: ${to.name} serves`],
  };
}
