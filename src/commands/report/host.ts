/** How one host stands, for the report. */
import type { KnownRun } from '../../backup/all-runs.ts';
import type { HostStatus, Proof } from '../../backup/status/hosts.ts';
import { goalsOf, spanText, tellAge, tellProof, tellRuns, type Goals } from '../../backup/status/judge.ts';
import type { Finding } from '../../errors/finding.ts';
import type { HostReport, ProofLine, RunLine } from '../../report/report/model.ts';
import { levelOf } from '../../report/report/verdict.ts';
import { trendOf } from './trend.ts';

/** Runs that ended well and are listed. */
const MOST_RUNS = 300;

interface Judged {
  /** The period, milliseconds since 1970. */
  from: number;
  to: number;
  created: string;
  goals: Goals;
  provesHere: boolean;
  /** Seconds of silence after which something is wrong; undefined for the host that looks. */
  silentAfter: number | undefined;
  /** What is known to be wrong with it, where somebody judged already. */
  told: readonly Finding[] | undefined;
}

export function hostReport(status: HostStatus, judged: Judged): HostReport {
  const { host, newest, ageSeconds, verified, verifiedWhole } = status;
  const { from, to, goals } = judged;
  const within = status.runs.filter(({ startedAt }) => Date.parse(startedAt) >= from && Date.parse(startedAt) <= to);
  const findings = silence(
    status,
    judged,
    judged.told ?? [...tellAge(status, goals, judged.created), ...tellRuns(status), ...tellProof(status, goals, judged.provesHere)],
  );
  const { rpo, rto } = goalsOf(goals, status);
  const { runs, runsLeftOut } = listed(within);
  const isWithin = ({ startedAt }: KnownRun): boolean => Date.parse(startedAt) >= from;
  return {
    host,
    level: levelOf(findings),
    silent: false,
    backup:
      newest === undefined || ageSeconds === undefined
        ? undefined
        : { snapshot: newest.id, time: newest.time, ageSeconds, messages: newest.messages, bytes: newest.bytes },
    proof: proofLine(verified, to),
    wholeProof: proofLine(verifiedWhole, to),
    goals: { rpo, rto },
    totals: totalsOf(within),
    failures: status.failures.filter(isWithin).map(runLine),
    incomplete: status.incomplete.filter(isWithin).map(runLine),
    trend: trendOf(status.runs, status.proofs, to),
    runs,
    runsLeftOut,
    findings,
  };
}

/** A host of which nothing was heard for too long: that says more than the age of its backup. */
function silence(status: HostStatus, { silentAfter, to }: Judged, findings: readonly Finding[]): Finding[] {
  if (silentAfter === undefined) return [...findings];
  const heard = [status.newest?.time, ...status.runs.map(({ startedAt, finishedAt }) => finishedAt ?? startedAt)].flatMap(
    (time) => time ?? [],
  );
  const last = heard.reduce<string | undefined>((newest, time) => (newest === undefined || time > newest ? time : newest), undefined);
  if (last !== undefined && (to - Date.parse(last)) / 1000 <= silentAfter) return [...findings];
  return [silentFinding(status.host, last, silentAfter), ...findings.filter(({ code }) => code !== 'backup-old' && code !== 'no-backup')];
}

/** A host that must be there, and of which nothing is known. */
export function silentHost(host: string): HostReport {
  return {
    host,
    level: 'failed',
    silent: true,
    backup: undefined,
    proof: undefined,
    wholeProof: undefined,
    goals: { rpo: undefined, rto: undefined },
    totals: { backups: 0, newMessages: 0, bytesStored: 0, damaged: 0 },
    failures: [],
    incomplete: [],
    trend: [],
    runs: [],
    runsLeftOut: 0,
    findings: [silentFinding(host, undefined, 0)],
  };
}

function silentFinding(host: string, last: string | undefined, after: number): Finding {
  return {
    severity: 'error',
    code: 'host-silent',
    message:
      last === undefined
        ? `nothing was ever heard of host '${host}'`
        : `nothing was heard of host '${host}' for more than ${spanText(after)}: the last was on ${last}`,
    hint: "is it up, and does its schedule run? ask there: 'mailrecover status'",
    subject: host,
  };
}

function proofLine(proof: Proof | undefined, to: number): ProofLine | undefined {
  if (proof === undefined) return undefined;
  const { snapshot, level, time, by, seconds } = proof;
  return { snapshot, level, time, by, seconds, ageSeconds: Math.max(0, Math.round((to - Date.parse(time)) / 1000)) };
}

const WELL = new Set(['ok', 'warning']);

function totalsOf(runs: readonly KnownRun[]): HostReport['totals'] {
  const backups = runs.filter(({ command, state }) => command === 'backup' && (WELL.has(state) || state === 'partial'));
  const sum = (key: string): number => backups.reduce((total, { counts }) => total + (counts[key] ?? 0), 0);
  // A check that is repeated finds the same again, so the newest one counts.
  const check = runs.findLast(({ command, state }) => command === 'check' && state !== 'running' && state !== 'incomplete');
  const verify = runs.findLast(({ command, state }) => command === 'verify' && state !== 'running' && state !== 'incomplete');
  const damaged =
    (check?.counts['damaged'] ?? 0) +
    (check?.counts['missing'] ?? 0) +
    (verify?.counts['mismatched'] ?? 0) +
    (verify?.counts['missing'] ?? 0);
  return { backups: backups.length, newMessages: sum('newMessages'), bytesStored: sum('bytesStored'), damaged };
}

function listed(runs: readonly KnownRun[]): { runs: RunLine[]; runsLeftOut: number } {
  const newest = runs.toReversed();
  let well = 0;
  const kept = newest.filter(({ state }) => !WELL.has(state) || ++well <= MOST_RUNS);
  return { runs: kept.map(runLine), runsLeftOut: newest.length - kept.length };
}

export function runLine(run: KnownRun): RunLine {
  const { id, host, command, startedAt, finishedAt, state, counts, error, codes = [] } = run;
  const seconds = finishedAt === undefined ? undefined : Math.max(0, (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000);
  return { id, host, command, startedAt, seconds, state, counts, error: error?.message, codes };
}
