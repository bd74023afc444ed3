/** Puts what ran on this host into the repository, where other hosts can read it. */
import { markPublished, readRecentRuns, type Run } from '../report/history.ts';
import type { PublicRun } from '../repository/runs/object.ts';
import { writeRuns } from '../repository/runs/runs.ts';
import { hostFingerprint, readHostKey } from '../repository/signing.ts';
import type { Target } from '../repository/target.ts';
import { takeLock } from '../system/lock.ts';
import { hostKeyPath } from './prepare.ts';

export interface PublishOptions {
  target: Target;
  host: string;
  /** Directory of the local state. */
  state: string;
  /** Directory of this host's own keys. */
  keysRoot: string;
}

/** What may be told of what a run was about; a directory or a mailbox is nobody else's business. */
const ABOUT = ['snapshot', 'level', 'scope'];

/**
 * Stores the runs that ended and are not there yet, those that were killed included. A host without a signing key stores nothing.
 * @throws MailrecoverError `locked` while another run does the same, else as the target does
 */
export async function publishRuns({ target, host, state, keysRoot }: PublishOptions): Promise<void> {
  const key = await readHostKey(hostKeyPath(keysRoot));
  if (key === undefined) return;
  const release = takeLock(`${state}/publish.lock`, 'mailrecover');
  try {
    const runs = readRecentRuns(state).filter((run) => !run.published && run.state !== 'running' && run.host === host);
    if (runs.length === 0) return;
    await writeRuns(target, { host, key, fingerprint: hostFingerprint(key.publicHex) }, runs.map(publicRun));
    markPublished(
      state,
      runs.map(({ id }) => id),
    );
  } finally {
    release();
  }
}

/** A run without anything that names a mailbox, a file or a person: no command line, no messages. */
export function publicRun(run: Run): PublicRun {
  const about = Object.fromEntries(Object.entries(run.subject ?? {}).filter(([name]) => ABOUT.includes(name)));
  return {
    run: run.id,
    command: run.command,
    started: run.startedAt,
    ...(run.finishedAt === undefined ? {} : { finished: run.finishedAt }),
    state: run.state,
    ...(run.exitCode === undefined ? {} : { exit: run.exitCode }),
    counts: run.counts,
    findings: run.findings,
    ...(run.codes === undefined || run.codes.length === 0 ? {} : { codes: [...run.codes] }),
    ...(run.error === undefined ? {} : { error: run.error.code }),
    ...(Object.keys(about).length === 0 ? {} : { about }),
    version: run.version,
  };
}
