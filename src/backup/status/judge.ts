/** What is wrong with how a host stands, and what that means for whoever could lose it. */
import type { Finding } from '../../errors/finding.ts';
import type { KnownRun } from '../all-runs.ts';
import { isoTime, now } from '../../system/clock.ts';
import type { Growth } from './growth.ts';
import type { HostStatus } from './hosts.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;
/** Without a goal in the configuration, a newest snapshot that is older than this is a warning. */
const OLD = 26 * HOUR;

/** All in seconds. */
export interface Goals {
  rpo?: number | undefined;
  rto?: number | undefined;
  proof?: number | undefined;
  room?: number | undefined;
}

const DEFAULT_PROOF = 35 * DAY;
const DEFAULT_ROOM = 14 * DAY;

export interface Goal {
  goalSeconds: number;
  actualSeconds: number | undefined;
  met: boolean;
}

export function goalsOf({ rpo, rto }: Goals, { ageSeconds, verifiedWhole }: HostStatus): { rpo?: Goal; rto?: Goal } {
  const goal = (goalSeconds: number, actualSeconds: number | undefined): Goal => {
    return { goalSeconds, actualSeconds, met: actualSeconds !== undefined && actualSeconds <= goalSeconds };
  };
  return {
    ...(rpo === undefined ? {} : { rpo: goal(rpo, ageSeconds) }),
    ...(rto === undefined ? {} : { rto: goal(rto, verifiedWhole?.seconds) }),
  };
}

/** @param created when the repository was made: a young one without a backup is no failure yet */
export function tellAge(status: HostStatus, { rpo }: Goals, created: string): Finding[] {
  const { newest, ageSeconds, partial, host, snapshots } = status;
  const hint = "make one: 'mailrecover backup'; see why there was none: 'mailrecover history'";
  const findings: Finding[] = [];
  if (newest === undefined || ageSeconds === undefined) {
    const isNew = now() - Date.parse(created) < DAY * 1000;
    const message = snapshots === 0 ? `there is no backup of ${host} yet` : `there are only partial backups of ${host}`;
    findings.push({ severity: isNew ? 'warning' : 'error', code: 'no-backup', message, hint });
  } else if (rpo === undefined ? ageSeconds > OLD : ageSeconds > rpo) {
    const goal = rpo === undefined ? 'more than a day old' : `older than the goal of ${spanText(rpo)}`;
    findings.push({
      severity: rpo === undefined ? 'warning' : 'error',
      code: 'backup-old',
      message: `the newest complete backup of ${host} is ${goal}: it is of ${newest.time}`,
      hint,
      subject: newest.id,
    });
  }
  if (newest !== undefined && partial !== undefined)
    findings.push({
      severity: 'warning',
      code: 'partial-snapshot',
      message: `something could not be read by the newest backup of ${host}`,
      hint: "run it again and read what it names: 'mailrecover backup'",
      subject: partial.id,
    });
  return findings;
}

function said({ error, codes }: KnownRun): string {
  const why = error?.message ?? codes?.join(', ');
  return why === undefined || why === '' ? '' : `: ${why}`;
}

