import type { ArgumentSpec, OptionSpec } from './types.ts';

/** The flag of an option: `readData` is `--read-data`. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** An option as help shows it: `--identity FILE`. */
export function usageOfOption(key: string, option: OptionSpec): string {
  return option.kind === 'flag' ? flagOf(key) : `${flagOf(key)} ${option.value}`;
}

/** An argument as help shows it: `SNAP`, `[MAILBOX]`, `FILE…`. */
export function usageOfArgument(argument: ArgumentSpec): string {
  const name = argument.variadic === true ? `${argument.value}…` : argument.value;
  return argument.required === true ? name : `[${name}]`;
}
