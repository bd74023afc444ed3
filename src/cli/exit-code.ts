import type { CommandResult, Outcome } from '../commands/types.ts';
import { ERROR_CODES, EXIT, type ErrorCode } from '../errors/codes.ts';

/** From the one that a script must hear about before all others to the one that any other outranks. */
const WORST_FIRST: readonly number[] = [
  EXIT.bug,
  EXIT.damage,
  EXIT.refused,
  EXIT.key,
  EXIT.noRepository,
  EXIT.locked,
  EXIT.unreachable,
  EXIT.usage,
  EXIT.failed,
  EXIT.partial,
];

/**
 * The exit code of a run: 0 for `ok` and `warning`; else the worst of what the outcome says and
 * what the error codes stand for. Codes that are not in the table (a finding may have its own) count for nothing.
 */
export function exitCodeOf(outcome: Outcome, codes: Iterable<string>): number {
  if (outcome === 'ok' || outcome === 'warning') return EXIT.ok;
  const exits = new Set<number>();
  for (const code of codes) {
    if (isErrorCode(code)) exits.add(ERROR_CODES[code].exit);
  }
  if (outcome === 'partial') {
    // That something was left out is what `partial` says already; only damage weighs more.
    return exits.has(EXIT.damage) ? EXIT.damage : EXIT.partial;
  }
  exits.delete(EXIT.partial);
  return WORST_FIRST.find((exit) => exits.has(exit)) ?? EXIT.failed;
}

/** The error codes that a run ended on: those of its error findings, the cause it named, and the error that ended it. */
export function codesOf(result: CommandResult, error?: { code: string }): string[] {
  const codes = (result.findings ?? []).filter(({ severity }) => severity === 'error').map(({ code }) => code);
  if (result.cause !== undefined) codes.push(result.cause);
  if (error !== undefined) codes.push(error.code);
  return codes;
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}
