/** Carrying a recipe out: step after step, each written down before it is begun and after it has ended. */
import { MailrecoverError } from '../errors/error.ts';
import { isoNow, sleep } from '../system/clock.ts';
import type { Progress } from '../system/progress.ts';
import { runCommand, runProgram, type ExecuteOptions, type Ran } from './execute.ts';
import type { KnownCommands } from './commands.ts';
import type { DrillJournal, StepEnd } from './journal.ts';
import { askPerson, type People } from './people.ts';
import type { RecipeStep } from './schema.ts';
import { doingOf, isAsking, leftOut, shownDoing, type Asking, type Doing, type Running } from './step.ts';
import { fieldAt, fill } from './values.ts';

export interface RunDrill {
  journal: DrillJournal;
  commands: KnownCommands;
  people: People;
  /** The configuration that commands of mailrecover get. */
  config: string;
  lang: string;
  progress: Progress;
  signal: AbortSignal;
}

export type Carried = { outcome: 'finished' } | { outcome: 'stopped'; step: string; why: 'failed' | 'refused'; end: StepEnd };

const LOCKED = 11;
const LOCKED_WAIT_MS = 2000;

/**
 * Does what is not done yet. A step that fails stops the run, unless the recipe says to go on; the next run begins with it.
 * @throws the signal's reason: then the journal says how far it came
 */
export async function carryOut(run: RunDrill): Promise<Carried> {
  const { journal, signal } = run;
  const { recipe, variables } = journal.state.head;
  const values = new Map(Object.entries(variables));
  const { cut } = journal.state;
  for (const step of recipe.content.steps) {
    const settled = journal.state.settled.get(step.id);
    const end = settled ?? (await one(run, step, values, step.id === cut));
    for (const [name, value] of Object.entries(end.outputs)) values.set(`${step.id}.${name}`, value);
    if (settled !== undefined || end.outcome === 'skipped' || end.outcome === 'done' || end.goesOn === true) continue;
    signal.throwIfAborted();
    const why = step.approve === undefined ? 'failed' : 'refused';
    journal.append({ event: 'stopped', time: isoNow(), step: step.id, why, message: end.says ?? '' });
    return { outcome: 'stopped', step: step.id, why, end };
  }
  journal.append({ event: 'finished', time: isoNow() });
  return { outcome: 'finished' };
}

async function one(run: RunDrill, step: RecipeStep, values: Map<string, string>, wasCut: boolean): Promise<StepEnd> {
  const { journal, people, signal } = run;
  const ended = (end: Omit<StepEnd, 'step' | 'remarks' | 'outputs'> & Partial<StepEnd>): StepEnd => {
    const whole: StepEnd = { step: step.id, remarks: [], outputs: {}, ...end };
    journal.append({ event: 'end', time: isoNow(), ...whole });
    people.ended(step, whole);
    return whole;
  };
  const reason = leftOut(step, values);
  if (reason !== undefined) return ended({ outcome: 'skipped', says: reason });
  if (wasCut && step.run !== undefined && step.repeatable !== true) {
    const again = await askPerson(run, step, 'again', `'${step.title}' was cut off, and nobody knows how far it came. Is it done?`);
    if (again.answer === 'yes') return ended({ outcome: 'done', says: 'was cut off; somebody looked, and said that it is done' });
  }
  let doing: Doing;
  try {
    doing = doingOf(step, values, run.commands);
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
    return ended({ outcome: 'failed', says: error.message, ...goesOn(step) });
  }
  if (isAsking(doing)) {
    journal.append({ event: 'begin', time: isoNow(), step: step.id, does: doing.question });
    return ended(await personal(run, step, doing));
  }
  for (let tried = 0; ; tried++) {
    const end = await tryOnce(run, step, doing, values, wasCut);
    signal.throwIfAborted();
    if (end.outcome === 'done' || tried >= (step.retry?.times ?? 0))
      return ended({ ...end, ...(end.outcome === 'done' ? {} : goesOn(step)) });
    ended(end);
    await sleep((step.retry?.wait ?? 0) * 1000, signal);
    signal.throwIfAborted();
  }
}

