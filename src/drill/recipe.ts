/** Recipes: where they lie, and how they are read. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ioError, MailrecoverError, systemCode } from '../errors/error.ts';
import { suggest } from '../errors/suggest.ts';
import { locatedError, parseYaml, type LocatedProblem } from '../system/yaml/parse.ts';
import { recipeProblems } from './check.ts';
import type { KnownCommands } from './commands.ts';
import { recipeJsonSchema, recipeSchema, type Recipe } from './schema.ts';

const ENDING = /\.ya?ml$/;

/** Recipes that come with the program. */
function shippedFolder(): string {
  return fileURLToPath(new URL('../../recipes', import.meta.url));
}

/** Where recipes are looked for by name, in this order. @param own the directory of the configuration */
export function recipeFolders(own: string): string[] {
  return [join(own, 'recipes'), shippedFolder()];
}

export interface RecipeFile {
  /** `switch-planned`. */
  name: string;
  path: string;
}

/** All recipes that have a name; of two with the same name the first is meant. */
export function listRecipes(folders: readonly string[]): RecipeFile[] {
  const found = new Map<string, RecipeFile>();
  for (const folder of folders) {
    for (const file of namesIn(folder)) {
      const name = file.replace(ENDING, '');
      if (!found.has(name)) found.set(name, { name, path: join(folder, file) });
    }
  }
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && ENDING.test(entry.name))
      .map(({ name }) => name);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return [];
    throw ioError(error, 'list the recipes in', folder);
  }
}

/**
 * The recipe of that name, or at that path.
 * @throws MailrecoverError `not-found` with what there is
 */
export function findRecipe(asked: string, folders: readonly string[]): RecipeFile {
  if (asked.includes('/') || ENDING.test(asked)) {
    if (existsSync(asked)) return { name: basename(asked).replace(ENDING, ''), path: asked };
    throw new MailrecoverError('not-found', `there is no recipe at '${asked}'`, { hint: 'mailrecover drill list', subject: asked });
  }
  const recipes = listRecipes(folders);
  const recipe = recipes.find(({ name }) => name === asked);
  if (recipe !== undefined) return recipe;
  const names = recipes.map(({ name }) => name);
  const meant = suggest(asked, names);
  throw new MailrecoverError('not-found', `there is no recipe '${asked}'`, {
    hint: meant === undefined ? `there is: ${names.join(', ')}` : `did you mean '${meant}'?`,
    subject: asked,
  });
}

export interface ReadRecipe extends RecipeFile {
  text: string;
  /** SHA-256 of the text, hex. */
  sha256: string;
}

export function readRecipe(file: RecipeFile): ReadRecipe {
  let text: string;
  try {
    text = readFileSync(file.path, 'utf8');
  } catch (error) {
    throw ioError(error, 'read', file.path);
  }
  return { ...file, text, sha256: createHash('sha256').update(text).digest('hex') };
}

export type ParsedRecipe = { recipe: Recipe; problems?: never } | { recipe?: never; problems: LocatedProblem[] };

/** Never throws: all that is wrong comes back as problems. */
export function parseRecipe(text: string, commands: KnownCommands): ParsedRecipe {
  const { value, problems } = parseYaml(text, {
    schema: recipeSchema,
    json: recipeJsonSchema,
    also: (recipe) => recipeProblems(recipe, commands),
  });
  return problems === undefined ? { recipe: value } : { problems };
}

/** @throws MailrecoverError `config` with file, line and column of the first problem */
export function recipeOf({ name, path, text }: Pick<ReadRecipe, 'name' | 'path' | 'text'>, commands: KnownCommands): Recipe {
  const { recipe, problems } = parseRecipe(text, commands);
  if (recipe !== undefined) return recipe;
  throw locatedError(path, problems, `see them all: mailrecover drill list --json, under recipes[] '${name}'`);
}
