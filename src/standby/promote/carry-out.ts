/** Carries out the steps of a switch, goes on with one that was cut off, and takes one back. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { Progress } from '../../system/progress.ts';
import type { Journal } from '../journal.ts';
import type { Step } from './step.ts';

export interface CarryOut {
  steps: readonly Step[];
  journal: Journal;
  progress: Progress;
  signal: AbortSignal;
  /** Throws where another switch took over meanwhile; asked before each step that changes something. */
  guard: () => Promise<void>;
  /** Lets other hosts know what the journal says; throws `locked` where one of them goes on with the switch, other errors where they can't be told. */
  share: () => Promise<void>;
  /** Throws `locked` where another operator has the switch in hand now, other errors where nobody knows. */
  alone: () => Promise<void>;
  /** Take it back rather than go on. */
  abort: boolean;
}

export interface CarriedOut {
  /** `stopped`: it could not be taken back as a whole; both are gone on with by the next run. */
  outcome: 'switched' | 'not-finished' | 'rolled-back' | 'stopped';
  findings: Finding[];
  /** What every step proved, by its id. */
  evidence: Map<string, readonly string[]>;
}

/**
 * Does what is not done yet. Before the point of no return a step that fails has all that was done taken back; after it the steps behind it are done all the
 * same, as far as they go, and the switch is not finished.
 * @throws the signal's reason: then the journal says how far it came
 */
export async function carryOut(run: CarryOut): Promise<CarriedOut> {
  const { steps, journal, signal, abort } = run;
  const found: CarriedOut = { outcome: 'switched', findings: [], evidence: new Map() };
  if (journal.state.goingBack || abort) {
    if (journal.state.noReturn && (await passedAny(run)))
      throw new MailrecoverError(
        'refused',
        `'${journal.state.head.to}' may have served already: a switch can not be taken back from there`,
        {
          hint: "go on with 'mailrecover standby promote'; to go back afterwards: 'mailrecover standby failback'",
        },
      );
    return takeBack(run, found);
  }
  for (const step of steps) {
    try {
      await one(step, run, found);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Displaced) throw error.reason;
      journal.failed(step.id, error);
      found.findings.push(findingOf(error, step));
      if (!journal.state.noReturn || !(await passed(step, journal, signal))) return takeBack(run, found);
      found.outcome = 'not-finished';
    }
  }
  if (found.outcome === 'switched') journal.end('switched');
  await tell(run);
  return found;
}

/** What was done stays done where others can't be told; the next run tells them. */
async function tell({ share, alone, signal }: CarryOut): Promise<void> {
  for (const each of [alone, share]) {
    try {
      await undisplaced(each);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Displaced) throw error.reason;
      if (!(error instanceof MailrecoverError)) throw error;
    }
  }
}

/** Another operator has the switch in hand: nothing more is done here, neither on nor back. */
class Displaced extends Error {
  readonly reason: MailrecoverError;

  constructor(reason: MailrecoverError) {
    super(reason.message);
    this.reason = reason;
  }
}

async function undisplaced(ask: () => Promise<void>): Promise<void> {
  try {
    await ask();
  } catch (error) {
    throw error instanceof MailrecoverError && error.code === 'locked' ? new Displaced(error) : error;
  }
}

async function one(step: Step, { steps, journal, progress, guard, share, alone, signal }: CarryOut, found: CarriedOut): Promise<void> {
  signal.throwIfAborted();
  // What is not finished is not called finished.
  if (found.outcome === 'not-finished' && step === steps.at(-1)) return;
  progress.phase(step.title);
  const wasDone = journal.state.done.has(step.id);
  if (wasDone && step.once === true) return;
  const before = journal.state.memories.get(step.id);
  if (before !== undefined && (await step.check(before, wasDone))) {
    const evidence = await step.verify(before);
    found.evidence.set(step.id, evidence);
    if (!wasDone) journal.done(step.id, evidence);
    return;
  }
  await undisplaced(alone);
  await guard();
  const memory = before ?? (await step.remember?.()) ?? {};
  if (before === undefined) journal.begin(step.id, memory);
  if (step.noReturn === true && !journal.state.noReturn) journal.noReturn(step.id);
  await undisplaced(share);
  found.findings.push(...((await step.apply(memory)) ?? []));
  const evidence = await step.verify(memory);
  found.evidence.set(step.id, evidence);
  journal.done(step.id, evidence);
}

/** Whether a step at which there is no return, and which failed, let anybody see the new host after all; where that can't be asked, it did. */
async function passed(step: Step, journal: Journal, signal: AbortSignal): Promise<boolean> {
  const memory = journal.state.memories.get(step.id);
  if (step.passed === undefined || memory === undefined || journal.state.done.has(step.id)) return true;
  try {
    if (await step.passed(memory)) return true;
  } catch {
    signal.throwIfAborted();
    return true;
  }
  journal.nothingSeen(step.id);
  return false;
}

async function passedAny({ steps, journal, signal }: CarryOut): Promise<boolean> {
  const step = steps.find(({ noReturn }) => noReturn === true);
  return step === undefined || passed(step, journal, signal);
}

/** The last first; one that can't be taken back keeps no other from it. */
async function takeBack(run: CarryOut, found: CarriedOut): Promise<CarriedOut> {
  const { steps, journal, progress, signal } = run;
  if (!journal.state.goingBack) journal.back();
  await tell(run);
  // What a run before this one stumbled over.
  if (found.findings.length === 0)
    for (const line of journal.state.lines)
      if (line.event === 'failed')
        found.findings.push({
          severity: 'error',
          code: line.code,
          message: `${line.step}, at ${line.time}: ${line.message}`,
          subject: line.step,
        });
  let whole = true;
  for (const step of steps.toReversed()) {
    const memory = journal.state.memories.get(step.id);
    if (memory === undefined || journal.state.undone.has(step.id)) continue;
    progress.phase(`taking back: ${step.title}`);
    try {
      await step.rollback?.(memory);
      journal.undone(step.id);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Displaced) throw error.reason;
      journal.failed(step.id, error);
      found.findings.push(findingOf(error, step));
      whole = false;
    }
  }
  if (whole) journal.end('rolled-back');
  await tell(run);
  return { ...found, outcome: whole ? 'rolled-back' : 'stopped' };
}

function findingOf(error: unknown, step: Step): Finding {
  if (!(error instanceof MailrecoverError)) throw error;
  return {
    severity: 'error',
    code: error.code,
    message: `${step.title}: ${error.message}`,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    subject: step.id,
  };
}
