/** Where recipes are looked for. */
import { dirname, resolve } from 'node:path';
import { recipeFolders } from '../../drill/recipe.ts';
import type { CommandContext } from '../types.ts';

export function foldersOf(context: CommandContext): string[] {
  return recipeFolders(dirname(resolve(context.configPath)));
}
