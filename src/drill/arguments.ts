import type { KnownCommand } from './commands.ts';
import type { RecipeStep } from './schema.ts';

/** What sets a flag; a variable has words. */
const SETS = ['yes', 'true'];

/** Options as they stand on a command line. A flag that nothing sets and a value that is empty are left out. */
export function flagArguments(options: RecipeStep['with'], command: KnownCommand | undefined, filled: (text: string) => string): string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    if (command?.options[name]?.kind === 'flag') return SETS.includes(filled(String(value))) ? [`--${name}`] : [];
    return [value]
      .flat()
      .map((each) => filled(String(each)))
      .filter((text) => text !== '')
      .map((text) => `--${name}=${text}`);
  });
}
