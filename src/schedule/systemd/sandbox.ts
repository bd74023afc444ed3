/** What a service may do, in the settings of systemd.exec(5): as little as its command needs. */
import { systemdPath } from '../quote.ts';

/** What a command does, as far as it decides what it must be let do. */
export type Profile = 'backup' | 'read' | 'prove' | 'any';

const PROFILES: Readonly<Record<string, Profile>> = {
  backup: 'backup',
  watch: 'backup',
  check: 'read',
  status: 'read',
  metrics: 'read',
  history: 'read',
  report: 'read',
  notify: 'read',
  auth: 'read',
  links: 'read',
  verify: 'prove',
};

export function profileOf(command: string): Profile {
  return PROFILES[command] ?? 'any';
}

export interface SandboxOptions {
  profile: Profile;
  /** The local state: written by everything. */
  state: string;
  /** The directory of the repository; undefined where it is not on this host. */
  repository: string | undefined;
  /** Directories of copies, which `copy` writes. */
  copies: readonly string[];
  /** What else is read: the program, its configuration, mail. */
  reads: readonly string[];
  /** Runs as root. */
  root: boolean;
  /** Does not run as root, and reads mail that belongs to others. */
  readsAll: boolean;
  /** Root owns the state and the repository, so that it may write there without being let to override permissions. */
  rootOwns: boolean;
}

/**
 * Reading everybody's mail takes CAP_DAC_READ_SEARCH and nothing more. A proof sets owners, and starts a Dovecot that changes its user and confines itself.
 * Commands of other kinds may run hooks and dump commands.
 */
const CAPABILITIES: Readonly<Record<Profile, readonly string[]>> = {
  backup: ['CAP_DAC_READ_SEARCH'],
  read: ['CAP_DAC_READ_SEARCH'],
  prove: [
    'CAP_DAC_READ_SEARCH',
    'CAP_DAC_OVERRIDE',
    'CAP_CHOWN',
    'CAP_FOWNER',
    'CAP_FSETID',
    'CAP_SETUID',
    'CAP_SETGID',
    'CAP_SYS_CHROOT',
    'CAP_KILL',
  ],
  any: ['CAP_DAC_READ_SEARCH', 'CAP_DAC_OVERRIDE', 'CAP_CHOWN', 'CAP_FOWNER', 'CAP_SETUID', 'CAP_SETGID', 'CAP_KILL'],
};

/** The lines of `[Service]` that confine it. Node makes code while it runs, so memory that is written and executed stays allowed. */
export function sandbox(options: SandboxOptions): string[] {
  const { profile, state, repository, copies, reads, root, rootOwns, readsAll } = options;
  const repositories = [...(repository === undefined ? [] : [repository]), ...(profile === 'any' ? copies : [])];
  const writable = [state, ...(profile === 'read' || profile === 'prove' ? [] : repositories)];
  const used = [...writable, ...repositories, ...copies, ...reads];
  const lies = (...roots: string[]): boolean => used.some((path) => roots.some((top) => path === top || path.startsWith(`${top}/`)));
  const capabilities = root ? new Set(CAPABILITIES[profile]) : new Set(readsAll ? ['CAP_DAC_READ_SEARCH'] : []);
  if (root && !rootOwns) capabilities.add('CAP_DAC_OVERRIDE');
  const prove = profile === 'prove';
  return [
    'ProtectSystem=strict',
    // The minus lets a path be missing: without it, systemd could not even start the program that says so.
    `ReadWritePaths=${writable
      .map((path) => `-${path}`)
      .map(systemdPath)
      .join(' ')}`,
    `ProtectHome=${lies('/home', '/root', '/run/user') ? 'read-only' : 'yes'}`,
    // What lies below /tmp would be hidden.
    `PrivateTmp=${lies('/tmp', '/var/tmp') ? 'no' : 'yes'}`,
    'NoNewPrivileges=yes',
    `CapabilityBoundingSet=${[...capabilities].join(' ')}`,
    `AmbientCapabilities=${!root && readsAll ? 'CAP_DAC_READ_SEARCH' : ''}`,
    'PrivateDevices=yes',
    'ProtectClock=yes',
    'ProtectHostname=yes',
    'ProtectKernelLogs=yes',
    'ProtectKernelModules=yes',
    'ProtectKernelTunables=yes',
    'ProtectControlGroups=yes',
    'RestrictNamespaces=yes',
    'RestrictRealtime=yes',
    'RestrictSUIDSGID=yes',
    'LockPersonality=yes',
    'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
    'SystemCallArchitectures=native',
    `SystemCallFilter=@system-service${prove ? ' chroot' : ''}`,
    'SystemCallErrorNumber=EPERM',
    'UMask=0077',
  ];
}
