import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { placeOf } from './from-config.ts';
import { reasonOf } from './care.ts';
import { REPOSITORY } from './shared.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'unlock',
  summary: 'show who locks the repository, and remove locks that are stale',
  description: [
    'forget, prune, erase, copy and those that decide about a repository lock it; backups and restores do not. A lock names its host, process and command. It is stale when its process on this host is dead, or when its counter stood still for two of its periods (30 s) while this command watched. Stale locks are removed; others only with --force and a reason. The holder of a lock that was taken away stops before it removes anything more.',
  ],
  arguments: {},
  options: {
    force: { kind: 'flag', description: 'remove locks whose holders seem to be alive, too' },
    reason: { kind: 'text', value: 'TEXT', description: 'with --force: why' },
    dryRun: { kind: 'flag', description: 'only show them' },
    ...REPOSITORY,
  },
  examples: [
    { command: 'mailrecover unlock --dry-run', says: 'See who holds the lock.' },
    { command: 'mailrecover unlock', says: 'Remove what a host that died left.' },
  ],
  exitCodes: {
    0: 'no lock is left',
    1: 'a lock could not be removed',
    10: 'there is no repository there',
    11: 'a lock is held by somebody who is alive',
  },
  json: {
    'locks[].{path,state,because}': 'each lock, alive or stale, and why it counts as that',
    'locks[].{host,machine,pid,what,since}': 'who holds it',
    'locks[].removed': 'whether it was removed',
    'counts.removed': 'how many were removed',
  },
  recordsHistory: true,
  async run(context, _args, options): Promise<CommandResult> {
    const place = await placeOf(context, options);
    const reason = options.force ? reasonOf(options.reason) : undefined;
    const [{ openRepository }, { listLocks, judgeLocks, describeHolder }] = await Promise.all([
      import('../repository/repository.ts'),
      import('../repository/care/lock.ts'),
    ]);
    await openRepository(place.target);
    context.progress.phase('looking whether locks are alive');
    const locks = await judgeLocks(place.target, await listLocks(place.target));
    const findings: Finding[] = [];
    const rows: Record<string, unknown>[] = [];
    for (const lock of locks) {
      const removed = !options.dryRun && (lock.state === 'stale' || reason !== undefined);
      if (removed) await place.target.remove(lock.path);
      const { holder, path, state, because } = lock;
      const { host, machine, pid, what, since } = holder ?? {};
      rows.push({ path, state, because, host, machine, pid, what, since, removed });
      if (removed && state === 'alive')
        findings.push({
          severity: 'warning',
          code: 'lock-forced',
          message: `a lock of ${describeHolder(lock)} was taken away: ${reason ?? ''}`,
          subject: path,
        });
    }
    const alive = locks.find(({ state }) => state === 'alive');
    if (alive !== undefined && reason === undefined && !options.dryRun)
      throw new MailrecoverError('locked', `the repository is locked by ${describeHolder(alive)}: ${alive.because}`, {
        hint: 'wait until it has ended; if you are sure that it is not at work: mailrecover unlock --force --reason TEXT',
        subject: alive.path,
      });
    return {
      outcome: findings.length > 0 ? 'warning' : 'ok',
      counts: { locks: locks.length, removed: rows.filter(({ removed }) => removed === true).length },
      findings,
      fields: { locks: rows },
      render: (text) =>
        locks.length === 0
          ? text.say`the repository is not locked`
          : text.table(
              locks.map((lock, index) => [
                lock.state === 'stale' ? text.yellow(text.say`stale`) : text.green(text.say`alive`),
                describeHolder(lock),
                lock.because,
                rows[index]?.['removed'] === true ? text.say`removed` : '',
              ]),
            ),
    };
  },
});
