/** The steps of a switch, in their order. */
import { cloudSteps } from '../../cloud/steps.ts';
import type { Claim } from '../../epoch.ts';
import type { PromoteOptions } from '../options.ts';
import type { Step } from '../step.ts';
import { lowerStep, raiseStep } from './capacity.ts';
import { claimStep, settleStep } from './claim.ts';
import type { StepContext } from './context.ts';
import { dialStep, mailboxesStep } from './dial.ts';
import { drainStep, lift } from './drain.ts';
import { fenceStep } from './fence.ts';
import { lossStep, syncStep, uidsStep } from './mail.ts';
import { queueStep, releaseStep } from './queue.ts';
import { dnsStep, proofStep, vipStep } from './reach.ts';
import { bootStep, serveStep } from './serve.ts';

export function stepsOf(options: PromoteOptions, context: StepContext): Step[] {
  const { queue, vip, dns, proof, dialTone, capacity, cloud } = options;
  if (cloud !== undefined) return cloudSteps(options, cloud, context);
  const { head, recall } = context;
  const { reachable } = head;
  const claim: Claim = { epoch: head.epoch, run: head.run, host: head.to, from: head.from, by: head.by };
  return [
    claimStep(options, claim),
    ...(capacity?.way !== 'up' ? [] : [raiseStep(options, capacity)]),
    ...(reachable && queue ? [drainStep(options)] : []),
    fenceStep(options, claim, reachable, async () => {
      const drained = recall('drain');
      if (drained !== undefined) await lift(options.from, drained);
    }),
    ...(reachable && queue ? [queueStep(options, head)] : []),
    ...(dialTone ? [dialStep(options, context)] : []),
    reachable && !dialTone ? syncStep(options, head) : uidsStep(options, head),
    lossStep(options, context),
    serveStep(options, claim),
    ...(vip === undefined ? [] : [vipStep(options, vip)]),
    ...dns.map((zone) => dnsStep(options, zone)),
    ...(reachable && queue ? [releaseStep(options, head)] : []),
    ...(dialTone ? [mailboxesStep(options)] : []),
    ...(proof === undefined ? [] : [proofStep(options)]),
    ...(capacity?.way !== 'down' ? [] : [lowerStep(options, capacity)]),
    bootStep(options),
    settleStep(options, claim, context),
  ];
}
