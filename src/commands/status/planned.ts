/** What the schedule says of runs to come, and of runs that did not come. */
import type { KnownRun } from '../../backup/all-runs.ts';
import type { Config } from '../../config/schema.ts';
import type { Finding } from '../../errors/finding.ts';
import { isoTime, now } from '../../system/clock.ts';
import type { Place } from '../from-config.ts';

export interface PlannedRuns {
  /** What runs next; undefined where no schedule is installed. */
  next: { job: string; command: string; time: string } | undefined;
  missed: { job: string; due: string; times: number }[];
  /** Which mailboxes were proved of late, as known on this host; undefined where nothing is. */
  coverage: Coverage | undefined;
  findings: Finding[];
}

export interface Coverage {
  days: number;
  mailboxes: number;
  proved: number;
  overdueCount: number;
  overdue: { mailbox: string; proved: string | undefined }[];
  failed: string[];
}

/** Days within which every mailbox should have been proved, unless a job of the schedule says otherwise. */
const PROVED_DAYS = 35;

/** Which mailboxes were proved of late; findings for those that were not, or not with success. */
async function proofsOf(
  config: Config,
  place: Place,
  repository: string,
): Promise<{ coverage: Coverage | undefined; findings: Finding[] }> {
  const { proofCoverage, proofsFile, readProofs } = await import('../../schedule/rotation.ts');
  const proofs = readProofs(proofsFile(place.state, repository, place.host));
  if (Object.keys(proofs.mailboxes).length === 0) return { coverage: undefined, findings: [] };
  const days = Math.ceil((config.goals?.proof ?? PROVED_DAYS * 86_400) / 86_400);
  const { mailboxes, proved, overdue, overdueCount, failed } = proofCoverage(proofs, 'files', days, now());
  const findings: Finding[] = [];
  const named = (names: readonly string[], count: number): string =>
    `${names
      .slice(0, 3)
      .map((name) => `'${name}'`)
      .join(', ')}${count > 3 ? ' …' : ''}`;
  if (failed.length > 0)
    findings.push({
      severity: 'error',
      code: 'mailboxes-failed',
      message: `the last proof of ${failed.length} ${failed.length === 1 ? 'mailbox' : 'mailboxes'} failed: ${named(failed, failed.length)}`,
      hint: "see why: 'mailrecover verify --mailbox MAILBOX'",
      subject: failed[0] ?? '',
    });
  if (overdueCount > 0)
    findings.push({
      severity: 'warning',
      code: 'mailboxes-unproved',
      message: `${overdueCount} of ${mailboxes} mailboxes were not proved within ${days} days: ${named(
        overdue.map(({ mailbox }) => mailbox),
        overdueCount,
      )}`,
      hint: `prove a part each night: 'mailrecover verify --rotate ${days}'`,
    });
  return { coverage: { days, mailboxes, proved, overdueCount, overdue, failed }, findings };
}

/** @param runs of all hosts, oldest first */
export async function plannedRuns(config: Config, place: Place, repository: string, runs: readonly KnownRun[]): Promise<PlannedRuns> {
  const [{ scheduleOf }, { coverage: jobCoverage, missedRuns }, { readInstalled }, { missedFinding }] = await Promise.all([
    import('../schedule/from-config.ts'),
    import('../../schedule/missed.ts'),
    import('../../schedule/record.ts'),
    import('../schedule-show.ts'),
  ]);
  const proofs = await proofsOf(config, place, repository);
  const installed = readInstalled(place.state);
  if (installed === undefined) return { next: undefined, missed: [], ...proofs };
  const { schedule } = await scheduleOf(config);
  const own = runs.filter(({ host }) => host === place.thisHost);
  const time = now();
  const jobs = await jobCoverage(schedule, installed, own, time);
  const [next] = jobs
    .flatMap(({ job, command, nextDue }) => (nextDue === undefined ? [] : [{ job, command, due: nextDue }]))
    .toSorted((a, b) => a.due - b.due);
  const missed = await missedRuns(schedule, installed, own, time);
  return {
    next: next === undefined ? undefined : { job: next.job, command: next.command, time: isoTime(next.due) },
    missed: missed.map(({ job, due, times }) => ({ job, due: isoTime(due), times })),
    coverage: proofs.coverage,
    findings: [...proofs.findings, ...missed.map(missedFinding)],
  };
}
