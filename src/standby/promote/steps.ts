/** The steps of a switch, in their order. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { monotonic, sleep } from '../../system/clock.ts';
import { agreement, standing, updateZone } from '../dns.ts';
import { claimEpoch, putStage, readEpoch, type Claim } from '../epoch.ts';
import type { Memory, SwitchHead } from '../journal.ts';
import { lossBound } from '../lag.ts';
import { change, explicitSetting, reload, underWay } from '../postfix.ts';
import { prove } from '../proof.ts';
import { isReleased, isShipped, messagesAside, putQueueBack, queuePlace, release, setQueueAside, ship, type QueuePlace } from '../queue.ts';
import { runs, startUnits, unitStates, unmask, withInstances } from '../units.ts';
import { hasAddress, takeAddress } from '../vip.ts';
import { accountsOn } from './accounts.ts';
import { fenceStep } from './fence-step.ts';
import { approvedLoss, shownLoss } from './loss.ts';
import type { PromoteOptions } from './options.ts';
import type { Step } from './step.ts';

const DRAIN_POLL_MS = 500;

/** What is known of the switch that the steps belong to. */
export interface StepContext {
  head: SwitchHead;
  /** When it was begun, UTC. */
  startedAt: string;
  /** What another step remembered. */
  recall: (step: string) => Memory | undefined;
}

export function stepsOf(options: PromoteOptions, context: StepContext): Step[] {
  const { queue, vip, dns, proof } = options;
  const { head, recall } = context;
  const { reachable } = head;
  const claim: Claim = { epoch: head.epoch, run: head.run, host: head.to, from: head.from, by: head.by };
  return [
    claimStep(options, claim),
    ...(reachable && queue ? [drainStep(options)] : []),
    fenceStep(options, reachable, async () => {
      const drained = recall('drain');
      if (drained !== undefined) await lift(options.from, drained);
    }),
    ...(reachable && queue ? [queueStep(options, head)] : []),
    reachable ? syncStep(options, head) : uidsStep(options, head),
    lossStep(options, context),
    serveStep(options, claim),
    ...(vip === undefined ? [] : [vipStep(options, vip)]),
    ...dns.map((zone) => dnsStep(options, zone)),
    ...(reachable && queue ? [releaseStep(options, head)] : []),
    ...(proof === undefined ? [] : [proofStep(options)]),
    settleStep(options, claim, context),
  ];
}

function claimStep({ target, from, to }: PromoteOptions, claim: Claim): Step {
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

const DRAIN = 'smtpd_client_restrictions';

function drainStep({ from, drainMs, signal }: PromoteOptions): Step {
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
async function lift(from: PromoteOptions['from'], memory: Memory): Promise<void> {
  if ((await explicitSetting(from, DRAIN)) !== 'defer') return;
  await change(from, DRAIN, typeof memory['value'] === 'string' ? memory['value'] : undefined);
  await reload(from);
}

interface QueueMemory extends Memory {
  at: QueuePlace;
  there: QueuePlace;
}

function queueStep({ from, to }: PromoteOptions, { run }: SwitchHead): Step {
  const places = (memory: Memory): QueueMemory => memory as QueueMemory;
  return {
    id: 'queue',
    title: 'move the queue',
    plan: [
      `on ${from.name}: put the queue aside, where no Postfix looks`,
      `copy it to ${to.name}, and compare every file by its SHA-256; it is delivered once ${to.name} serves`,
    ],
    undo: `the queue goes back into place on ${from.name}, and the copy is deleted`,
    once: true,
    remember: async () => ({ at: await queuePlace(from, run), there: await queuePlace(to, run) }),
    check: (memory) => isShipped(from, places(memory).at, to, places(memory).there),
    async apply(memory) {
      const { at, there } = places(memory);
      await setQueueAside(from, at);
      await ship(from, at, to, there);
    },
    async verify(memory) {
      const { at, there } = places(memory);
      if (!(await isShipped(from, at, to, there)))
        throw new MailrecoverError('damage', `the queue on '${to.name}' is not the one of '${from.name}'`, { subject: there.aside });
      return [`${await messagesAside(to, there)} queued messages lie on both hosts, equal by SHA-256`];
    },
    rollback: (memory) => putQueueBack(from, places(memory).at, to, places(memory).there),
  };
}

function syncStep({ from, to, sync }: PromoteOptions, { run, epoch }: SwitchHead): Step {
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
            hint: "see why: 'mailrecover standby sync'",
          },
        );
      return [`${mailboxes} mailboxes are alike on both hosts`];
    },
  };
}

