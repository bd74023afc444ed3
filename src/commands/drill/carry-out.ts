/** A run at this terminal, or without one. */
import { OUTCOMES } from '../../drill/outcomes.ts';
import type { DrillJournal, Remark } from '../../drill/journal.ts';
import type { KnownCommands } from '../../drill/commands.ts';
import type { People } from '../../drill/people.ts';
import { carryOut } from '../../drill/run.ts';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { isoNow } from '../../system/clock.ts';
import type { CommandContext, CommandResult } from '../types.ts';
import { keepRecord } from './keep.ts';
import { renderRecord } from './render.ts';

export interface Wishes {
  yes: boolean;
  resumed: boolean;
  /** How the recipe was named on the command line. */
  asked: string;
  user: string;
}

export async function carryOutHere(
  context: CommandContext,
  journal: DrillJournal,
  commands: KnownCommands,
  { yes, resumed, asked, user }: Wishes,
): Promise<CommandResult> {
  const { configPath: config, lang, progress, signal } = context;
  let refusal: MailrecoverError | undefined;
  try {
    await carryOut({ journal, commands, people: peopleOf(context, journal, yes, user), config, lang, progress, signal });
  } catch (error) {
    const why = signal.aborted ? 'interrupted' : 'refused';
    const message = error instanceof MailrecoverError ? error.message : 'interrupted by a signal';
    const step = journal.state.cut ?? nextStep(journal);
    journal.append({ event: 'stopped', time: isoNow(), step, why, message });
    await keepRecord(journal.state);
    if (signal.aborted || !(error instanceof MailrecoverError)) throw error;
    refusal = error;
  }
  const { record, artifacts } = await keepRecord(journal.state);
  const { outcome } = record;
  const goOn = `when it is mended, go on: mailrecover drill run ${asked}`;
  const stopped = record.steps.find(({ outcome: how }) => how === 'failed' || how === 'interrupted');
  const findings: Finding[] = [
    ...(refusal === undefined
      ? []
      : [
          {
            severity: 'error' as const,
            code: refusal.code,
            message: refusal.message,
            ...(refusal.hint === undefined ? {} : { hint: refusal.hint }),
          },
        ]),
    ...(outcome === 'stopped' && refusal === undefined
      ? [
          {
            severity: 'error' as const,
            code: 'step-failed',
            message: record.because ?? 'a step failed',
            hint: goOn,
          },
          // Why, in the words of what was run, and what mends it.
          ...(stopped?.remarks ?? [])
            .filter(({ severity }) => severity === 'error')
            .map((remark): Finding => ({ ...remark, severity: 'error' })),
        ]
      : []),
    ...record.deviations.map(({ step, code, message }): Finding => ({
      severity: 'warning',
      code: `drill-${code}`,
      message: step === null ? message : `${record.steps.find(({ id }) => id === step)?.title ?? step}: ${message}`,
    })),
  ];
  const last = journal.state.lines.at(-1);
  const refused = last?.event === 'stopped' && last.why === 'refused';
  const ended = outcome === 'finished' || outcome === 'finished-with-failures';
  return {
    outcome: !ended ? 'failed' : outcome === 'finished' ? (findings.length > 0 ? 'warning' : 'ok') : 'partial',
    ...(ended ? {} : { cause: refused ? ('refused' as const) : ('failed' as const) }),
    counts: {
      steps: record.steps.length,
      done: record.steps.filter((step) => step.outcome === 'done').length,
      deviations: record.deviations.length,
    },
    findings,
    artifacts,
    fields: { run: record.run, recipe: record.recipe, result: outcome, dryRun: false, resumed, record },
    render: (text) => renderRecord(record, text, artifacts[1]?.path),
  };
}

/** What a step said, with what is wrong below it. */
export function shownText(text: string, remarks: readonly Remark[]): string {
  const lines = remarks.flatMap(({ severity, message, hint }) => [
    `${severity}: ${message}`,
    ...(hint === undefined ? [] : [`hint: ${hint}`]),
  ]);
  return ['', ...(text === '' ? [] : [text]), ...(lines.length === 0 ? [] : ['', ...lines]), ''].join('\n');
}

function nextStep({ state }: DrillJournal): string {
  return state.head.recipe.content.steps.find(({ id }) => !state.settled.has(id))?.id ?? '';
}

function peopleOf(context: CommandContext, journal: DrillJournal, yes: boolean, user: string): People {
  const { steps } = journal.state.head.recipe.content;
  const tell = (text: string): void => {
    if (!context.quiet) context.tell(text);
  };
  const number = (id: string): string => `${isoNow().slice(11, 19)}Z  ${steps.findIndex((step) => step.id === id) + 1}/${steps.length}`;
  return {
    interactive: context.interactive,
    yes,
    user,
    ask: (question) => context.ask(question),
    begins: (step, does) => tell(`${number(step.id)}  ${step.title}\n      ${does}`),
    ended(step, { outcome, says }) {
      tell(`${number(step.id)}  ${step.title}: ${OUTCOMES[outcome]}${says === undefined ? '' : `\n      ${says}`}`);
    },
    show: (text, remarks) => tell(shownText(text, remarks)),
    say: (text) => context.tell(text),
  };
}
