/** Who serves, by all who can be asked: the repository, the other host, and what this one remembers. */
import { now } from '../../system/clock.ts';
import type { EpochState } from '../epoch.ts';
import type { SureEpoch } from '../sure-epoch.ts';
import type { Serves } from './memory.ts';

/** What the other host says. */
export interface Told {
  serves: Serves;
  /** It read that in the repository just now; else it remembers it. */
  isSure: boolean;
  /** Its mail services run. */
  runs: boolean;
}

export interface Known {
  /** This host, the other one, and everybody else who may serve; by their names in the configuration. */
  me: string;
  other: string;
  services: readonly string[];
  /** Who serves where there never was a switch. */
  primary: string;
  /** The newest that this host knows by itself. */
  memory: Serves | undefined;
  /** The epoch by which it was made the one that serves since it booted. */
  promoted: number | undefined;
}

/**
 * - `here`: this host serves, or nobody has ever taken its place
 * - `other`: another one does, which is proved
 * - `switching`: a switch is under way, which may still be taken back
 * - `silent`: nobody can say
 */
export type Verdict =
  | { kind: 'here'; epoch: number; by: string }
  | { kind: 'other'; serves: Serves; by: string; isRemembered?: true }
  | { kind: 'switching'; why: string }
  | { kind: 'silent'; why: string };

/** A switch whose new host was told to start and did not come that far is taken back well before. */
const STARTING_MS = 5 * 60_000;

/** What the repository alone says. */
export function byRepository(answer: SureEpoch | undefined, known: Known): Verdict {
  const { me, other, services, primary, memory } = known;
  if (answer === undefined) return { kind: 'silent', why: 'the repository does not answer' };
  if ('problem' in answer) return { kind: 'silent', why: answer.problem };
  const { state } = answer;
  const { active = primary, activeEpoch, open } = state;
  if (memory !== undefined && activeEpoch < memory.epoch)
    return { kind: 'silent', why: `the repository says epoch ${activeEpoch}, and '${memory.host}' serves since epoch ${memory.epoch}` };
  if (open?.stage === 'fence' && open.from === me)
    return { kind: 'switching', why: `'${open.host}' is about to take the place of '${me}'` };
  // Without any switch nobody has taken the place of anybody.
  if (active === me || activeEpoch === 0) return { kind: 'here', epoch: activeEpoch, by: 'the repository' };
  if (active !== other && !services.includes(active))
    return { kind: 'silent', why: `'${active}' serves, and is neither of the two hosts in the configuration` };
  if (isStarting(state)) return { kind: 'switching', why: `a switch to '${active}' is not finished` };
  return { kind: 'other', serves: { epoch: activeEpoch, host: active }, by: 'the repository' };
}

/** Whether a host was told to serve a moment ago, and may not do so yet. */
export function isStarting({ open }: EpochState): boolean {
  return open?.stage === 'active' && Math.abs(now() - Date.parse(open.since)) < STARTING_MS;
}

/** What all say together, where the repository alone does not settle it; `told` is absent where the other host can't be asked. */
export function byAll(first: Verdict, told: Told | undefined, { me, other, services, memory, promoted }: Known): Verdict {
  if (first.kind === 'here' || first.kind === 'other') return first;
  const known = Math.max(memory?.epoch ?? 0, promoted ?? 0);
  // A name that the configuration of one of the two does not know is a mistake, and may well stand for this host.
  const isNamed = told !== undefined && [me, other, ...services].includes(told.serves.host);
  if (isNamed && told.serves.epoch > 0 && told.serves.epoch >= known) {
    const { serves } = told;
    const says = `'${other}'`;
    if (serves.host === me && told.isSure && first.kind === 'silent') return { kind: 'here', epoch: serves.epoch, by: says };
    // What it only remembers of another one may have been taken back since.
    if (serves.host !== me && (told.runs || (first.kind === 'silent' && (told.isSure || serves.host === other))))
      return { kind: 'other', serves, by: says };
  }
  if (first.kind === 'switching') return first;
  if (promoted !== undefined && promoted === known) return { kind: 'here', epoch: promoted, by: 'the switch to this host' };
  if (memory !== undefined && memory.host !== me)
    return { kind: 'other', serves: memory, by: 'what this host remembers', isRemembered: true };
  return first;
}