/** What a dead host gave its last messages the new one must not give to others: clients have seen them. */
function uidsStep({ from, to, sync }: PromoteOptions, { run, epoch }: SwitchHead): Step {
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

function lossStep(options: PromoteOptions, { head, startedAt }: StepContext): Step {
  const { reachable } = head;
  // What came until the switch was begun: the old host can't have taken more for longer than that where it was dead already.
  const bound = async (): Promise<number> => (reachable ? 0 : lossBound(await options.lag(), Date.parse(startedAt)));
  return {
    id: 'loss',
    title: 'approve what may be lost',
    plan: [
      reachable
        ? 'go on only where nothing is lost: the old host is stopped, its queue moved, and every mailbox alike'
        : `${options.from.name} can not be read: what it took after the last synchronisation is missing until it comes back`,
    ],
    once: true,
    check: async () => false,
    apply: async () => approvedLoss(options, await bound()),
    verify: async () => [`at most ${shownLoss(await bound())} may be lost, which was approved`],
  };
}

interface ServeMemory extends Memory {
  soft: string | null;
  since: Record<string, number>;
}

function serveStep({ to, target, services, queue }: PromoteOptions, claim: Claim): Step {
  const states = (): ReturnType<typeof unitStates> => unitStates(to, withInstances(services));
  const there = async (): Promise<Awaited<ReturnType<typeof states>>> => (await states()).filter(({ load }) => load !== 'not-found');
  return {
    id: 'serve',
    title: `let ${to.name} serve`,
    plan: [
      `in the repository: ${to.name} serves from epoch ${claim.epoch} on`,
      ...(queue ? [`on ${to.name}: soft_bounce = yes, so that nothing is refused for good while accounts may be missing`] : []),
      `on ${to.name}: start ${services.toReversed().join(', ')}`,
    ],
    undo: 'the services are stopped again, as long as none of them ever ran',
    noReturn: true,
    remember: async () => ({
      soft: queue ? ((await explicitSetting(to, 'soft_bounce')) ?? null) : null,
      since: Object.fromEntries((await states()).map(({ unit, activeSince }) => [unit, activeSince])),
    }),
    passed: async (memory) =>
      (await states()).some((state) => runs(state) || state.activeSince !== (memory as ServeMemory).since[state.unit]),
    check: async () => (await there()).every(({ active }) => active === 'active') && (await readEpoch(target)).active === to.name,
    async apply() {
      if (queue) await change(to, 'soft_bounce', 'yes');
      await putStage(target, claim, 'active');
      const masked = (await unitStates(to, services)).filter(({ load }) => load === 'masked').map(({ unit }) => unit);
      await unmask(to, masked);
      // One after the other: where the first fails, nobody ever saw this host.
      for (const unit of services.toReversed()) await startUnits(to, [unit]);
    },
    async verify() {
      const down = (await there()).filter(({ active }) => active !== 'active');
      if (down.length > 0)
        throw new MailrecoverError('failed', `${down.map(({ unit, active }) => `${unit} is ${active}`).join(', ')} on '${to.name}'`, {
          hint: `look there: journalctl -u ${down[0]?.unit ?? ''} -n 50`,
          subject: to.name,
        });
      // What was started is started at the next boot, too.
      await to.run(['systemctl', 'enable', '--', ...services], { ok: 'any' });
      return (await there()).map(({ unit, active }) => `${to.name} says: ${unit} is ${active}`);
    },
    async rollback(memory) {
      await to.run(['systemctl', 'stop', '--', ...services]);
      if (queue) await change(to, 'soft_bounce', (memory as ServeMemory).soft ?? undefined);
    },
  };
}

function vipStep({ to }: PromoteOptions, vip: NonNullable<PromoteOptions['vip']>): Step {
  return {
    id: 'vip',
    title: `move the address ${vip.address}`,
    plan: [
      `on ${to.name}: see that no other host answers for ${vip.address}, take it on ${vip.device}, and tell the network (gratuitous ARP)`,
    ],
    check: () => hasAddress(to, vip),
    apply: () => takeAddress(to, vip),
    async verify() {
      if (!(await hasAddress(to, vip)))
        throw new MailrecoverError('failed', `'${to.name}' does not have the address ${vip.address}`, { subject: vip.address });
      return [`${to.name} has ${vip.address} on ${vip.device}`];
    },
  };
}

function dnsStep({ signal }: PromoteOptions, zone: PromoteOptions['dns'][number]): Step {
  let findings: Finding[] = [];
  return {
    id: `dns:${zone.zone}`,
    title: `move the names in ${zone.zone}`,
    plan: [
      ...zone.records.map(
        ({ name, type, ttl, values }) =>
          `${name} ${type}: '${values.from.join("', '")}' becomes '${values.to.join("', '")}' (TTL ${ttl} s), if it still is what it was`,
      ),
      `ask every authoritative server of ${zone.zone} until those that answer agree, ${zone.waitMs / 1000} s at most`,
    ],
    check: async () => (await Promise.all(zone.records.map((record) => standing(zone, record)))).every((stand) => stand === 'to'),
    async apply() {
      await updateZone(zone);
      const agreed = await agreement(zone, signal);
      findings = agreed.findings;
      return findings;
    },
    verify: async () => (await agreement(zone, signal)).evidence,
  };
}

function releaseStep({ to }: PromoteOptions, { run }: SwitchHead): Step {
  const place = (memory: Memory): QueuePlace => memory['there'] as QueuePlace;
  return {
    id: 'release',
    title: 'deliver the moved queue',
    plan: [`on ${to.name}: put the moved messages into the queue, once, and have them delivered; what was on hold stays on hold`],
    once: true,
    remember: async () => {
      const there = await queuePlace(to, run);
      return { there, messages: await messagesAside(to, there) };
    },
    check: (memory) => isReleased(to, place(memory)),
    apply: (memory) => release(to, place(memory)),
    async verify(memory) {
      if (!(await isReleased(to, place(memory))))
        throw new MailrecoverError('failed', `some of the queue still lies in ${place(memory).aside}`);
      return [`${String(memory['messages'])} messages are in the queue of ${to.name}`];
    },
  };
}

function proofStep({ proof, to, signal }: PromoteOptions): Step {
  const options = proof as NonNullable<typeof proof>;
  let evidence: string[] = [];
  return {
    id: 'proof',
    title: 'prove it with a real message',
    plan: [
      `send a message to ${options.to} through ${options.smtp.host}:${options.smtp.port}, and fetch it from ${options.imap.host}:${options.imap.port}`,
    ],
    once: true,
    check: async () => false,
    async apply() {
      evidence = await prove(options, signal);
    },
    verify: async () => [...evidence, `${to.name} serves`],
  };
}

function settleStep({ to, target, queue }: PromoteOptions, claim: Claim, { head, recall }: StepContext): Step {
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
