import { flagOf } from '../commands/flags.ts';
import { GLOBAL_OPTIONS } from '../commands/global.ts';
import type { AnyCommand, OptionSpec } from '../commands/types.ts';
import { completeOptions, nameArguments, parseNumber, type Given } from './values.ts';

/**
 * Parses a command line that is plainly right, from the same specifications as the full parser. Undefined means that
 * the full one must look at it: for help, for mistakes and for rare spellings. Loading that costs more than most
 * commands take, and a run every ten minutes should not pay for it.
 */
export function parsePlain(
  argv: readonly string[],
  command: AnyCommand,
  environment: NodeJS.ProcessEnv,
): { args: Record<string, unknown>; options: Record<string, unknown> } | undefined {
  const known = new Map<string, [string, OptionSpec]>();
  for (const [key, option] of Object.entries(GLOBAL_OPTIONS)) known.set(flagOf(key), [key, option]);
  for (const [key, option] of Object.entries(command.options)) known.set(flagOf(key), [key, option]);

  const given: Given = {};
  const words: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? '';
    if (word === '--') {
      words.push(...argv.slice(index + 1));
      break;
    }
    if (!word.startsWith('-')) {
      words.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    const [key, option] = known.get(equals < 0 ? word : word.slice(0, equals)) ?? [];
    if (key === undefined || option === undefined) return undefined;
    if (option.kind === 'flag') {
      if (equals >= 0) return undefined;
      given[key] = true;
      continue;
    }
    const text = equals < 0 ? argv[++index] : word.slice(equals + 1);
    if (text === undefined || (equals < 0 && text.startsWith('-'))) return undefined;
    const value = valueOf(option, text, given[key]);
    if (value === undefined) return undefined;
    given[key] = value;
  }

  const name = command.name.split(' ');
  if (name.some((word, index) => words[index] !== word)) return undefined;
  const values = words.slice(name.length);
  return fits(command, values)
    ? { args: nameArguments(command, values), options: completeOptions(command, given, environment) }
    : undefined;
}

function valueOf(option: OptionSpec, text: string, before: unknown): unknown {
  if (option.kind === 'list') return [...(Array.isArray(before) ? (before as string[]) : []), text];
  if (option.kind === 'choice') return option.choices.includes(text) ? text : undefined;
  if (option.kind !== 'number') return text;
  const number = parseNumber(text, option.min, option.max);
  return 'value' in number ? number.value : undefined;
}

function fits(command: AnyCommand, values: readonly string[]): boolean {
  const specs = Object.values(command.arguments);
  if (specs.some((spec, index) => spec.required === true && values[index] === undefined)) return false;
  if (values.length > specs.length && specs.at(-1)?.variadic !== true) return false;
  return specs.every(({ choices }, index) => choices === undefined || values[index] === undefined || choices.includes(values[index]));
}
