import type { CommandResult, Outcome } from '../commands/types.ts';
import { MailrecoverError } from '../errors/error.ts';

/** The name and version of the shape of every result. */
export const RESULT_SCHEMA = 'mailrecover/1';

/** How a run that threw, or never came to run, is told: what stands under `error`. */
export interface ErrorReport {
  code: string;
  message: string;
  hint?: string;
  subject?: string;
}

/** Everything there is to tell about one run. */
export interface Ending {
  command: string;
  host: string;
  startedAt: string;
  finishedAt: string;
  result: CommandResult;
  error?: ErrorReport;
}

/** The one JSON document of a run. */
export function resultDocument({ command, host, startedAt, finishedAt, result, error }: Ending): Record<string, unknown> {
  return {
    schema: RESULT_SCHEMA,
    command,
    host,
    startedAt,
    finishedAt,
    outcome: result.outcome satisfies Outcome,
    ...(error === undefined ? {} : { error }),
    counts: result.counts ?? {},
    findings: result.findings ?? [],
    artifacts: result.artifacts ?? [],
    ...result.fields,
  };
}

/** An error as a report. Whatever is no {@link MailrecoverError} is a bug of this program. */
export function errorReport(error: unknown): ErrorReport {
  if (error instanceof MailrecoverError && error.code !== 'bug') {
    return {
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.subject === undefined ? {} : { subject: error.subject }),
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: 'bug',
    message: `internal error: ${message.split('\n', 1)[0] ?? ''}`,
    hint: 'run the command again with --verbose and report what it prints',
  };
}
