/**
 * The journal of a switch: one file, a line of JSON for everything that is about to happen and for how it ended, each on the disk before the
 * next thing is done. It is the record of the switch, too; no secret stands in it.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { ioError, MailrecoverError, systemCode } from '../errors/error.ts';
import { isoNow } from '../system/clock.ts';
import { appendDurable, makeDirectory, syncDirectorySync, writeDurable } from '../system/files.ts';
import { parseIfWhole } from '../system/kept.ts';
import type { RanCommand } from './remote.ts';

/** What a switch is, as it was approved. */
export interface SwitchHead {
  /** 16 hex digits. */
  run: string;
  mode: 'planned' | 'forced';
  epoch: number;
  from: string;
  to: string;
  /** Who began it, and where. */
  by: string;
  /** Whether the old host could be asked when it was planned: else its queue and last mail are out of reach. */
  reachable: boolean;
  /** Seconds of mail that may be lost at most; absent where none was approved. */
  allowLoss?: number;
  /** What was attested about the old host, by a person. */
  attested?: string;
  /** Mailboxes without current mail are begun anew. */
  dialTone?: true;
  /** Accounts that the old host knew when it began, where it could be asked. */
  accounts?: { count: number; sha256: string };
}

/** What a step must know to be taken back or gone on with. */
export type Memory = Record<string, unknown>;

export type JournalLine =
  | ({ event: 'switch'; time: string } & SwitchHead)
  | { event: 'begin'; time: string; step: string; memory: Memory }
  | { event: 'done'; time: string; step: string; evidence: readonly string[] }
  | { event: 'failed'; time: string; step: string; code: string; message: string }
  | { event: 'no-return'; time: string; step: string }
  | { event: 'nothing-seen'; time: string; step: string }
  | { event: 'back'; time: string }
  | { event: 'undone'; time: string; step: string }
  | { event: 'resumed'; time: string; by: string; takenOver?: true }
  | ({ event: 'ran' } & RanCommand)
  | { event: 'end'; time: string; outcome: SwitchOutcome };

/** How a switch ended for good. */
export type SwitchOutcome = 'switched' | 'rolled-back';

/** What a journal says. */
export interface SwitchState {
  head: SwitchHead;
  path: string;
  /** UTC. */
  startedAt: string;
  memories: Map<string, Memory>;
  done: Set<string>;
  undone: Set<string>;
  noReturn: boolean;
  /** It is being taken back. */
  goingBack: boolean;
  ended: SwitchOutcome | undefined;
  lines: JournalLine[];
}

const FOLDER = join('standby', 'switches');

/** A name for a new switch. */
export function newRun(): string {
  return randomBytes(8).toString('hex');
}

export class Journal {
  readonly state: SwitchState;

  private constructor(state: SwitchState) {
    this.state = state;
  }

  /** Begins the journal of a switch; durable when it resolves. */
  static async begin(directory: string, head: SwitchHead): Promise<Journal> {
    const folder = join(directory, FOLDER);
    await makeDirectory(folder);
    const path = join(folder, `${head.run}.jsonl`);
    const journal = new Journal(emptyState(head, path, isoNow()));
    journal.#append({ event: 'switch', time: journal.state.startedAt, ...head });
    syncDirectorySync(folder);
    return journal;
  }

  /** Goes on with a journal that was read. */
  static resume(state: SwitchState, by: string): Journal {
    const journal = new Journal(state);
    // A line that was torn stays what it is, and takes no other with it.
    if (!readFileSync(state.path, 'utf8').endsWith('\n')) appendDurable(state.path, '\n');
    journal.#append({ event: 'resumed', time: isoNow(), by });
    return journal;
  }