export function tellRuns({ lastRuns, failures, incomplete, newest }: HostStatus): Finding[] {
  const findings: Finding[] = [];
  const { backup, check, verify } = lastRuns;
  if (backup !== undefined && ['failed', 'incomplete'].includes(backup.state))
    findings.push({
      severity: newest === undefined ? 'error' : 'warning',
      code: 'last-backup',
      message: `the last backup (${backup.startedAt}) ${backup.state === 'failed' ? `failed${said(backup)}` : 'did not come to its end'}`,
      hint: "run it again: 'mailrecover backup'",
    });
  if (check?.exitCode === 4)
    findings.push({
      severity: 'error',
      code: 'damage',
      message: `the last check (${check.startedAt}) found damage`,
      hint: "see which: 'mailrecover check --read-data'",
    });
  if (verify !== undefined && ['failed', 'partial', 'incomplete'].includes(verify.state))
    findings.push({
      severity: verify.state === 'failed' ? 'error' : 'warning',
      code: 'last-verify',
      message: `the last verification (${verify.startedAt}) ${verify.state === 'incomplete' ? 'did not come to its end' : `${verify.state === 'partial' ? 'could not compare everything' : 'failed'}${said(verify)}`}`,
      hint: "run it again: 'mailrecover verify'",
    });
  const told = new Set([backup?.id, verify?.id, check?.id]);
  for (const run of [...failures, ...incomplete].filter(({ id, command }) => !told.has(id) && !['backup', 'verify'].includes(command)))
    findings.push({
      severity: 'info',
      code: run.state === 'failed' ? 'failed-run' : 'incomplete-run',
      message: `'${run.command}' (${run.startedAt}) ${run.state === 'failed' ? `failed${said(run)}` : 'never ended: it was killed, or the power was cut'}`,
      hint: "see 'mailrecover history --failed'",
      subject: run.id,
    });
  return findings;
}

/** @param provesHere whether a private key is on this host: else another one proves, and silence is no fault of this one */
export function tellProof({ host, verified, verifiedWhole, newest }: HostStatus, goals: Goals, provesHere: boolean): Finding[] {
  if (newest === undefined) return [];
  const hint = "prove it: 'mailrecover verify --level server'";
  const limit = goals.proof ?? DEFAULT_PROOF;
  const isGoal = goals.proof !== undefined;
  if (verified === undefined) {
    const severity = isGoal ? 'error' : provesHere ? 'warning' : 'info';
    return [{ severity, code: 'never-verified', message: `no verification of a backup of ${host} is known`, hint }];
  }
  const age = (now() - Date.parse(verified.time)) / 1000;
  const findings: Finding[] = [];
  if (age > limit)
    findings.push({
      severity: isGoal ? 'error' : 'warning',
      code: 'verify-old',
      message: `the last verification was on ${verified.time}`,
      hint,
    });
  if (goals.rto !== undefined && verifiedWhole === undefined)
    findings.push({
      severity: 'warning',
      code: 'rto-unknown',
      message: `whether a restore takes less than the goal of ${spanText(goals.rto)} is not known: no verification was of all mailboxes`,
      hint: "measure it: 'mailrecover verify --level server' without --sample",
    });
  else if (goals.rto !== undefined && verifiedWhole?.seconds !== undefined && verifiedWhole.seconds > goals.rto)
    findings.push({
      severity: 'error',
      code: 'rto-missed',
      message: `the last verification of all mailboxes took ${spanText(verifiedWhole.seconds)}, the goal is ${spanText(goals.rto)}`,
      hint: 'a faster disk below --scratch, more threads (backup.workers), or another goal',
    });
  return findings;
}

export function tellRoom({ daysUntilFull, free }: Growth, { room }: Goals): Finding[] {
  const days = Math.ceil((room ?? DEFAULT_ROOM) / DAY);
  if (daysUntilFull === undefined || free === undefined || daysUntilFull >= days) return [];
  return [
    {
      severity: room !== undefined || daysUntilFull < 2 ? 'error' : 'warning',
      code: 'room',
      message: `the disk of the repository is full in ${daysUntilFull} ${daysUntilFull === 1 ? 'day' : 'days'}, on about ${isoTime(now() + daysUntilFull * DAY * 1000).slice(0, 10)}`,
      hint: 'make room there, or keep fewer snapshots',
    },
  ];
}

/** A span for messages, which have no language: `15m`, `26h`, `3d`. */
export function spanText(seconds: number): string {
  const units: [number, string][] = [
    [DAY, 'd'],
    [HOUR, 'h'],
    [60, 'm'],
  ];
  const [unit, name] = units.find(([each]) => seconds >= 2 * each || (seconds >= each && seconds % each === 0)) ?? [1, 's'];
  return `${Math.round(seconds / unit)}${name}`;
}
