/** What this host and its repository know, as a report. */
import type { Status } from '../../backup/status.ts';
import type { HostStatus } from '../../backup/status/hosts.ts';
import type { Goals } from '../../backup/status/judge.ts';
import type { Finding } from '../../errors/finding.ts';
import type { Level } from '../../report/metrics/model.ts';
import type { HostReport, Report } from '../../report/report/model.ts';
import { isoTime } from '../../system/clock.ts';
import { actionsOf, byUrgency, levelOf, worst } from '../../report/report/verdict.ts';
import { hostReport, silentHost } from './host.ts';

export type Period = Report['period']['name'];

const DAYS: Readonly<Record<Period, number>> = { day: 1, week: 7, month: 30 };
const DAY_MS = 86_400_000;

/** Findings of a status that are of the repository, or of whatever is no single host. */
const GENERAL = new Set(['room', 'unconfirmed-key', 'unconfirmed-proof']);

export interface Asked {
  /** This moment, UTC ISO 8601. */
  madeAt: string;
  by: string;
  version: string;
  period: Period;
  status: Pick<Status, 'host' | 'created' | 'hosts' | 'findings' | 'encrypted' | 'size' | 'growth'>;
  /** What the schedule and the proofs of this host tell beside the status. */
  planned: readonly Finding[];
  /** Hosts that must be there. */
  expected: readonly string[];
  /** Hosts of the repository that are of no interest. */
  without: readonly string[];
  /** The one host that is asked about; undefined for all. */
  only: string | undefined;
  goals: Goals;
  /** Whether a private key is on this host: else nobody expects it to prove. */
  provesHere: boolean;
  /** Seconds after which a host of which nothing is heard is silent. */
  silentAfter: number;
  location: string;
  spool: Report['spool'];
  /** Of this host, where they are looked at. */
  certificates?: Report['certificates'];
  /** What was found of this host beside its backups. */
  ownFindings?: readonly Finding[];
  /** What is to be said beside: of the spool, of accounts. */
  findings: readonly Finding[];
  run: Report['run'];
  /** What the run that occasioned the report found. */
  runFindings: readonly Finding[];
  occasion: NonNullable<Report['occasion']> | undefined;
}

/** Judges, and reads nothing. */
export function gatherReport(asked: Asked): Report {
  const { status, by, only } = asked;
  const to = Date.parse(asked.madeAt);
  const span = { from: to - DAYS[asked.period] * DAY_MS, to };
  const own = withRun([...status.findings, ...asked.planned], asked);
  // Whatever host is asked about, these are of the one that asks.
  const beside = asked.ownFindings ?? [];
  const hosts: HostReport[] = chosen(asked).map((each) => {
    const told =
      each.host === status.host ? [...own.filter(({ code }) => !GENERAL.has(code)), ...(each.host === by ? beside : [])] : undefined;
    return hostReport(each, {
      ...span,
      created: status.created,
      goals: asked.goals,
      provesHere: asked.provesHere && each.host === by,
      silentAfter: each.host === by ? undefined : asked.silentAfter,
      told,
    });
  });
  const known = new Set(hosts.map(({ host }) => host));
  const wanted = only === undefined ? asked.expected : [only];
  for (const name of wanted.filter((each) => !known.has(each))) {
    const told = own.filter(({ code }) => !GENERAL.has(code));
    hosts.push(name === by ? { ...silentHost(name), level: levelOf(told), findings: told } : silentHost(name));
  }
  const general = [...asked.findings, ...own.filter(({ code }) => GENERAL.has(code))];
  return finished({
    madeAt: asked.madeAt,
    by,
    version: asked.version,
    period: { name: asked.period, from: isoTime(span.from), to: asked.madeAt },
    hosts,
    repository: {
      location: asked.location,
      encrypted: status.encrypted,
      ...status.size,
      ...status.growth,
    },
    run: asked.run,
    occasion: asked.occasion,
    spool: asked.spool,
    ...(asked.certificates === undefined ? {} : { certificates: asked.certificates }),
    findings: general,
  });
}

/** What the run found says more than what its history will say. */
function withRun(findings: readonly Finding[], { run, runFindings }: Asked): Finding[] {
  const said = run !== undefined && runFindings.length > 0 ? `last-${run.command}` : undefined;
  const others = findings.filter(
    ({ code, message }) => code !== said && !runFindings.some((each) => each.code === code && each.message === message),
  );
  return [...runFindings, ...others];
}

/** Puts hosts and findings in order, and draws the conclusions. */
export function finished(report: Omit<Report, 'verdict' | 'actions'>): Report {
  const hosts = report.hosts.toSorted(byUrgency);
  const levels: Level[] = [...hosts.map(({ level }) => level), levelOf(report.findings)];
  return { ...report, hosts, verdict: worst(levels), actions: actionsOf(hosts, report.findings) };
}

/** Hosts that back up, or of which that is expected; those that only prove or look after others are not asked for backups. */
function chosen({ status, expected, without, only, by }: Asked): HostStatus[] {
  if (only !== undefined) return status.hosts.filter(({ host }) => host === only);
  return status.hosts.filter(({ host, snapshots, lastRuns }) => {
    if (expected.includes(host)) return true;
    return !without.includes(host) && (snapshots > 0 || lastRuns.backup !== undefined || (host === by && expected.length === 0));
  });
}