  /** Goes on with a switch of another host. What this host had written of it itself is left beside it. */
  static async takeOver(directory: string, { head, startedAt, lines }: SwitchState, by: string): Promise<Journal> {
    const folder = join(directory, FOLDER);
    await makeDirectory(folder);
    const path = join(folder, `${head.run}.jsonl`);
    if (existsSync(path)) renameSync(path, `${path}.${isoNow().replaceAll(':', '')}`);
    await writeDurable(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const journal = new Journal(emptyState(head, path, startedAt));
    for (const line of lines) takeIn(journal.state, line);
    journal.#append({ event: 'resumed', time: isoNow(), by, takenOver: true });
    return journal;
  }

  /** This host need not go on with it: another one has brought it to its end. */
  static endedElsewhere(state: SwitchState, outcome: SwitchOutcome): void {
    new Journal(state).end(outcome);
  }

  begin(step: string, memory: Memory): void {
    this.#append({ event: 'begin', time: isoNow(), step, memory });
  }

  done(step: string, evidence: readonly string[]): void {
    this.#append({ event: 'done', time: isoNow(), step, evidence });
  }

  failed(step: string, error: unknown): void {
    const [code, message] = error instanceof MailrecoverError ? [error.code, error.message] : ['bug', String(error)];
    this.#append({ event: 'failed', time: isoNow(), step, code, message });
  }

  /** From here on nothing is taken back any more. */
  noReturn(step: string): void {
    this.#append({ event: 'no-return', time: isoNow(), step });
  }

  /** It turned out that mail never saw the new host. */
  nothingSeen(step: string): void {
    this.#append({ event: 'nothing-seen', time: isoNow(), step });
  }

  back(): void {
    this.#append({ event: 'back', time: isoNow() });
  }

  undone(step: string): void {
    this.#append({ event: 'undone', time: isoNow(), step });
  }

  end(outcome: SwitchOutcome): void {
    this.#append({ event: 'end', time: isoNow(), outcome });
  }

  /** For the record of commands. */
  ran(command: RanCommand): void {
    this.#append({ event: 'ran', ...command });
  }

  #append(line: JournalLine): void {
    appendDurable(this.state.path, `${JSON.stringify(line)}\n`);
    takeIn(this.state, line);
  }
}

function emptyState(head: SwitchHead, path: string, startedAt: string): SwitchState {
  return {
    head,
    path,
    startedAt,
    memories: new Map(),
    done: new Set(),
    undone: new Set(),
    noReturn: false,
    goingBack: false,
    ended: undefined,
    lines: [],
  };
}

function takeIn(state: SwitchState, line: JournalLine): void {
  state.lines.push(line);
  if (line.event === 'begin') state.memories.set(line.step, line.memory);
  else if (line.event === 'done') state.done.add(line.step);
  else if (line.event === 'undone') state.undone.add(line.step);
  else if (line.event === 'no-return') state.noReturn = true;
  else if (line.event === 'nothing-seen') state.noReturn = false;
  else if (line.event === 'back') state.goingBack = true;
  else if (line.event === 'end') state.ended = line.outcome;
  // What the other host did after its last word is not known here: each step is asked, or made, again.
  else if (line.event === 'resumed' && line.takenOver === true && !state.noReturn) state.done.clear();
}

/** All switches that this host carried out or began, the newest first. */
export function readSwitches(directory: string): SwitchState[] {
  const folder = join(directory, FOLDER);
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => /^[0-9a-f]{16}\.jsonl$/.test(name));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw ioError(error, 'read the switches in', folder);
  }
  return names
    .flatMap((name) => readOne(join(folder, name)) ?? [])
    .sort((a, b) => b.head.epoch - a.head.epoch || b.startedAt.localeCompare(a.startedAt));
}

/** The switch that was begun here and has not ended, if there is one. */
export function openSwitch(directory: string): SwitchState | undefined {
  return readSwitches(directory).find(({ ended }) => ended === undefined);
}

function readOne(path: string): SwitchState | undefined {
  return readState(readFileSync(path, 'utf8').split('\n'), path);
}

/**
 * Reads the lines of a journal. One that a crash tore was never acted upon: it is the last, and is left out. Of a journal whose first line is torn nothing was
 * done at all.
 */
export function readState(lines: readonly string[], path: string): SwitchState | undefined {
  let state: SwitchState | undefined;
  for (const text of lines) {
    const line = parseIfWhole(text) as JournalLine | undefined;
    if (line === undefined) continue;
    if (state === undefined) {
      if (line.event !== 'switch') return undefined;
      const { event: _, time, ...head } = line;
      state = emptyState(head, path, time);
    }
    takeIn(state, line);
  }
  return state;
}

/** Who went on with a switch last, and when it said something last. */
export function lastSeen({ head, lines, startedAt }: SwitchState): { by: string; at: string } {
  const by = lines.findLast((line) => line.event === 'resumed')?.by ?? head.by;
  const at = lines.findLast((line) => line.event !== 'ran')?.time ?? startedAt;
  return { by, at };
}
