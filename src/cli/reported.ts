/** Runs that report by themselves how they ended. */
import type { CommandContext, CommandResult } from '../commands/types.ts';
import type { Finding } from '../errors/finding.ts';
import { errorReport } from './document.ts';

export interface ReportedOptions {
  context: CommandContext;
  command: string;
  startedAt: string;
  interruptedBy: () => number | undefined;
  /** Takes what can't stand in a result, since the run threw. */
  afterwards: (findings: readonly Finding[]) => void;
}

/** 128 + SIGINT: somebody sat there and did it. */
const BY_HAND = 130;

/**
 * Runs a command, then tells people where the configuration says so. That nobody could be told is in the result, and never makes a run fail; one that went well has then
 * not done everything (exit code 3).
 */
export async function reported(options: ReportedOptions, run: () => Promise<CommandResult>): Promise<CommandResult> {
  const { context, command, startedAt, interruptedBy } = options;
  const tell = async (result: CommandResult, error?: unknown): Promise<readonly Finding[]> => {
    // One that runs all the time is stopped by being stopped.
    if (interruptedBy() === BY_HAND || (interruptedBy() !== undefined && command === 'watch')) return [];
    const said = error === undefined ? undefined : interruptedBy() === undefined ? errorReport(error) : STOPPED;
    const { reportRun } = await import('../commands/report/after.ts');
    return reportRun(context, { command, startedAt, result, error: said });
  };
  let result: CommandResult;
  try {
    result = await run();
  } catch (error) {
    options.afterwards(await tell({ outcome: 'failed' }, error));
    throw error;
  }
  const findings = await tell(result);
  if (findings.length === 0) return result;
  const isError = findings.some(({ severity }) => severity === 'error');
  const { outcome } = result;
  const worse = isError ? ('partial' as const) : ('warning' as const);
  return {
    ...result,
    outcome: outcome === 'ok' || (outcome === 'warning' && isError) ? worse : outcome,
    findings: [...(result.findings ?? []), ...findings],
  };
}

const STOPPED = { code: 'interrupted', message: 'it was stopped by a signal' };
