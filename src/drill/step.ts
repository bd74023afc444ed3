/** One step of a recipe, with its values filled in. */
import { flagArguments } from './arguments.ts';
import type { KnownCommands } from './commands.ts';
import type { RecipeStep } from './schema.ts';
import { fill, type Values } from './values.ts';

/** What is to be done, ready to be run or read out. */
export type Doing = Running | Asking;
export type Running = { kind: 'uses'; uses: string; args: string[] } | { kind: 'run'; argv: string[] };
export interface Asking {
  kind: 'approve' | 'manual';
  question: string;
  /** What must be typed, where `yes` is not enough. */
  answer: string | undefined;
}

/** How a step is filled in where an output is not known yet, for a plan. */
export function shownOutput(name: string): string {
  return `<${name}>`;
}

export function doingOf(step: RecipeStep, values: Values, commands: KnownCommands, unknown?: (name: string) => string): Doing {
  const filled = (text: string): string => fill(text, values, unknown);
  if (step.uses !== undefined) {
    const options = flagArguments(step.with, commands[step.uses], filled);
    return { kind: 'uses', uses: step.uses, args: [...options, ...step.args.map(filled)] };
  }
  if (step.run !== undefined) return { kind: 'run', argv: step.run.map(filled) };
  const kind = step.approve === undefined ? 'manual' : 'approve';
  return {
    kind,
    question: filled(step.approve ?? step.manual ?? '').trim(),
    answer: step.answer === undefined ? undefined : filled(step.answer),
  };
}

export function isAsking(doing: Doing): doing is Asking {
  return doing.kind === 'approve' || doing.kind === 'manual';
}

/** In one line, as it would be typed. */
export function shownDoing(doing: Doing): string {
  if (doing.kind === 'uses') return ['mailrecover', doing.uses, ...doing.args.map(quoted)].join(' ');
  return doing.kind === 'run' ? doing.argv.map(quoted).join(' ') : doing.question;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./<>-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Why a step is left out, or undefined where it is to be done. */
export function leftOut(step: Pick<RecipeStep, 'when' | 'unless'>, values: Values): string | undefined {
  const shown = (name: string): string => `${name} is '${values.get(name) ?? ''}'`;
  const unmet = Object.entries(step.when).find(([name, wanted]) => (values.get(name) ?? '') !== wanted);
  if (unmet !== undefined) return shown(unmet[0]);
  const met = Object.entries(step.unless).find(([name, unwanted]) => (values.get(name) ?? '') === unwanted);
  return met === undefined ? undefined : shown(met[0]);
}

/** What a dry run does with a step. */
export function inDryRun(step: RecipeStep, commands: KnownCommands): 'run' | 'with-dry-run' | 'show' {
  const able = step.uses !== undefined && commands[step.uses]?.options['dry-run'] !== undefined;
  const wish = step.dryRun ?? (step.harmless || able ? 'run' : 'show');
  if (wish === 'show' || step.approve !== undefined || step.manual !== undefined) return 'show';
  if (step.harmless) return 'run';
  return able ? 'with-dry-run' : 'show';
}
