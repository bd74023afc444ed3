import { randomBytes } from 'node:crypto';
import { isoNow } from '../system/clock.ts';
import { thisProcess, isAlive, type ProcessIdentity } from '../system/process-identity.ts';
import { appendHistoryLine, readHistoryLines, readHistoryTail } from './history-file.ts';

/** What is written before a run does anything. */
interface StartRecord extends ProcessIdentity {
  run: string;
  event: 'start';
  time: string;
  command: string;
  arguments: readonly string[];
  host: string;
  version: string;
}

/** What is written when it ended. */
export interface EndRecord {
  outcome: string;
  exitCode: number;
  counts: Record<string, number>;
  /** How many findings there were of each severity. */
  findings: Record<string, number>;
  /** Codes of its warnings and errors, each once. */
  codes?: readonly string[];
  error?: { code: string; message: string };
  /** Fields of the result that say what it was about: `snapshot` … */
  subject?: Record<string, string>;
}

/** A run as the history tells it. */
export interface Run {
  id: string;
  command: string;
  arguments: readonly string[];
  host: string;
  startedAt: string;
  /** Absent while it runs, and where it was killed. */
  finishedAt?: string;
  /** The outcome, or `running`, or `incomplete` for a run that ended without a word. */
  state: string;
  exitCode?: number;
  counts: Record<string, number>;
  findings: Record<string, number>;
  codes?: readonly string[];
  error?: { code: string; message: string };
  subject?: Record<string, string>;
  /** Version of this program that ran. */
  version: string;
  /** Whether it stands in the repository, too. */
  published: boolean;
}

export interface RecordedRun {
  readonly id: string;
  /** @throws MailrecoverError `io` or `no-space` */
  end(record: EndRecord): void;
}

/**
 * Writes down, durably, that a run begins; call it before the run does anything.
 * @param state the directory for local state; made if it is missing
 * @throws MailrecoverError `io` or `no-space`
 */
export function beginRun(
  state: string,
  run: { command: string; arguments: readonly string[]; host: string; version: string },
): RecordedRun {
  const id = randomBytes(8).toString('hex');
  const start: StartRecord = { run: id, event: 'start', time: isoNow(), ...run, ...thisProcess() };
  appendHistoryLine(state, start);
  return {
    id,
    end: (record) => appendHistoryLine(state, { run: id, event: 'end', time: isoNow(), ...record }),
  };
}

/** All runs in the history, oldest first. @throws MailrecoverError `io` */
export function readRuns(state: string): Run[] {
  return runsOf(readHistoryLines(state));
}

/** Enough for a hundred runs and more. */
const TAIL = 256 * 1024;

/** The newest runs, oldest first, without reading a long history. @throws MailrecoverError `io` */
export function readRecentRuns(state: string): Run[] {
  return runsOf(readHistoryTail(state, TAIL));
}

function runsOf(lines: readonly unknown[]): Run[] {
  const runs = new Map<string, Run>();
  const starts = new Map<string, StartRecord>();
  for (const line of lines) {
    if (isStart(line)) {
      starts.set(line.run, line);
      const { run: id, command, host, time } = line;
      const version = typeof line.version === 'string' ? line.version : '';
      const fresh = { state: 'incomplete', counts: {}, findings: {}, version, published: false };
      runs.set(id, { id, command, arguments: line.arguments, host, startedAt: time, ...fresh });
    } else if (isEnd(line)) {
      const begun = runs.get(line.run);
      if (begun === undefined) continue;
      const { outcome, exitCode, counts, findings, codes, error, subject } = line;
      Object.assign(begun, { finishedAt: line.time, state: outcome, exitCode, counts, findings });
      if (codes !== undefined) begun.codes = codes;
      if (error !== undefined) begun.error = error;
      if (subject !== undefined) begun.subject = subject;
    } else if (isPublished(line)) {
      for (const id of line.runs) {
        const run = runs.get(id);
        if (run !== undefined) run.published = true;
      }
    }
  }
  for (const run of runs.values()) {
    const start = starts.get(run.id);
    if (run.finishedAt === undefined && start !== undefined && isAlive(start)) run.state = 'running';
  }
  return [...runs.values()];
}

/** Writes down that runs stand in the repository. @throws MailrecoverError `io` or `no-space` */
export function markPublished(state: string, runs: readonly string[]): void {
  appendHistoryLine(state, { event: 'published', time: isoNow(), runs });
}

function isPublished(line: unknown): line is { runs: readonly string[] } {
  return (
    typeof line === 'object' &&
    line !== null &&
    (line as { event?: unknown }).event === 'published' &&
    Array.isArray((line as { runs?: unknown }).runs)
  );
}

function isStart(line: unknown): line is StartRecord {
  return (
    isRecord(line, 'start') &&
    typeof (line as Partial<StartRecord>).command === 'string' &&
    Array.isArray((line as Partial<StartRecord>).arguments)
  );
}

function isEnd(line: unknown): line is EndRecord & { run: string; time: string } {
  return isRecord(line, 'end') && typeof (line as Partial<EndRecord>).outcome === 'string';
}

function isRecord(line: unknown, event: string): boolean {
  if (typeof line !== 'object' || line === null) return false;
  const record = line as { run?: unknown; event?: unknown; time?: unknown };
  return record.event === event && typeof record.run === 'string' && typeof record.time === 'string';
}
