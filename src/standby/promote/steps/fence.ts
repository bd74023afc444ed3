import { MailrecoverError } from '../../../errors/error.ts';
import { attestationFence } from '../../fences/attestation.ts';
import { commandFence } from '../../fences/command.ts';
import type { Fence } from '../../fences/fence.ts';
import { leaseFence } from '../../fences/lease.ts';
import { nftFence } from '../../fences/nft.ts';
import { sshFence } from '../../fences/ssh.ts';
import { sleep } from '../../../system/clock.ts';
import type { Claim } from '../../epoch.ts';
import type { Memory } from '../../journal.ts';
import { openPorts } from '../../reach.ts';
import { runs, unitStates } from '../../units.ts';
import { hasAddress } from '../../vip.ts';
import type { FenceOptions, PromoteOptions } from '../options.ts';
import type { Step } from '../step.ts';

interface FenceMemory extends Memory {
  ran: string[];
  masked: string[];
  vip: boolean;
}

/** How the old host was, where nothing is known of it. */
const NOTHING: FenceMemory = { ran: [], masked: [], vip: false };

/** The fences that fit: while the old host's mail is still to be read, none that switches it off. */
export function fencesOf(options: PromoteOptions, claim: Claim, reachable: boolean, memory: Memory = NOTHING): Fence[] {
  const { from, here, services, stopAlso, vip, attested, target, signal } = options;
  const before = { ...NOTHING, ...memory };
  const one = (fence: FenceOptions): Fence => {
    const { kind, name, seconds, off = [], status = [], expect = '', on } = fence;
    if (kind === 'command') return commandFence({ name, here, host: from.name, off, status, expect, on, seconds });
    if (kind === 'lease') return leaseFence({ name, target, claim, signal });
    if (kind === 'nft') return nftFence(name, from);
    if (kind === 'attestation') return attestationFence(name, from.name, attested);
    return sshFence({ name, host: from, services, also: stopAlso, vip, before });
  };
  const fences = options.fences.map(one);
  // What was said on the command line needs no entry in the configuration.
  if (attested !== undefined && !options.fences.some(({ kind }) => kind === 'attestation'))
    fences.push(attestationFence('attestation', from.name, attested));
  if (reachable) return fences.filter(({ keepsHost, grade }) => keepsHost && grade !== 'C');
  // What needs the help of a host that was silent a moment ago comes last: waiting for it costs time in which nobody takes mail; and after it what takes minutes.
  const rank = ({ waits, keepsHost, grade }: Fence): number => (waits === true ? 2 : keepsHost && grade !== 'C' ? 1 : 0);
  return fences.toSorted((a, b) => rank(a) - rank(b));
}

const TRIES = 10;
/** A kernel answers at once, however busy its host is; one that is off never does. */
const SILENT_MS = 1000;

/** A host that was told to go off takes a moment to say that it is. */
async function patientEvidence(fence: Fence, signal: AbortSignal): Promise<string[] | undefined> {
  for (let tried = 1; ; tried++) {
    const evidence = await fence.evidence();
    if (evidence !== undefined || tried === TRIES || fence.grade === 'C') return evidence;
    await sleep(1000, signal);
    signal.throwIfAborted();
  }
}

/**
 * Fences the old host. Where it can be reached all of its fences are used, and its services must be stopped, since its mail is read and its queue moved; else they are tried in their order,
 * those that need its help last, until one brings evidence.
 */
export function fenceStep(options: PromoteOptions, claim: Claim, reachable: boolean, afterwards: () => Promise<void>): Step {
  const { from, services, stopAlso, vip } = options;
  const units = [...stopAlso, ...services];
  let proved: { fence: Fence; evidence: string[] }[] = [];
  const look = async (memory: Memory): Promise<void> => {
    proved = [];
    for (const fence of fencesOf(options, claim, reachable, memory)) {
      const evidence = await fence.evidence().catch((error: unknown) => {
        if (error instanceof MailrecoverError && !reachable) return undefined;
        throw error;
      });
      if (evidence !== undefined) proved.push({ fence, evidence });
    }
  };
  const fences = fencesOf(options, claim, reachable);
  return {
    id: 'fence',
    title: `fence ${from.name}`,
    plan: [
      ...fences.flatMap(({ plan, grade, name }) => plan.map((line) => `${line} [${name}, grade ${grade}]`)),
      ...(reachable
        ? [`see from here that no mail port of ${from.address} answers any more`]
        : ['the first of these that brings evidence is enough; a host that is silent is no evidence']),
    ],
    undo: `what was stopped on ${from.name} is started again`,
    async remember() {
      if (!reachable) return { ...NOTHING };
      const states = (await unitStates(from, units)).filter(({ load }) => load !== 'not-found');
      return {
        ran: states.filter(runs).map(({ unit }) => unit),
        masked: states.filter(({ load }) => load === 'masked').map(({ unit }) => unit),
        vip: vip !== undefined && (await hasAddress(from, vip)),
      } satisfies FenceMemory;
    },
    async check(memory, wasDone) {
      // What follows a fence may be missing where it was cut off.
      if (!wasDone) return false;
      await look(memory);
      return reachable ? proved.length === fences.length && fences.length > 0 : proved.length > 0;
    },
    async apply(memory) {
      const problems: string[] = [];
      proved = [];
      for (const fence of fencesOf(options, claim, reachable, memory)) {
        try {
          await fence.fence();
          const evidence = await patientEvidence(fence, options.signal);
          if (evidence !== undefined) proved.push({ fence, evidence });
          // One is enough where the host can't be asked: each try costs time that mail waits.
          if (!reachable && evidence !== undefined) break;
        } catch (error) {
          if (!(error instanceof MailrecoverError) || reachable) throw error;
          problems.push(`${fence.name}: ${error.message}`);
        }
      }
      if (proved.length === 0)
        throw new MailrecoverError(
          'refused',
          `nothing proves that '${from.name}' is off${problems.length === 0 ? '' : `: ${problems.join('; ')}`}`,
          {
            hint: `see to it that it is off, and say so: --forced --attest 'what you did, and who you are'`,
            subject: from.name,
          },
        );
      if (reachable) await afterwards();
    },
    async verify(memory) {
      if (proved.length === 0) await look(memory);
      if (proved.length === 0 || (reachable && proved.length < fences.length))
        throw new MailrecoverError('failed', `'${from.name}' is not fenced`, { subject: from.name });
      const ports = proved.some(({ fence }) => fence.grade === 'A') ? [] : await openPorts(from.address, reachable ? undefined : SILENT_MS);
      if (ports.length > 0)
        throw new MailrecoverError('refused', `port ${ports.join(', ')} of ${from.address} still answers`, {
          hint: "see what listens there: ss -ltnp; name its unit under 'standby.stopAlso'",
          subject: from.name,
        });
      return proved.flatMap(({ fence, evidence }) => evidence.map((line) => `[${fence.name}, grade ${fence.grade}] ${line}`));
    },
    async rollback(memory) {
      if (reachable) await afterwards();
      for (const fence of fencesOf(options, claim, reachable, memory).toReversed()) {
        // One that never took hold of a host that can't be reached has nothing to be taken back.
        const held = await fence.evidence().catch((error: unknown) => {
          if (error instanceof MailrecoverError && !reachable) return undefined;
          throw error;
        });
        if (reachable || held !== undefined) await fence.release();
      }
    },
  };
}
