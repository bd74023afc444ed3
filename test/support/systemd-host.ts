/** A host that real systemd runs: a container on an overlay of this one's root, which is not changed. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from './binary.ts';
import { missing, run } from './host.ts';
import { keepTrack, undo, type Leftover } from './leave.ts';
import { makeScratch } from './tmp.ts';

/** Where this checkout lies on such a host. */
export const PROGRAM = '/opt/mailrecover/bin/mailrecover';

export interface SystemdHost {
  /** Runs a command on it. */
  run(command: string, ...args: string[]): { code: number; out: string; err: string };
  /** The same; throws unless it exits with 0. */
  must(command: string, ...args: string[]): string;
  /** Its root, seen from here. */
  root: string;
  stop(): Promise<void>;
  /** Power loss: all of its processes are gone at once. */
  kill(): Promise<void>;
  /** Boots it again, as it lies on its disk. @throws where it does not come up */
  boot(): Promise<void>;
}

interface Started {
  child: ReturnType<typeof spawn> & { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream };
  ended: Promise<void>;
}

/** Why such a host can't be had here, or false. */
export function noSystemdHost(): string | false {
  const lacks = missing('root', 'systemd-nspawn', 'systemctl', 'mount', 'umount', 'nsenter');
  if (lacks !== false) return lacks;
  if (!existsSync('/proc/filesystems') || !/\boverlay\b/.test(readFileSync('/proc/filesystems', 'utf8')))
    return 'needs overlay file systems';
  const tried = spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']);
  return tried.status === 0 ? false : 'needs to make namespaces, which is not permitted here';
}

export interface SystemdHostOptions {
  /** A network namespace that it lives in, in place of one of its own without any network. */
  network?: string;
  /** Changes its root before it boots. */
  prepare?: (root: string) => void;
  /** Directories of this host that it may write to, by their paths. */
  binds?: readonly string[];
  /** Room for what it writes, as mount(8) takes it; 400M by default. */
  room?: string;
}

