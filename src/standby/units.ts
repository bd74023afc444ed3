/** systemd's units on one of the hosts. */
import { MailrecoverError } from '../errors/error.ts';
import type { Remote } from './remote.ts';

export interface UnitState {
  unit: string;
  /** `loaded`, `masked`, `not-found` … (systemctl(1), "LoadState") */
  load: string;
  /** `active`, `inactive`, `failed` … */
  active: string;
  /** `enabled`, `disabled`, `masked` …; empty for what has no file. */
  file: string;
  /** When it became active last, microseconds since that host booted; 0 for never. */
  activeSince: number;
}

const PROPERTIES = ['Id', 'LoadState', 'ActiveState', 'UnitFileState', 'ActiveEnterTimestampMonotonic'];
const STOP_SECONDS = 150;

/** Whether systemd runs that host (sd_booted(3)). */
export async function hasSystemd(host: Remote): Promise<boolean> {
  return (await host.run(['test', '-d', '/run/systemd/system'], { ok: [0, 1] })).exitCode === 0;
}

/** Asks systemd for units, in the order in which they were named. */
export async function unitStates(host: Remote, units: readonly string[]): Promise<UnitState[]> {
  if (units.length === 0) return [];
  const { stdout } = await host.run(['systemctl', 'show', '--property', PROPERTIES.join(','), '--', ...units]);
  const blocks = stdout.trim().split(/\n\n+/);
  if (blocks.length !== units.length)
    throw new MailrecoverError('failed', `systemd on '${host.name}' told of ${blocks.length} units where ${units.length} were asked for`, {
      subject: host.name,
    });
  return blocks.map((block, index) => {
    const values = new Map(block.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
    return {
      unit: units[index] ?? '',
      load: values.get('LoadState') ?? '',
      active: values.get('ActiveState') ?? '',
      file: values.get('UnitFileState') ?? '',
      activeSince: Number(values.get('ActiveEnterTimestampMonotonic') ?? 0),
    };
  });
}

/** `postfix.service` does nothing but hold `postfix@-.service` together, which is what runs (Debian). */
export function withInstances(units: readonly string[]): string[] {
  return units.flatMap((unit) => (unit === 'postfix.service' ? [unit, 'postfix@-.service'] : [unit]));
}

/** Whether it runs or may be about to. */
export function runs({ active }: UnitState): boolean {
  return !['inactive', 'failed'].includes(active);
}

/** Stops units and has nothing start them again, not even a boot. Units that are not there are left out. */
export async function stopAndMask(host: Remote, units: readonly string[]): Promise<void> {
  const there = (await unitStates(host, units)).filter(({ load }) => load !== 'not-found').map(({ unit }) => unit);
  if (there.length === 0) return;
  // Masked first: what is stopped may be started again by a socket or a dependency at once.
  await host.run(['systemctl', 'mask', '--', ...there]);
  // Instances are named, so that they are waited for: the unit that holds them together is gone at once.
  await host.run(['systemctl', 'stop', '--', ...withInstances(there)], { seconds: STOP_SECONDS });
}

/** Takes the masks away again. */
export async function unmask(host: Remote, units: readonly string[]): Promise<void> {
  if (units.length > 0) await host.run(['systemctl', 'unmask', '--', ...units]);
}

export async function startUnits(host: Remote, units: readonly string[]): Promise<void> {
  if (units.length === 0) return;
  await host.run(['systemctl', 'reset-failed', '--', ...units], { ok: 'any' });
  await host.run(['systemctl', 'start', '--', ...units], { seconds: STOP_SECONDS });
}

/** Those that the host starts when it boots. */
export async function enabledUnits(host: Remote, units: readonly string[]): Promise<string[]> {
  return (await unitStates(host, units)).filter(({ file }) => file === 'enabled').map(({ unit }) => unit);
}
