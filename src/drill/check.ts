/** What can be wrong with a recipe beyond its form. */
import { suggest } from '../errors/suggest.ts';
import type { Problem } from '../system/yaml/problems.ts';
import type { KnownCommand, KnownCommands } from './commands.ts';
import type { Recipe, RecipeStep } from './schema.ts';
import { referencesIn } from './values.ts';

type Path = readonly PropertyKey[];

/** Names that nothing has, commands and options that there are not, questions that nobody could answer. */
export function recipeProblems(recipe: Recipe, commands: KnownCommands): Problem[] {
  const problems: Problem[] = [];
  const say = (path: Path, message: string, hint?: string, onKey = false): void => void problems.push({ path, onKey, message, hint });
  const twice = (key: 'variables' | 'roles', names: readonly string[]): void =>
    names.forEach((name, index) => {
      if (names.indexOf(name) < index) say([key, index, 'name'], `'${key}[${index}].name' is there already: '${name}'`);
    });
  const roles = recipe.roles.map(({ name }) => name);
  twice(
    'variables',
    recipe.variables.map(({ name }) => name),
  );
  twice('roles', roles);
  for (const [index, { default: usual, choices }] of recipe.variables.entries())
    if (usual !== undefined && choices?.includes(usual) === false)
      say(['variables', index, 'default'], `'variables[${index}].default' must be one of ${choices.join(', ')}`);

  const known = recipe.variables.map(({ name }) => name);
  const ids: string[] = [];
  const asks = (path: Path, name: string, onKey = false): void => {
    if (!known.includes(name)) say(path, `nothing is called '${name}' there`, meant(name, known), onKey);
  };
  const texts = (path: Path, ...all: readonly string[]): void => {
    for (const name of all.flatMap(referencesIn)) asks(path, name);
  };
  for (const [index, step] of recipe.steps.entries()) {
    const at = (...rest: Path): Path => ['steps', index, ...rest];
    if (ids.includes(step.id)) say(at('id'), `'steps[${index}].id' is that of another step: '${step.id}'`);
    if (step.role !== undefined && !roles.includes(step.role)) say(at('role'), `no role is called '${step.role}'`, meant(step.role, roles));
    for (const key of ['when', 'unless'] as const) for (const name of Object.keys(step[key])) asks(at(key, name), name, true);
    for (const key of ['approve', 'manual', 'answer'] as const) texts(at(key), step[key] ?? '');
    step.run?.forEach((argument, number) => texts(at('run', number), argument));
    step.args.forEach((argument, number) => texts(at('args', number), argument));
    for (const [name, value] of Object.entries(step.with)) texts(at('with', name), ...[value].flat().map(String));
    for (const [name, value] of Object.entries(step.expect.equal)) texts(at('expect', 'equal', name), value);
    if (step.uses !== undefined) commandProblems(step, commands, (path, ...rest) => say(at(...path), ...rest));
    ids.push(step.id);
    known.push(...Object.keys(step.outputs).map((output) => `${step.id}.${output}`));
  }
  for (const [index, { value }] of recipe.goals.entries()) texts(['goals', index, 'value'], value);
  return problems;
}

function meant(name: string, among: readonly string[]): string {
  const near = suggest(name, among);
  if (near !== undefined) return `did you mean '${near}'?`;
  return among.length === 0 ? 'there is none' : `there is: ${among.join(', ')}`;
}

function commandProblems(
  { uses = '', with: options, args }: RecipeStep,
  commands: KnownCommands,
  say: (path: Path, message: string, hint?: string, onKey?: boolean) => void,
): void {
  const command = commands[uses];
  if (command === undefined) return say(['uses'], `there is no command '${uses}'`, meant(uses, Object.keys(commands)));
  for (const [name, value] of Object.entries(options)) optionProblem(command, uses, name, value, say);
  const { least, most } = command.arguments;
  if (args.length < least || args.length > most)
    say(['args'], `'${uses}' takes ${least === most ? least : `${least} to ${most}`} arguments, not ${args.length}`);
  if (command.options['yes'] !== undefined && options['yes'] !== true && options['dry-run'] !== true)
    say(['uses'], `'${uses}' would ask, and nobody could answer`, "put a step with 'approve' before it, and 'yes: true' below 'with'");
}

function optionProblem(
  command: KnownCommand,
  uses: string,
  name: string,
  value: unknown,
  say: (path: Path, message: string, hint?: string, onKey?: boolean) => void,
): void {
  const option = command.options[name];
  if (option === undefined)
    return say(['with', name], `'${uses}' has no option '${name}'`, meant(name, Object.keys(command.options)), true);
  if (option.kind === 'flag') {
    if (typeof value !== 'boolean' && referencesIn(String(value)).length === 0) say(['with', name], `'${name}' is a flag: true or false`);
  } else if (typeof value === 'boolean') say(['with', name], `'${name}' takes a value, not ${value}`);
  else if (Array.isArray(value) && option.kind !== 'list') say(['with', name], `'${name}' takes one value`);
  else if (option.choices !== undefined && referencesIn(String(value)).length === 0 && !option.choices.includes(String(value)))
    say(['with', name], `'${name}' must be one of ${option.choices.join(', ')}`);
}
