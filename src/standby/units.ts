/** systemd's units on one of the hosts. */
import { MailrecoverError } from '../errors/error.ts';
import { sleep } from '../system/clock.ts';
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
/** How often, and how far apart, it is looked whether a process went that was told to. */
const LOOKS = 15;
const LOOK_MS = 200;
/** systemd's own control group, at the root of all that it manages. */
const INIT_GROUP = '/init.scope';

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
  await stopUnits(host, there);
}

/**
 * Stops units, and whatever goes on without them.
 * @throws MailrecoverError `failed` where a process can't be ended
 */
export async function stopUnits(host: Remote, units: readonly string[]): Promise<void> {
  // Instances are named, so that they are waited for: the unit that holds them together is gone at once.
  const all = withInstances(units);
  await host.run(['systemctl', 'stop', '--', ...all], { seconds: STOP_SECONDS });
  // A session that is in the middle of a command may finish it.
  let left = await leftOf(host, all);
  for (const signal of ['TERM', 'KILL']) {
    // Those that went meanwhile can't be told anything.
    if (left.length > 0) await host.run(['kill', `-${signal}`, ...left.map(({ pid }) => pid)], { ok: 'any' });
    for (let looked = 0; left.length > 0 && looked < LOOKS; looked++) {
      await sleep(LOOK_MS);
      left = await leftOf(host, all);
    }
  }
  const [last] = left;
  if (last === undefined) return;
  const { pid, unit } = last;
  throw new MailrecoverError('failed', `process ${pid} of ${unit} on '${host.name}' does not end, though the unit is stopped`, {
    hint: `it may still write mail: see what it does there (ps -fp ${pid})`,
    subject: host.name,
  });
}

/**
 * Processes of units that do not run any more. A session of Dovecot's lives on without its master, serves whoever is connected to it and writes mail, where
 * systemd did not end it: with `KillMode=process` or `none` (systemd.kill(5)), and in a container whose control groups hold what is not its own.
 */
export async function leftOf(host: Remote, units: readonly string[]): Promise<{ pid: string; unit: string }[]> {
  const { stdout } = await host.run(['ps', '-e', '-ww', '-o', 'pid=,stat=,cgroup=']);
  const processes = stdout.split('\n').map((line) => {
    const [pid = '', state = '', groups = ''] = line.trim().split(/\s+/);
    // `9:name=systemd:/system.slice/x.service,8:cpu,cpuacct:/`, or `0::/system.slice/x.service` (cgroups(7)).
    const paths = groups.split(',').map((group) => group.slice(group.lastIndexOf(':') + 1));
    return { pid, state, paths };
  });
  // Where this host's own groups begin: in a container that is told all of it not at the top.
  const roots = (processes.find(({ pid }) => pid === '1')?.paths ?? [])
    .filter((path) => path.endsWith(INIT_GROUP))
    .map((path) => path.slice(0, -INIT_GROUP.length));
  const unitAt = (path: string): string | undefined =>
    roots
      .filter((root) => path.startsWith(`${root}/`))
      .map((root) => unitOf(path.slice(root.length + 1)))
      .find((unit) => unit !== undefined && units.includes(unit));
  return processes.flatMap(({ pid, state, paths }) => {
    const unit = paths.map(unitAt).find((each) => each !== undefined);
    return unit === undefined || state.startsWith('Z') ? [] : [{ pid, unit }];
  });
}

/** The unit of a group below slices alone: a mail server in a container of this host's has one that is called the same, further down. */
function unitOf(path: string): string | undefined {
  return path.split('/').find((part) => !part.endsWith('.slice'));
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
