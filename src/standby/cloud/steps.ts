/** The steps of a switch to a service, and of the one back to a host. */
import { MailrecoverError } from '../../errors/error.ts';
import { standing } from '../dns.ts';
import { putStage, readEpoch, type Claim } from '../epoch.ts';
import type { Memory } from '../journal.ts';
import type { PromoteOptions } from '../promote/options.ts';
import type { Step } from '../promote/step.ts';
import { lowerStep, raiseStep } from '../promote/steps/capacity.ts';
import { claimStep, settleStep } from '../promote/steps/claim.ts';
import type { StepContext } from '../promote/steps/context.ts';
import { drainStep, lift } from '../promote/steps/drain.ts';
import { fenceStep } from '../promote/steps/fence.ts';
import { lossStep } from '../promote/steps/mail.ts';
import { dnsStep, proofStep, vipStep } from '../promote/steps/reach.ts';
import { bootStep, serveStep } from '../promote/steps/serve.ts';
import { approvedLeftover, flush } from './leftover.ts';
import { shownForecast } from './limits.ts';
import { checkRecipients, shownMissing, type Recipients } from './recipients.ts';
import type { CloudSwitch } from './switch.ts';

export function cloudSteps(options: PromoteOptions, cloud: CloudSwitch, context: StepContext): Step[] {
  const { head } = context;
  const claim: Claim = { epoch: head.epoch, run: head.run, host: head.to, from: head.from, by: head.by };
  return cloud.way === 'to' ? stepsTo(options, cloud, context, claim) : stepsBack(options, claim, context);
}

function stepsTo(options: PromoteOptions, cloud: CloudSwitch, context: StepContext, claim: Claim): Step[] {
  const { dns, proof, capacity } = options;
  const { reachable } = context.head;
  const drains = reachable && cloud.postfix;
  return [
    claimStep(options, claim),
    recipientsStep(options, cloud),
    ...(capacity?.way !== 'up' ? [] : [raiseStep(options, capacity)]),
    ...(drains ? [drainStep(options), flushStep(options, cloud)] : []),
    fenceStep(options, claim, reachable, async () => {
      const drained = context.recall('drain');
      if (drained !== undefined) await lift(options.from, drained);
    }),
    ...(reachable ? [backupStep(options, cloud)] : []),
    lossStep(options, context),
    serviceStep(options, claim, dns.length === 0),
    ...dns.map((zone, index) => (index === 0 ? firstZone(options, zone) : dnsStep(options, zone))),
    ...(proof === undefined ? [] : [proofStep(options)]),
    { ...settleStep(options, claim, context), plan: settlePlan(cloud, claim) },
  ];
}

/** The service is not fenced, since nobody can: mail that comes there until all names are known stays in its mailboxes. */
function stepsBack(options: PromoteOptions, claim: Claim, context: StepContext): Step[] {
  const { vip, dns, proof, capacity } = options;
  return [
    claimStep(options, claim),
    serveStep(options, claim),
    ...(vip === undefined ? [] : [vipStep(options, vip)]),
    ...dns.map((zone) => dnsStep(options, zone)),
    ...(proof === undefined ? [] : [proofStep(options)]),
    ...(capacity?.way !== 'down' ? [] : [lowerStep(options, capacity)]),
    bootStep(options),
    stays(settleStep(options, claim, context), claim.from),
  ];
}

/** What people must know of the way back. */
function stays(step: Step, service: string): Step {
  const plan = [
    ...step.plan,
    `what came to ${service} meanwhile stays in its mailboxes, and is yours to bring back (docs/standby-cloud.md)`,
  ];
  return { ...step, plan };
}

function settlePlan({ service, forecast, unread }: CloudSwitch, { epoch }: Claim): string[] {
  return [
    `in the repository: epoch ${epoch} is settled`,
    `then 'mailrecover standby fill ${service.name}' puts the mail there, the newest first: ${forecast === undefined ? (unread ?? 'nobody knows how long that takes') : shownForecast(forecast)}`,
  ];
}

/** @throws MailrecoverError `refused` where more are missing than was approved */
export function approvedMissing({ missing }: Recipients, service: string, allowed: number): void {
  if (missing.length <= allowed) return;
  throw new MailrecoverError('refused', `no mail would reach ${missing.length} of the accounts at '${service}': ${shownMissing(missing)}`, {
    hint: `give them a mailbox there; to switch without them: --allow-missing ${missing.length}`,
    subject: service,
  });
}

