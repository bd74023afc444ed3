/** The history of all hosts: what this one knows by itself, and what the repository tells of the others. */
import type { Finding } from '../errors/finding.ts';
import { readRuns, type Run } from '../report/history.ts';
import { readHostRuns, type HostRun } from '../repository/runs/runs.ts';
import type { Target } from '../repository/target.ts';

/** A run of some host. Where only the repository tells of it there is no command line, and the error has no words. */
export interface KnownRun extends Omit<Run, 'published'> {
  /** Public key that signed it, where the repository tells of it; 64 hex digits. */
  key?: string;
}

/**
 * Runs of all hosts, oldest first.
 * @param state the directory of local state; undefined on a strange host
 * @param trusted public keys that are believed; others become findings
 * @throws MailrecoverError as reading the target does
 */
export async function allRuns(
  target: Target,
  state: string | undefined,
  trusted: readonly (string | undefined)[],
  findings: Finding[],
): Promise<KnownRun[]> {
  const stored = await readHostRuns(target, findings);
  const runs = new Map<string, KnownRun>(stored.map((run) => [run.run, fromRepository(run)]));
  // What this host knows of its own runs says more.
  for (const run of state === undefined ? [] : readRuns(state)) runs.set(run.id, { ...runs.get(run.id), ...run });
  if (trusted.some((key) => key !== undefined))
    for (const [key, { host }] of new Map(stored.filter((run) => !trusted.includes(run.key)).map((run) => [run.key, run])))
      findings.push({
        severity: 'info',
        code: 'unconfirmed-key',
        message: `the history of host '${host}' is signed by a key that nobody has confirmed here: ${key}`,
        subject: key,
      });
  return [...runs.values()].sort((a, b) => (a.startedAt < b.startedAt ? -1 : a.startedAt > b.startedAt ? 1 : 0));
}

function fromRepository(run: HostRun): KnownRun {
  return {
    id: run.run,
    command: run.command,
    arguments: [],
    host: run.host,
    startedAt: run.started,
    ...(run.finished === undefined ? {} : { finishedAt: run.finished }),
    state: run.state,
    ...(run.exit === undefined ? {} : { exitCode: run.exit }),
    counts: run.counts,
    findings: run.findings,
    ...(run.codes === undefined ? {} : { codes: run.codes }),
    ...(run.error === undefined ? {} : { error: { code: run.error, message: run.error } }),
    ...(run.about === undefined ? {} : { subject: run.about }),
    version: run.version,
    key: run.key,
  };
}
