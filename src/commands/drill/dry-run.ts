/** A recipe without its effects: the plan, and what can be tried. */
import type { KnownCommands } from '../../drill/commands.ts';
import { runCommand, runProgram } from '../../drill/execute.ts';
import { judged } from '../../drill/run.ts';
import type { Recipe, RecipeStep } from '../../drill/schema.ts';
import { shownSeconds } from '../../drill/shown.ts';
import { doingOf, inDryRun, isAsking, leftOut, shownDoing, shownOutput } from '../../drill/step.ts';
import type { Finding } from '../../errors/finding.ts';
import type { CommandContext, CommandResult, TextHelpers } from '../types.ts';
import { shownText } from './carry-out.ts';

interface Planned {
  id: string;
  title: string;
  role: string | null;
  planned: number | null;
  /** What would be run or asked, as far as it is known yet. */
  does: string;
  /** Why it would be left out. */
  leftOut: string | null;
  /** `shown` where it was not tried. */
  outcome: 'shown' | 'left-out' | 'ok' | 'failed';
  exitCode: number | null;
  says: string | null;
}

export async function dryRun(
  context: CommandContext,
  file: { name: string; path: string; sha256: string; recipe: Recipe },
  commands: KnownCommands,
  variables: Record<string, string>,
): Promise<CommandResult> {
  const values = new Map(Object.entries(variables));
  const plan: Planned[] = [];
  const findings: Finding[] = [];
  for (const step of file.recipe.steps) plan.push(await one(context, step, commands, values, findings));
  const failed = plan.filter(({ outcome }) => outcome === 'failed').length;
  const { recipe, ...which } = file;
  return {
    outcome: failed > 0 ? 'failed' : findings.length > 0 ? 'warning' : 'ok',
    ...(failed > 0 ? { cause: 'failed' as const } : {}),
    counts: { steps: plan.length, failed },
    findings,
    fields: {
      recipe: { name: which.name, path: which.path, sha256: which.sha256, title: recipe.title },
      result: 'planned',
      dryRun: true,
      resumed: false,
      plan,
    },
    render: (text) => shown(recipe, plan, failed, text),
  };
}

async function one(
  context: CommandContext,
  step: RecipeStep,
  commands: KnownCommands,
  values: Map<string, string>,
  findings: Finding[],
): Promise<Planned> {
  const doing = doingOf(step, values, commands, shownOutput);
  const base = { id: step.id, title: step.title, role: step.role ?? null, planned: step.planned ?? null, does: shownDoing(doing) };
  const nothing = { leftOut: null, exitCode: null, says: null };
  const reason = leftOut(step, values);
  if (reason !== undefined) return { ...base, ...nothing, leftOut: reason, outcome: 'left-out' };
  const how = inDryRun(step, commands);
  if (how === 'show' || isAsking(doing)) return { ...base, ...nothing, outcome: 'shown' };
  const { configPath: config, lang, signal, progress } = context;
  const options = { config, lang, signal, timeoutMs: step.timeout * 1000 };
  progress.phase(step.title);
  const args =
    doing.kind === 'uses' ? [...doing.args, ...(how === 'with-dry-run' && !doing.args.includes('--dry-run') ? ['--dry-run'] : [])] : [];
  const ran = doing.kind === 'uses' ? await runCommand(doing.uses, args, options) : await runProgram(doing.argv, options);
  signal.throwIfAborted();
  // Fields tell what was changed, and nothing was: the exit code alone counts where it was not run as it is.
  const end = judged(how === 'run' ? step : { ...step, expect: { ...step.expect, equal: {} } }, ran, values);
  for (const [name, value] of Object.entries(end.outputs)) values.set(`${step.id}.${name}`, value);
  if (step.show && !context.quiet) context.tell(shownText(ran.text, ran.remarks));
  for (const { severity, message, hint } of end.remarks)
    findings.push({
      severity: severity === 'error' && step.onFailure === 'stop' ? 'error' : 'warning',
      code: 'drill-step',
      message: `${step.title}: ${message}`,
      ...(hint === undefined ? {} : { hint }),
      subject: step.id,
    });
  const bad = end.outcome !== 'done' && step.onFailure === 'stop';
  return {
    ...base,
    ...nothing,
    outcome: bad ? 'failed' : 'ok',
    exitCode: end.exitCode ?? null,
    says: end.says ?? null,
  };
}

function shown(recipe: Recipe, plan: readonly Planned[], failed: number, text: TextHelpers): string {
  const total = plan.filter(({ outcome }) => outcome !== 'left-out').reduce((sum, { planned }) => sum + (planned ?? 0), 0);
  const marks = {
    shown: '',
    'left-out': text.dim(text.say` (left out)`),
    ok: text.green(text.say` (tried: ok)`),
    failed: text.red(text.say` (tried: failed)`),
  };
  const lines = plan.flatMap(({ title, role, planned, does, leftOut: reason, outcome, says }, index) => [
    `${String(index + 1).padStart(3)} ${text.bold(title)}${role === null ? '' : text.dim(`  ${role}`)}${planned === null ? '' : text.dim(`  ${shownSeconds(planned)}`)}${marks[outcome]}`,
    ...(reason === null ? does.split('\n').map((line) => `      ${line}`) : [`      ${text.dim(reason)}`]),
    ...(says === null ? [] : [text.dim(`      ${says}`)]),
  ]);
  return [
    failed > 0
      ? text.red(text.bold(text.say`this would not go well now: ${failed} of what could be tried failed`))
      : text.green(text.bold(text.say`what could be tried without changing anything went well; nothing was changed`)),
    text.dim(text.say`steps that change something were only shown, and approvals were not asked for`),
    '',
    text.bold(recipe.title),
    ...(recipe.description === undefined ? [] : recipe.description.trim().split('\n')),
    '',
    ...lines,
    ...(total === 0 ? [] : ['', text.dim(text.say`planned: ${shownSeconds(total)}`)]),
  ].join('\n');
}
