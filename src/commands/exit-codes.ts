import type { CommandDescription } from './types.ts';

/** Exit codes that every command can end with. */
export const COMMON_EXIT_CODES: Readonly<Record<number, string>> = {
  2: 'the command line or the configuration is wrong',
  70: 'an internal error',
  130: 'interrupted (SIGINT)',
  143: 'terminated (SIGTERM)',
};

/** All exit codes of a command, the common ones included, in order. */
export function exitCodesOf(command: CommandDescription): [number, string][] {
  const all = { ...COMMON_EXIT_CODES, ...command.exitCodes };
  return Object.entries(all)
    .map(([code, meaning]): [number, string] => [Number(code), meaning])
    .toSorted(([a], [b]) => a - b);
}
