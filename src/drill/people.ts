/** What people are asked and told in a run. */
import { MailrecoverError } from '../errors/error.ts';
import { isoNow } from '../system/clock.ts';
import type { Answer, DrillJournal, Remark, StepEnd } from './journal.ts';
import type { RecipeStep } from './schema.ts';

export interface People {
  /** Somebody sits at a terminal. */
  interactive: boolean;
  /** Whoever started it said yes to everything. */
  yes: boolean;
  /** Who runs it, where nobody gives another name. */
  user: string;
  ask(question: string): Promise<string>;
  begins(step: RecipeStep, does: string): void;
  ended(step: RecipeStep, end: StepEnd): void;
  /** What a step said, where the recipe has that shown. */
  show(text: string, remarks: readonly Remark[]): void;
  /** Said in any case. */
  say(text: string): void;
}

/**
 * Asks, and writes down who said what.
 * @throws MailrecoverError `refused` where nobody can answer
 */
export async function askPerson(
  run: { journal: DrillJournal; people: People },
  step: RecipeStep,
  kind: Answer['kind'],
  question: string,
  typed?: string,
): Promise<Answer> {
  const { journal, people } = run;
  const { roles } = journal.state.head;
  const named = step.role === undefined ? undefined : roles[step.role];
  const base = { step: step.id, kind, question, ...(step.role === undefined ? {} : { role: step.role }) };
  const told = (answer: Omit<Answer, keyof typeof base>): Answer => {
    const whole: Answer = { ...base, ...answer };
    journal.append({ event: 'answer', time: isoNow(), ...whole });
    return whole;
  };
  if (people.yes && kind !== 'again') return told({ answer: 'yes', by: people.user, how: 'beforehand' });
  if (!people.interactive)
    throw new MailrecoverError('refused', `nobody is there to answer: ${question.split('\n')[0] ?? ''}`, {
      hint:
        kind === 'again'
          ? 'look how far it came, and run this again at a terminal'
          : 'run it at a terminal (ssh -t), or say yes to everything beforehand with --yes; what was done is written down',
      subject: step.id,
    });
  const who = [step.role, named].filter((each) => each !== undefined).join(': ');
  people.say(`\n${step.title}${who === '' ? '' : `  [${who}]`}\n${question}`);
  const given = (await people.ask(PROMPT[kind](typed))).trim();
  const answer = understood(kind, given, typed);
  // Who was named beforehand need not say so again.
  const by = answer === 'no' && kind === 'again' ? people.user : (named ?? ((await people.ask('Your name: ')).trim() || people.user));
  const remark = kind === 'manual' || answer === 'no' ? (await people.ask('Remark for the record (or nothing): ')).trim() : '';
  return told({ answer, by, how: 'terminal', ...(remark === '' ? {} : { remark }) });
}

const PROMPT: Record<Answer['kind'], (typed: string | undefined) => string> = {
  approve: (typed) => (typed === undefined ? 'Approve? [yes/no] ' : `To approve, type '${typed}': `),
  manual: () => 'Done? [yes/no/skip] ',
  again: () => 'Is it done? [yes: go on / no: do it again] ',
};

/** Anything but a clear yes is a no. */
function understood(kind: Answer['kind'], given: string, typed: string | undefined): Answer['answer'] {
  if (kind === 'approve' && typed !== undefined) return given === typed ? 'yes' : 'no';
  if (/^y(?:es)?$/i.test(given)) return 'yes';
  return kind === 'manual' && /^s(?:kip)?$/i.test(given) ? 'skipped' : 'no';
}
