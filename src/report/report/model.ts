/**
 * What a report tells, as plain data. Every form of it (text, HTML, JSON, CSV, Markdown, JUnit, the mail) is made from
 * this alone, so that all of them say the same. Times are UTC as in RFC 3339, durations seconds, sizes bytes.
 */
import type { Finding } from '../../errors/finding.ts';
import type { Level } from '../metrics/model.ts';

export interface Report {
  madeAt: string;
  /** The host that made it. */
  by: string;
  /** Version of this program. */
  version: string;
  /** What it looks back on. */
  period: { name: 'day' | 'week' | 'month'; from: string; to: string };
  verdict: Level;
  /** The worst first, then by name. */
  hosts: readonly HostReport[];
  /** What to do next, the most urgent first; empty where all is well. */
  actions: readonly Action[];
  repository: RepositoryReport;
  /** The run that occasioned the report, where one did. */
  run: RunLine | undefined;
  /** Why it is sent, where it was not just asked for; `since` is when what it is about began. */
  occasion?: { kind: 'summary' | 'news' | 'reminder' | 'recovery' | 'success'; since: string | undefined } | undefined;
  /** Mails of this program that wait to be sent; undefined where none is configured. */
  spool: { waiting: number; refused: number; oldest: string | undefined } | undefined;
  /** Certificates of the mail server on the host that made it, what ends first before the others; absent where they are not looked at. */
  certificates?: readonly {
    path: string;
    usedBy: readonly string[];
    names: readonly string[];
    issuer: string;
    notBefore: string;
    notAfter: string;
    daysLeft: number;
  }[];
  /** What is said of no single host. */
  findings: readonly Finding[];
}

/** One thing to do, and why. */
export interface Action {
  /** What to type, or to do. */
  hint: string;
  because: Finding;
  host: string | undefined;
}

export interface HostReport {
  host: string;
  level: Level;
  /** It is expected to back up, and nothing is known of any backup of its. */
  silent: boolean;
  /** The newest complete snapshot. */
  backup: { snapshot: string; time: string; ageSeconds: number; messages: number; bytes: number } | undefined;
  /** The newest proof that mail comes back, and the newest of all mailboxes. */
  proof: ProofLine | undefined;
  wholeProof: ProofLine | undefined;
  goals: { rpo: GoalLine | undefined; rto: GoalLine | undefined };
  /** Within the period. */
  totals: { backups: number; newMessages: number; bytesStored: number; damaged: number };
  /** Runs of the period that failed and were not made up for, and those that never ended. */
  failures: readonly RunLine[];
  incomplete: readonly RunLine[];
  /** Backups and verifications, oldest first: at most a year of them. */
  trend: readonly TrendPoint[];
  /** Runs of the period, newest first: all that did not end well, and the newest few hundred of the others. */
  runs: readonly RunLine[];
  /** How many of the others are left out, where any are. */
  runsLeftOut?: number;
  findings: readonly Finding[];
}

export interface ProofLine {
  snapshot: string;
  level: string;
  time: string;
  ageSeconds: number;
  /** The host that proved it. */
  by: string;
  /** How long it took. */
  seconds: number | undefined;
}

export interface GoalLine {
  goalSeconds: number;
  actualSeconds: number | undefined;
  met: boolean;
}

export interface RunLine {
  id: string;
  host: string;
  command: string;
  startedAt: string;
  seconds: number | undefined;
  /** The outcome, or `running`, or `incomplete`. */
  state: string;
  counts: Readonly<Record<string, number>>;
  error: string | undefined;
  codes: readonly string[];
}

export interface TrendPoint {
  time: string;
  command: 'backup' | 'verify';
  ok: boolean;
  seconds: number | undefined;
  /** Of a backup. */
  messages: number | undefined;
  bytesStored: number | undefined;
}

export interface RepositoryReport {
  location: string;
  encrypted: boolean;
  bytes: number;
  objects: number;
  /** Bytes a day that backups add; free bytes, and the days until those are used up, where they are known. */
  perDay: number | undefined;
  free: number | undefined;
  daysUntilFull: number | undefined;
}
