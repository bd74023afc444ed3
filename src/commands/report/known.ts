/** Everything that this host can find out for a report. */
import type { KnownRun } from '../../backup/all-runs.ts';
import type { Status } from '../../backup/status.ts';
import type { HostStatus, Proof } from '../../backup/status/hosts.ts';
import type { RunSummary } from '../../backup/status/runs.ts';
import type { Config } from '../../config/schema.ts';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { Report } from '../../report/report/model.ts';
import { isoNow, now } from '../../system/clock.ts';
import { programVersion } from '../../system/version.ts';
import { placeOf } from '../from-config.ts';
import { certificatesOf } from '../status/certificates.ts';
import { mailState } from '../status/mail.ts';
import type { CommandContext } from '../types.ts';
import { gatherReport, type Asked, type Period } from './gather.ts';

export interface Wanted {
  period: Period;
  /** The one host that is asked about; undefined for all. */
  only: string | undefined;
  run?: Report['run'];
  /** What the run that occasioned the report found. */
  runFindings?: readonly Finding[];
  occasion?: Report['occasion'];
  /** Why the repository need not be asked. */
  trouble?: MailrecoverError | undefined;
}

export interface Known {
  report: Report;
  /** Why the repository could not be asked: then only what this host knows of itself is told. */
  trouble: MailrecoverError | undefined;
}

/** @throws MailrecoverError `config`, and whatever is no trouble with the repository */
export async function knownReport(context: CommandContext, wanted: Wanted): Promise<Known> {
  const config = await context.config();
  const { spool, findings } = await mailState(context);
  const tls = await certificatesOf(config, context.signal);
  const rest = {
    madeAt: isoNow(),
    version: programVersion(),
    period: wanted.period,
    expected: config.report.hosts,
    without: config.report.without,
    only: wanted.only,
    goals: config.goals ?? {},
    provesHere: config.identities.length > 0,
    silentAfter: config.report.silentAfter,
    spool,
    certificates: tls?.certificates,
    ownFindings: tls?.findings ?? [],
    run: wanted.run,
    runFindings: wanted.runFindings ?? [],
    occasion: wanted.occasion,
  };
  try {
    if (wanted.trouble !== undefined) throw wanted.trouble;
    const [{ statusOf }, place] = await Promise.all([import('../status.ts'), placeOf(context)]);
    const { status, planned } = await statusOf(context, place, config, false);
    return {
      report: gatherReport({ ...rest, by: place.thisHost, status, planned: planned.findings, location: place.target.location, findings }),
      trouble: undefined,
    };
  } catch (error) {
    if (!(error instanceof MailrecoverError) || error.code === 'bug' || error.code === 'config') throw error;
    return { report: await localReport(config, { ...rest, findings }, error), trouble: error };
  }
}

/** What the history on this host tells, while the repository tells nothing. */
async function localReport(
  config: Config,
  rest: Omit<Asked, 'by' | 'status' | 'planned' | 'location'>,
  { code, message, hint, subject }: MailrecoverError,
): Promise<Report> {
  const [{ readRuns }, { summarize }, { tellAge, tellRuns, tellProof }, { hostname }] = await Promise.all([
    import('../../report/history.ts'),
    import('../../backup/status/runs.ts'),
    import('../../backup/status/judge.ts'),
    import('node:os'),
  ]);
  const by = config.host ?? hostname();
  const runs: KnownRun[] = readRuns(config.state).filter(({ host }) => host === by);
  const own: HostStatus = { ...localHost(by, runs), ...summarize(runs) };
  const [oldest] = runs;
  const told = [
    ...tellAge(own, rest.goals, oldest?.startedAt ?? rest.madeAt),
    ...tellRuns(own),
    ...tellProof(own, rest.goals, rest.provesHere),
  ];
  // What made the run fail stands there already.
  const isSaid = rest.runFindings.some((each) => each.code === code);
  const trouble: Finding = {
    severity: isSaid ? 'info' : 'error',
    code,
    message: `only what this host remembers stands here, since the repository tells nothing: ${message}`,
    ...(hint === undefined || isSaid ? {} : { hint }),
    ...(subject === undefined ? {} : { subject }),
  };
  const size = { bytes: 0, objects: 0 };
  const status: Pick<Status, 'host' | 'created' | 'hosts' | 'findings' | 'encrypted' | 'size' | 'growth'> = {
    host: by,
    created: rest.madeAt,
    hosts: [own],
    findings: told,
    encrypted: config.encryption,
    size,
    growth: { perDay: undefined, free: undefined, daysUntilFull: undefined },
  };
  return gatherReport({ ...rest, by, status, planned: [], location: config.repository.at, findings: [...rest.findings, trouble] });
}

/** A host as its own history tells of it. */
function localHost(host: string, runs: readonly KnownRun[]): Omit<HostStatus, keyof RunSummary> {
  const well = ({ state }: KnownRun): boolean => state === 'ok' || state === 'warning';
  const backup = runs.findLast((run) => run.command === 'backup' && well(run) && run.subject?.['snapshot'] !== undefined);
  const proofs = runs
    .filter((run) => run.command === 'verify' && well(run))
    .map(({ subject = {}, startedAt, finishedAt }): Proof => {
      const { snapshot = '', level = 'files', scope = 'all' } = subject;
      const seconds = finishedAt === undefined ? undefined : Math.round((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000);
      return { snapshot, level, scope, time: finishedAt ?? startedAt, by: host, seconds };
    });
  return {
    host,
    key: undefined,
    newest:
      backup === undefined
        ? undefined
        : { id: backup.subject?.['snapshot'] ?? '', time: backup.startedAt, host, messages: backup.counts['messages'] ?? 0, bytes: 0 },
    ageSeconds: backup === undefined ? undefined : Math.max(0, Math.round((now() - Date.parse(backup.startedAt)) / 1000)),
    partial: undefined,
    snapshots: backup === undefined ? 0 : 1,
    verified: proofs.at(-1),
    verifiedWhole: proofs.findLast(({ scope }) => scope !== 'part'),
    proofs,
    runs: [...runs],
  };
}
