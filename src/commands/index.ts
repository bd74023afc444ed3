import type { AnyCommand } from './types.ts';

/** The commands of mailrecover. */
export const registry = createRegistry({
  init: async () => (await import('./init.ts')).default,
  backup: async () => (await import('./backup.ts')).default,
  watch: async () => (await import('./watch.ts')).default,
  snapshots: async () => (await import('./snapshots.ts')).default,
  ls: async () => (await import('./ls.ts')).default,
  find: async () => (await import('./find.ts')).default,
  diff: async () => (await import('./diff.ts')).default,
  cat: async () => (await import('./cat.ts')).default,
  export: async () => (await import('./export.ts')).default,
  restore: async () => (await import('./restore.ts')).default,
  undo: async () => (await import('./undo.ts')).default,
  verify: async () => (await import('./verify.ts')).default,
  check: async () => (await import('./check.ts')).default,
  forget: async () => (await import('./forget.ts')).default,
  prune: async () => (await import('./prune.ts')).default,
  erase: async () => (await import('./erase.ts')).default,
  copy: async () => (await import('./copy.ts')).default,
  unlock: async () => (await import('./unlock.ts')).default,
  'hold add': async () => (await import('./hold-add.ts')).default,
  'hold release': async () => (await import('./hold-release.ts')).default,
  'hold list': async () => (await import('./hold-list.ts')).default,
  approve: async () => (await import('./approve.ts')).default,
  'key add': async () => (await import('./key-add.ts')).default,
  'key revoke': async () => (await import('./key-revoke.ts')).default,
  'key confirm': async () => (await import('./key-confirm.ts')).default,
  'recover-script': async () => (await import('./recover-script.ts')).default,
  'schedule show': async () => (await import('./schedule-show.ts')).default,
  'schedule next': async () => (await import('./schedule-next.ts')).default,
  'schedule install': async () => (await import('./schedule-install.ts')).default,
  'schedule remove': async () => (await import('./schedule-remove.ts')).default,
  'schedule failed': async () => (await import('./schedule-failed.ts')).default,
  status: async () => (await import('./status.ts')).default,
  report: async () => (await import('./report.ts')).default,
  metrics: async () => (await import('./metrics.ts')).default,
  history: async () => (await import('./history.ts')).default,
  'auth login': async () => (await import('./auth-login.ts')).default,
  'auth status': async () => (await import('./auth-status.ts')).default,
  'auth test': async () => (await import('./auth-test.ts')).default,
  'auth token': async () => (await import('./auth-token.ts')).default,
  'auth refresh': async () => (await import('./auth-refresh.ts')).default,
  'notify test': async () => (await import('./notify-test.ts')).default,
  'notify status': async () => (await import('./notify-status.ts')).default,
  'notify flush': async () => (await import('./notify-flush.ts')).default,
  'links create': async () => (await import('./links-create.ts')).default,
  'links list': async () => (await import('./links-list.ts')).default,
  'links revoke': async () => (await import('./links-revoke.ts')).default,
  'links expire': async () => (await import('./links-expire.ts')).default,
  'standby status': async () => (await import('./standby-status.ts')).default,
  'standby promote': async () => (await import('./standby-promote.ts')).default,
  'standby prepare': async () => (await import('./standby-prepare.ts')).default,
  'standby rehearse': async () => (await import('./standby-rehearse.ts')).default,
  'standby sync': async () => (await import('./standby-sync.ts')).default,
  'standby failback': async () => (await import('./standby-failback.ts')).default,
  'standby settle': async () => (await import('./standby-settle.ts')).default,
  'standby guard': async () => (await import('./standby-guard.ts')).default,
  'standby lease': async () => (await import('./standby-lease.ts')).default,
  'standby ledger': async () => (await import('./standby-ledger.ts')).default,
  'standby fill': async () => (await import('./standby-fill.ts')).default,
  'standby serve': async () => (await import('./standby-serve.ts')).default,
  'drill list': async () => (await import('./drill-list.ts')).default,
  'drill run': async () => (await import('./drill-run.ts')).default,
  'drill report': async () => (await import('./drill-report.ts')).default,
  'config check': async () => (await import('./config-check.ts')).default,
  completion: async () => (await import('./completion.ts')).default,
});

/** The commands of a program, by name. */
export interface Registry {
  /** All names, in the order in which help shows them; one below a group has two words. */
  names(): string[];
  /** The command of that name, or undefined. Loading one loads no other, and no engine. */
  load(name: string): Promise<AnyCommand | undefined>;
  /** All commands, for help, completion and documentation. */
  loadAll(): Promise<AnyCommand[]>;
}

export function createRegistry(commands: Readonly<Record<string, () => Promise<AnyCommand>>>): Registry {
  return {
    names: () => Object.keys(commands),
    load: async (name) => (Object.hasOwn(commands, name) ? commands[name]?.() : undefined),
    loadAll: () => Promise.all(Object.values(commands).map((load) => load())),
  };
}