/** Boots one. @throws where it does not come up: the caller may skip what needs it */
export async function bootSystemd(name: string, options: SystemdHostOptions = {}): Promise<SystemdHost> {
  const base = makeScratch(name);
  const upper = join(base.path, 'upper');
  const root = join(base.path, 'root');
  mkdirSync(upper);
  mkdirSync(root);
  run('mount', ['-t', 'tmpfs', '-o', `size=${options.room ?? '400M'}`, 'tmpfs', upper]);
  keepTrack(mounted(upper));
  mkdirSync(join(upper, 'u'));
  mkdirSync(join(upper, 'w'));
  run('mount', ['-t', 'overlay', 'overlay', '-o', `lowerdir=/,upperdir=${join(upper, 'u')},workdir=${join(upper, 'w')}`, root]);
  keepTrack(mounted(root));
  writeFileSync(join(root, 'etc/machine-id'), '');
  for (const entry of readdirSync(join(root, 'etc/systemd/system')))
    if (entry.endsWith('.wants') || entry.startsWith('mailrecover')) rmSync(join(root, 'etc/systemd/system', entry), { recursive: true });
  // What this host has of its own in these places is not there.
  for (const path of ['opt/mailrecover', 'var/lib/mailrecover', 'etc/mailrecover', 'srv', 'var/vmail']) {
    rmSync(join(root, path), { recursive: true, force: true });
    mkdirSync(join(root, path), { recursive: true });
  }
  options.prepare?.(root);
  const modules = realpathSync(join(ROOT, 'node_modules'));
  const binds = [`--bind-ro=${ROOT}:/opt/mailrecover`, ...(modules.startsWith(`${ROOT}/`) ? [] : [`--bind-ro=${modules}`])];
  let said = '';
  const group = controlGroup(basename(base.path));
  const start = (): Started => {
    const child = spawn(
      'sh',
      [
        '-c',
        // The shell goes into the group and becomes what it starts.
        'if [ -n "$0" ]; then echo $$ >"$0/cgroup.procs"; fi; exec "$@"',
        group,
        'systemd-nspawn',
        '--quiet',
        '--register=no',
        '--keep-unit',
        '-D',
        root,
        `--machine=${name}`,
        ...(options.network === undefined
          ? ['--private-network']
          : [`--network-namespace-path=/run/netns/${options.network}`, '--capability=CAP_NET_ADMIN,CAP_NET_RAW']),
        ...(options.binds ?? []).map((path) => `--bind=${path}`),
        '--link-journal=no',
        '--resolv-conf=off',
        '--timezone=off',
        '--console=pipe',
        ...binds,
        '-b',
        'systemd.unit=multi-user.target',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)));
    return { child, ended: new Promise((resolve) => child.once('exit', () => resolve())) };
  };
  let { child, ended } = start();
  const kill = (): void => {
    const init = initOf(child.pid);
    for (const pid of [init, child.pid]) {
      try {
        if (pid !== undefined) process.kill(pid, 'SIGKILL');
      } catch {
        // it is gone
      }
    }
  };
  const container: Leftover = keepTrack({
    path: join(root, '.container'),
    undo: async () => {
      kill();
      await ended;
    },
    undoNow: kill,
  });
  const stop = async (): Promise<void> => {
    await undo(container);
    await undo(base);
  };
  const isUp = async (): Promise<boolean> => {
    for (let attempt = 0; attempt < 600; attempt++) {
      if (child.exitCode !== null) return false;
      if (initOf(child.pid) !== undefined && /^(?:running|degraded)/.test(host.run('systemctl', 'is-system-running').out)) return true;
      await sleep(100);
    }
    return false;
  };
  const host: SystemdHost = {
    root,
    stop,
    async kill() {
      kill();
      await ended;
    },
    async boot() {
      ({ child, ended } = start());
      if (!(await isUp())) throw new Error(`systemd did not come up again: ${said}`);
    },
    run(command, ...args) {
      const pid = initOf(child.pid);
      if (pid === undefined) throw new Error(`the host is down: ${said}`);
      const ran = spawnSync('nsenter', ['-t', String(pid), '-m', '-u', '-i', '-n', '-p', '--', command, ...args], {
        encoding: 'utf8',
        env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', SYSTEMD_PAGER: '', HOME: '/root' },
        cwd: '/',
      });
      return { code: ran.status ?? -1, out: ran.stdout, err: ran.stderr };
    },
    must(command, ...args) {
      const { code, out, err } = host.run(command, ...args);
      if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${code}\n${out}${err}`);
      return out;
    },
  };
  if (await isUp()) return host;
  await stop();
  throw new Error(`systemd did not come up: ${said}`);
}

/**
 * Makes a control group for one container: systemd in it ends what is left of a unit by the unit's group, and two containers that share
 * one see processes there that are not theirs.
 * @returns where it lies, or nothing where there can't be one
 */
function controlGroup(name: string): string {
  const hierarchy = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup'].find((path) => existsSync(join(path, 'cgroup.procs')));
  if (hierarchy === undefined) return '';
  const path = join(hierarchy, name);
  try {
    mkdirSync(path);
  } catch {
    return '';
  }
  const remove = (): void => removeGroup(path);
  keepTrack({ path, undo: remove, undoNow: remove });
  return path;
}

/** Groups are removed one by one, the innermost first; what still holds a process stays. */
function removeGroup(path: string): void {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) removeGroup(join(path, entry.name));
    rmdirSync(path);
  } catch {
    // it goes with the host
  }
}

/** The container's first process, a child of nspawn. */
function initOf(nspawn: number | undefined): number | undefined {
  try {
    const children = readFileSync(`/proc/${nspawn}/task/${nspawn}/children`, 'utf8').trim().split(' ');
    const last = Number(children.at(-1));
    return last > 0 && readFileSync(`/proc/${last}/comm`, 'utf8').trim() === 'systemd' ? last : undefined;
  } catch {
    return undefined;
  }
}

function mounted(path: string): Leftover {
  const unmount = (): void => void spawnSync('umount', ['-l', path]);
  return { path, undo: unmount, undoNow: unmount };
}
