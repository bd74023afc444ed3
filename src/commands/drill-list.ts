import type { Finding } from '../errors/finding.ts';
import type { Recipe } from '../drill/schema.ts';
import { defineCommand } from './types.ts';

interface Listed {
  name: string;
  path: string;
  title: string | null;
  variables: { name: string; description: string; default: string | null }[];
  steps: number | null;
  problems: { line: number; column: number; message: string; hint: string | null }[];
}

export default defineCommand({
  name: 'drill list',
  summary: 'list the recipes, and what is wrong with any',
  description: [
    "Lists the recipes that `drill run` knows by name: those in 'recipes' beside the configuration, and those that come with mailrecover. One of yours stands in place of one of the same name that comes along.",
    'Each is read and checked: every mistake is named with line and column, and what a misspelt word was probably meant to be.',
  ],
  arguments: {},
  options: {},
  examples: [{ command: 'mailrecover drill list', says: 'See which recipes there are, and whether yours are right.' }],
  exitCodes: { 0: 'all recipes can be run', 2: 'a recipe has mistakes, which are named' },
  json: {
    'recipes[].{name,path,title,steps}': 'each recipe; title and steps are null where it has mistakes',
    'recipes[].variables[].{name,description,default}': 'what is given when it is run; default is null where it must be given',
    'recipes[].problems[].{line,column,message,hint}': 'what is wrong with it',
  },
  async run(context) {
    const [{ listRecipes, parseRecipe, readRecipe }, { knownCommands }, { foldersOf }] = await Promise.all([
      import('../drill/recipe.ts'),
      import('./drill/known.ts'),
      import('./drill/recipes.ts'),
    ]);
    const commands = await knownCommands();
    const recipes = listRecipes(foldersOf(context)).map((file): Listed => {
      const { recipe, problems = [] } = parseRecipe(readRecipe(file).text, commands);
      return {
        ...file,
        title: recipe?.title ?? null,
        variables: variablesOf(recipe),
        steps: recipe?.steps.length ?? null,
        problems: problems.map(({ hint, ...problem }) => ({ ...problem, hint: hint ?? null })),
      };
    });
    const findings = recipes.flatMap(({ path, problems }) =>
      problems.map(({ line, column, message, hint }): Finding => {
        const finding: Finding = { severity: 'error', code: 'config', message: `${path}:${line}:${column}: ${message}`, subject: path };
        return hint === null ? finding : { ...finding, hint };
      }),
    );
    return {
      outcome: findings.length > 0 ? 'failed' : 'ok',
      counts: { recipes: recipes.length, problems: findings.length },
      findings,
      fields: { recipes },
      render: (text) =>
        recipes.length === 0
          ? text.say`there are no recipes`
          : text.table(
              recipes.map(({ name, title, variables }) => [
                text.bold(name),
                title ?? text.red(text.say`has mistakes, below`),
                text.dim(variables.map((variable) => (variable.default === null ? `${variable.name}=…` : variable.name)).join(' ')),
              ]),
              { head: [text.say`recipe`, text.say`what it does`, text.say`variables`] },
            ),
    };
  },
});

function variablesOf(recipe: Recipe | undefined): Listed['variables'] {
  return (recipe?.variables ?? []).map(({ name, description, default: usual }) => ({ name, description, default: usual ?? null }));
}
