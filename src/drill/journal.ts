/** The journal of a run: a line of JSON for all that is about to happen and for how it ended, each on the disk before the next thing is done. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ioError, systemCode } from '../errors/error.ts';
import { isoNow } from '../system/clock.ts';
import { appendDurable, makeDirectory, syncDirectorySync } from '../system/files.ts';
import { parseIfWhole } from '../system/kept.ts';
import type { Recipe } from './schema.ts';

/** What a run is, as it was begun. */
export interface DrillHead {
  /** 16 hex digits. */
  run: string;
  /** As it was when the run was begun: it is gone on with by these steps, whatever the file says by then. */
  recipe: { name: string; path: string; sha256: string; content: Recipe };
  /** Why it is run, in somebody's words. */
  purpose: string;
  variables: Record<string, string>;
  /** Who has which role. */
  roles: Record<string, string>;
  /** Who began it, and where. */
  by: string;
  host: string;
  version: string;
}

/** What is worth telling of what a step said. */
export interface Remark {
  severity: string;
  code: string;
  message: string;
  hint?: string;
}

export type StepOutcome = 'done' | 'failed' | 'skipped' | 'interrupted';

/** How a try of a step ended. */
export interface StepEnd {
  step: string;
  outcome: StepOutcome;
  /** The exit code, where something was run. */
  exitCode?: number;
  /** What it came to, in one line. */
  says?: string;
  remarks: Remark[];
  outputs: Record<string, string>;
  /** It failed, and the recipe says to go on. */
  goesOn?: true;
}

/** What a person said. */
export interface Answer {
  step: string;
  /** An approval, or that something was done. */
  kind: 'approve' | 'manual' | 'again';
  question: string;
  answer: 'yes' | 'no' | 'skipped';
  role?: string;
  /** The person, by the name that was given; the user who ran it otherwise. */
  by: string;
  /** At a terminal, or beforehand by --yes, which nobody looked at. */
  how: 'terminal' | 'beforehand';
  remark?: string;
}

export type DrillLine =
  | ({ event: 'drill'; time: string } & DrillHead)
  | { event: 'resumed'; time: string; by: string; note: string }
  | { event: 'begin'; time: string; step: string; does: string; command?: readonly string[] }
  | ({ event: 'end'; time: string } & StepEnd)
  | ({ event: 'answer'; time: string } & Answer)
  | { event: 'stopped'; time: string; step: string; why: 'failed' | 'refused' | 'interrupted'; message: string }
  | { event: 'finished'; time: string }
  | { event: 'given-up'; time: string; by: string };

export interface DrillState {
  head: DrillHead;
  path: string;
  startedAt: string;
  lines: DrillLine[];
  /** How each step ended last, of those that need not be done again. */
  settled: Map<string, StepEnd>;
  /** The step that was begun and did not end. */
  cut: string | undefined;
  ended: 'finished' | 'given-up' | undefined;
}

export function drillFolder(state: string): string {
  return join(state, 'drills');
}

export class DrillJournal {
  readonly state: DrillState;

  private constructor(state: DrillState) {
    this.state = state;
  }

  /** Begins one; durable when it resolves. */
  static async begin(state: string, head: Omit<DrillHead, 'run'>): Promise<DrillJournal> {
    const folder = drillFolder(state);
    await makeDirectory(folder);
    const run = randomBytes(8).toString('hex');
    const path = join(folder, `${run}.jsonl`);
    const journal = new DrillJournal(emptyState({ run, ...head }, path, isoNow()));
    journal.append({ event: 'drill', time: journal.state.startedAt, run, ...head });
    syncDirectorySync(folder);
    return journal;
  }

  static resume(state: DrillState): DrillJournal {
    return new DrillJournal(state);
  }

  append(line: DrillLine): void {
    appendDurable(this.state.path, `${JSON.stringify(line)}\n`);
    takeIn(this.state, line);
  }
}

function emptyState(head: DrillHead, path: string, startedAt: string): DrillState {
  return { head, path, startedAt, lines: [], settled: new Map(), cut: undefined, ended: undefined };
}

function takeIn(state: DrillState, line: DrillLine): void {
  state.lines.push(line);
  if (line.event === 'begin') state.cut = line.step;
  else if (line.event === 'end') {
    if (state.cut === line.step) state.cut = undefined;
    if (line.outcome === 'done' || line.outcome === 'skipped' || line.goesOn === true) state.settled.set(line.step, line);
  } else if (line.event === 'finished' || line.event === 'given-up') state.ended = line.event;
}

/** All runs on this host, the newest first. */
export function readDrills(state: string): DrillState[] {
  const folder = drillFolder(state);
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => /^[0-9a-f]{16}\.jsonl$/.test(name));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw ioError(error, 'read the runs in', folder);
  }
  return names.flatMap((name) => readOne(join(folder, name)) ?? []).sort((a, b) => b.startedAt.localeCompare(a.startedAt));
}

/** A line that a crash tore was never acted upon: it is the last, and is left out. */
function readOne(path: string): DrillState | undefined {
  let state: DrillState | undefined;
  for (const text of readFileSync(path, 'utf8').split('\n')) {
    const line = parseIfWhole(text) as DrillLine | undefined;
    if (line === undefined) continue;
    if (state === undefined) {
      if (line.event !== 'drill') return undefined;
      const { event: _, time, ...head } = line;
      state = emptyState(head, path, time);
    }
    takeIn(state, line);
  }
  return state;
}
