import type { AnyCommand } from '../commands/types.ts';

/** What the command line itself gave: by option key, flags as true, lists as arrays, numbers as numbers. */
export type Given = Record<string, unknown>;

/** The option values that a command gets: what was given, else from the environment, else the default. */
export function completeOptions(command: AnyCommand, given: Given, environment: NodeJS.ProcessEnv): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(command.options).map(([key, option]) => {
      const value = given[key];
      if (option.kind === 'flag') return [key, value === true];
      if (value !== undefined) return [key, value];
      const named = 'env' in option && option.env !== undefined ? environment[option.env] : undefined;
      if (option.kind === 'list') return [key, named ? [named] : []];
      return [key, named || option.default];
    }),
  );
}

/** Positional values by argument key; a variadic one takes all that are left. */
export function nameArguments(command: AnyCommand, values: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(command.arguments).map(([key, argument], index) => [
      key,
      argument.variadic === true ? values.slice(index) : values[index],
    ]),
  );
}

/** The number that an option's text stands for, or what it must be instead. */
export function parseNumber(text: string, min = -Infinity, max = Infinity): { value: number } | { problem: string } {
  if (!/^-?\d+(\.\d+)?$/.test(text)) return { problem: 'must be a number' };
  const value = Number(text);
  if (value < min) return { problem: `must be at least ${min}` };
  return value > max ? { problem: `must be at most ${max}` } : { value };
}