function goesOn({ onFailure }: RecipeStep): Pick<StepEnd, 'goesOn'> {
  return onFailure === 'continue' ? { goesOn: true } : {};
}

async function personal(run: RunDrill, step: RecipeStep, { kind, question, answer: typed }: Asking): Promise<Omit<StepEnd, 'step'>> {
  const { answer, by, how, remark } = await askPerson(run, step, kind, question, typed);
  const said = {
    yes: kind === 'approve' ? 'approved' : 'done',
    no: kind === 'approve' ? 'not approved' : 'could not be done',
    skipped: 'left out',
  };
  const says = [`${said[answer]} by ${by}`, ...(how === 'beforehand' ? ['beforehand, with --yes'] : []), ...(remark ? [remark] : [])].join(
    ': ',
  );
  const outcome = answer === 'yes' ? 'done' : answer === 'skipped' ? 'skipped' : 'failed';
  return { outcome, says, remarks: [], outputs: {}, ...(outcome === 'failed' && kind === 'manual' ? goesOn(step) : {}) };
}

async function tryOnce(run: RunDrill, step: RecipeStep, doing: Running, values: Map<string, string>, wasCut: boolean): Promise<StepEnd> {
  const { journal, progress, config, lang, signal, people } = run;
  const options: ExecuteOptions = { config, lang, timeoutMs: step.timeout * 1000, signal };
  const command = doing.kind === 'uses' ? ['mailrecover', ...doing.uses.split(' '), ...doing.args] : doing.argv;
  journal.append({ event: 'begin', time: isoNow(), step: step.id, does: shownDoing(doing), command });
  people.begins(step, shownDoing(doing));
  progress.phase(step.title);
  let ran: Ran;
  // What was cut off may still run, and hold its lock: it is waited for.
  const patience = wasCut ? Math.ceil((step.timeout * 1000) / LOCKED_WAIT_MS) : 0;
  for (let waited = 0; ; waited++) {
    ran = doing.kind === 'uses' ? await runCommand(doing.uses, doing.args, options) : await runProgram(doing.argv, options);
    if (ran.exitCode !== LOCKED || waited >= patience || step.expect.exit.includes(LOCKED)) break;
    await sleep(LOCKED_WAIT_MS, signal);
    signal.throwIfAborted();
  }
  if (step.show) people.show(ran.text, ran.remarks);
  return judged(step, ran, values);
}

/** Whether what was run did what the recipe expects. */
export function judged(
  step: RecipeStep,
  { exitCode, problem, document, text, remarks }: Ran,
  values: ReadonlyMap<string, string>,
): StepEnd {
  const outputs = Object.fromEntries(
    Object.entries(step.outputs).flatMap(([name, path]) => {
      const value = fieldAt(document, path);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const wrong = problem ?? unexpected(step, exitCode, document, values);
  const first =
    text
      .split('\n')
      .find((line) => line.trim() !== '')
      ?.trim() ?? remarks.find(({ severity }) => severity === 'error')?.message;
  const says = [...(wrong === undefined ? [] : [wrong]), ...(first === undefined ? [] : [first])].join(': ');
  return {
    step: step.id,
    outcome: wrong === undefined ? 'done' : 'failed',
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(says === '' ? {} : { says }),
    remarks,
    outputs,
  };
}

function unexpected(
  { expect }: RecipeStep,
  exitCode: number | undefined,
  document: Record<string, unknown> | undefined,
  values: ReadonlyMap<string, string>,
): string | undefined {
  if (exitCode === undefined || !expect.exit.includes(exitCode)) return `exit code ${exitCode ?? '?'}`;
  for (const [path, value] of Object.entries(expect.equal)) {
    const [wanted, is] = [fill(value, values), fieldAt(document, path)];
    if (is !== wanted) return `${path} is '${is ?? ''}', not '${wanted}'`;
  }
  return undefined;
}