function recipientsStep({ signal }: PromoteOptions, { service, addresses, allowMissing, sender }: CloudSwitch): Step {
  let found: Recipients | undefined;
  return {
    id: 'recipients',
    title: `see that ${service.name} has everybody`,
    plan: [
      service.users === undefined
        ? `ask ${service.smtp.host}:${service.smtp.port} whether it takes mail for each of ${addresses.length} accounts`
        : `compare ${addresses.length} accounts with the directory of ${service.name}: an account, and a plan with a mailbox`,
      `go on only where at most ${allowMissing} are missing`,
    ],
    once: true,
    remember: async () => ({ allowMissing }),
    check: async () => false,
    async apply(memory: Memory) {
      found = await checkRecipients(service, addresses, sender, signal);
      approvedMissing(found, service.name, Number(memory['allowMissing'] ?? 0));
      return found.findings;
    },
    async verify() {
      if (found === undefined) return [];
      const { there, missing, how } = found;
      return [
        `${there.size} of ${addresses.length} accounts have a mailbox at ${service.name}: ${how}`,
        ...(missing.length === 0 ? [] : [`without, as was approved: ${shownMissing(missing)}`]),
      ];
    },
  };
}

function flushStep({ from, drainMs, signal }: PromoteOptions, { leaveQueue }: CloudSwitch): Step {
  let left = 0;
  return {
    id: 'flush',
    title: `deliver what waits on ${from.name}`,
    plan: [
      `on ${from.name}: try every queued message once more, and wait ${drainMs / 1000} s at most`,
      leaveQueue
        ? `what is left stays in the queue of ${from.name} until that is back, which was approved`
        : 'go on only where none is left',
    ],
    once: true,
    remember: async () => ({ leaveQueue }),
    check: async () => false,
    async apply(memory: Memory) {
      left = await flush(from, drainMs, signal);
      approvedLeftover(left, from.name, memory['leaveQueue'] === true);
    },
    verify: async () => [`${left} messages are left in the queue of ${from.name}`],
  };
}

const BACKUP_SECONDS = 6 * 3600;

function backupStep({ from }: PromoteOptions, { backup }: CloudSwitch): Step {
  let evidence = '';
  return {
    id: 'backup',
    title: 'back the last mail up',
    plan: [`on ${from.name}, now that nothing changes there any more: ${backup.join(' ')}`],
    once: true,
    check: async () => false,
    async apply() {
      const { stdout } = await from.run(backup, { seconds: BACKUP_SECONDS });
      evidence = snapshotOf(stdout);
    },
    verify: async () => [evidence],
  };
}

/** What a backup with --json says of itself; a program of another kind says whatever it says. */
function snapshotOf(stdout: string): string {
  try {
    const { snapshot } = JSON.parse(stdout) as { snapshot?: unknown };
    if (typeof snapshot === 'string') return `the last mail is in snapshot ${snapshot.slice(0, 12)}`;
  } catch {
    // told below
  }
  return 'the program that backs up ended without trouble';
}

/** The epoch says that the service serves. Without names to be moved here, this is the last that can be held back. */
function serviceStep({ target, to }: PromoteOptions, claim: Claim, noReturn: boolean): Step {
  const serves = async (): Promise<boolean> => (await readEpoch(target)).active === to.name;
  return {
    id: 'serve',
    title: `let ${to.name} serve`,
    plan: [
      `in the repository: ${to.name} serves from epoch ${claim.epoch} on`,
      ...(noReturn ? ['no names are moved: that is yours to do'] : []),
    ],
    undo: 'the epoch is withdrawn',
    noReturn,
    check: serves,
    apply: async () => void (await putStage(target, claim, 'active')),
    async verify() {
      if (!(await serves())) throw new MailrecoverError('failed', `the repository does not say that '${to.name}' serves`);
      return [`epoch ${claim.epoch} says that ${to.name} serves`];
    },
  };
}

/** The first names that lead to the service: from there on mail may lie in it. */
function firstZone(options: PromoteOptions, zone: PromoteOptions['dns'][number]): Step {
  return {
    ...dnsStep(options, zone),
    noReturn: true,
    // A server that does not answer may have taken them.
    passed: async () => (await Promise.all(zone.records.map((record) => standing(zone, record)))).some((stand) => stand !== 'from'),
  };
}
