/** What keeps each of the two hosts from serving when it comes back after a switch away from it. */
import type { Config } from '../../config/schema.ts';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { Remote } from '../../standby/remote.ts';
import type { TextHelpers } from '../types.ts';
import { hostNamed } from './pair.ts';

export interface Guarded {
  host: string;
  /** Undefined where nobody knows: it can't be asked, or systemd does not run it. */
  by: 'guard' | 'lease' | 'nothing' | undefined;
  /** Since when its guard has its mail stopped, since another host serves; UTC. */
  stoppedAt: string | undefined;
  /** Why its guard does not start its mail yet. */
  held: string | undefined;
}

const UNKNOWN = { by: undefined, stoppedAt: undefined, held: undefined };

/** @param silent hosts that did not answer, and are not asked again */
export async function guardsOf(config: Config, hosts: readonly Remote[], silent: readonly Remote[] = []): Promise<Guarded[]> {
  return Promise.all(
    hosts.map(async (host) =>
      silent.includes(host) ? { host: host.name, ...UNKNOWN } : guardOf(host, hostNamed(config, host.name).state ?? config.state),
    ),
  );
}

async function guardOf(host: Remote, state: string): Promise<Guarded> {
  const [{ hasSystemd, unitStates }, { LEASE_UNIT }, { WATCH_TIMER }, { readGuardOn }] = await Promise.all([
    import('../../standby/units.ts'),
    import('../../standby/lease/units.ts'),
    import('../../standby/guard/units.ts'),
    import('../../standby/guard/memory.ts'),
  ]);
  const unknown = { host: host.name, ...UNKNOWN };
  try {
    if (!(await hasSystemd(host))) return unknown;
    const there = (await unitStates(host, [LEASE_UNIT, WATCH_TIMER])).filter(({ file }) => file === 'enabled').map(({ unit }) => unit);
    const by = there.includes(LEASE_UNIT) ? 'lease' : there.includes(WATCH_TIMER) ? 'guard' : 'nothing';
    const guard = there.includes(WATCH_TIMER) ? await readGuardOn(host, state) : undefined;
    return { host: host.name, by, stoppedAt: guard?.stoppedAt, held: guard?.held?.why };
  } catch (error) {
    if (error instanceof MailrecoverError) return unknown;
    throw error;
  }
}

/** Hosts that would serve as soon as they boot, whoever serves by then. */
export function unguarded(guards: readonly Guarded[]): Finding[] {
  const hosts = guards.filter(({ by }) => by === 'nothing').map(({ host }) => host);
  if (hosts.length === 0) return [];
  return [
    {
      severity: 'warning',
      code: 'no-guard',
      message: `nothing keeps ${hosts.map((host) => `'${host}'`).join(' and ')} from serving again at the next boot after a switch away from a dead host`,
      hint: 'there: mailrecover standby guard --install',
      subject: hosts[0] ?? '',
    },
  ];
}

/** Mail that does not start on the host that serves by the epoch. */
export function heldBack(guards: readonly Guarded[], active: string): Finding[] {
  return guards.flatMap(({ host, held }): Finding[] =>
    held === undefined || host !== active
      ? []
      : [
          {
            severity: 'error',
            code: 'mail-held',
            message: `mail on '${host}' waits, since its guard could ask nobody: ${held}`,
            hint: `see what it says, on '${host}': mailrecover standby guard`,
            subject: host,
          },
        ],
  );
}

export function shownGuards(guards: readonly Guarded[], text: TextHelpers): string {
  return guards
    .map(({ host, by, stoppedAt, held }) => {
      const what = { guard: text.say`guard`, lease: text.say`lease`, nothing: text.yellow(text.say`nothing`) };
      const since =
        held !== undefined ? text.say`, holds mail back` : stoppedAt !== undefined ? text.say`, stopped mail ${text.ago(stoppedAt)}` : '';
      return `${host}: ${by === undefined ? text.say`nobody knows` : what[by]}${since}`;
    })
    .join('; ');
}
