/** Restoring the server beside its mail, into a directory, with what a person needs to go on. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ioError } from '../../errors/error.ts';
import { displayBytes } from '../../store/bytes.ts';
import { RESERVED } from '../../store/system/types.ts';
import type { RestorePlan } from '../plan.ts';
import { restore, type RestoreOptions, type RestoreReport } from '../restore.ts';
import { compareServer, type Differences } from './compare.ts';
import { differencesText } from './differences.ts';
import { readFacts, type ServerFacts } from './facts.ts';
import { placeSystem } from './place.ts';
import { COPY_LIST, isCopied, rebuildText } from './rebuild.ts';

export const DIFFERENCES_FILE = 'DIFFERENCES.txt';
export const REBUILD_FILE = 'REBUILD.md';

export interface SystemReport extends RestoreReport {
  /** Absent for a dry run. */
  differences?: Differences;
}

/**
 * Restores the server: files by their paths, the queue on hold; and writes how it differs from this host, and in which order it is
 * built again. A run that was interrupted is taken up, as with mail.
 * @throws MailrecoverError as {@link restore}
 */
export async function restoreSystem(options: Omit<RestoreOptions, 'selection' | 'place' | 'finish' | 'onSection'>): Promise<SystemReport> {
  let differences: Differences | undefined;
  const report = await restore({
    ...options,
    selection: { part: 'system' },
    place: placeSystem,
    finish: async (plan) => {
      options.progress.phase('comparing with this host');
      const facts = readFacts(options.to);
      differences = await compareServer(options.to, plan, facts, options.signal);
      write(options, plan, facts, differences);
    },
  });
  return differences === undefined ? report : { ...report, differences };
}

function write(options: Pick<RestoreOptions, 'to' | 'snapshot'>, plan: RestorePlan, facts: ServerFacts, differences: Differences): void {
  const { to, snapshot } = options;
  const details = { snapshot: snapshot.id, time: snapshot.time };
  const texts: [string, string][] = [
    [COPY_LIST, copyList(plan, facts)],
    [DIFFERENCES_FILE, differencesText(differences, details.snapshot, details.time)],
    [REBUILD_FILE, rebuildText({ ...details, to, facts, differences, owners: ownersOf(plan), queues: queuesOf(plan) })],
  ];
  for (const [name, text] of texts) {
    try {
      // Diffs of configuration are for the administrator's eyes.
      writeFileSync(join(to, name), text, { mode: 0o600 });
    } catch (error) {
      throw ioError(error, 'write', join(to, name));
    }
  }
}

/** Paths for tar, each with a NUL behind it: directories first. */
function copyList(plan: RestorePlan, facts: ServerFacts): string {
  const isOfHost = (path: string): boolean => path !== '' && path !== RESERVED && !path.startsWith(`${RESERVED}/`);
  const files = [...plan.files.map(({ path }) => path), ...plan.links.keys()].filter(
    (path) => isOfHost(path) && isCopied(`/${displayBytes(path)}`, facts),
  );
  const parents = new Set(files.flatMap((path) => parentsOf(path)));
  // /etc, /var and their like are the new host's own; what lies deeper has its owner and mode for a reason.
  const directories = [...plan.directories.keys()].filter((path) => isOfHost(path) && path.includes('/') && parents.has(path)).sort();
  return [...directories, ...files.sort()].map((path) => `${Buffer.from(path, 'latin1').toString('utf8')}\0`).join('');
}

function parentsOf(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join('/'));
}

function ownersOf(plan: RestorePlan): Set<string> {
  const owners = new Set<string>();
  for (const { user, group } of [...plan.files, ...plan.links.values(), ...plan.directories.values()]) owners.add(user).add(group);
  return owners;
}

/** `<instance>/<queue>` with the number of files in it. */
function queuesOf(plan: RestorePlan): Map<string, number> {
  const queues = new Map<string, number>();
  for (const { path } of plan.files) {
    const [, , instance, queue] = path.startsWith(`${RESERVED}/queue/`) ? path.split('/') : [];
    if (instance !== undefined && queue !== undefined) queues.set(`${instance}/${queue}`, (queues.get(`${instance}/${queue}`) ?? 0) + 1);
  }
  return queues;
}
