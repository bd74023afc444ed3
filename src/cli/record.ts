import { hostname } from 'node:os';
import type { CommandContext, CommandResult } from '../commands/types.ts';
import type { Finding } from '../errors/finding.ts';
import { beginRun, type EndRecord, type RecordedRun } from '../report/history.ts';
import { programVersion } from '../system/version.ts';
import { errorReport } from './document.ts';
import { codesOf, exitCodeOf } from './exit-code.ts';

/** Fields of results that the history keeps. */
const SUBJECTS = ['snapshot', 'level', 'scope', 'target'] as const;

/** Errors after which the repository is not asked again. */
const NO_PLACE = new Set(['unreachable', 'no-repository', 'repository-format', 'config', 'usage', 'bug']);

/**
 * Writes the start of a run into the history before it does anything, and its end after it. Where the
 * history can't be written (a strange host, a full disk) the run goes on, with a warning.
 */
export async function recorded(
  details: {
    session: { argv: readonly string[]; command: string };
    context: CommandContext;
    interruptedBy: () => number | undefined;
    /** Whether the history in the repository is written, too. */
    publish: boolean;
  },
  run: () => Promise<CommandResult>,
): Promise<CommandResult> {
  const { session, context, interruptedBy, publish } = details;
  // Without a valid configuration there is no place for a history; the run says so itself, if it needs one.
  const config = await context.config().catch(() => undefined);
  if (config === undefined) return run();
  const problems: Finding[] = [];
  const attempt = <T>(action: () => T): T | undefined => {
    try {
      return action();
    } catch (error) {
      problems.push({
        severity: 'warning',
        code: 'history',
        message: `this run does not stand in the history: ${errorReport(error).message}`,
      });
      return undefined;
    }
  };
  const begun: RecordedRun | undefined = attempt(() =>
    beginRun(config.state, {
      command: session.command,
      arguments: session.argv,
      host: config.host ?? hostname(),
      version: programVersion(),
    }),
  );
  try {
    const result = await run();
    attempt(() => begun?.end(endOf(result)));
    if (publish && begun !== undefined && interruptedBy() === undefined) await published(context);
    if (problems.length === 0) return result;
    return {
      ...result,
      outcome: result.outcome === 'ok' ? 'warning' : result.outcome,
      findings: [...(result.findings ?? []), ...problems],
    };
  } catch (error) {
    const report = errorReport(error);
    const exitCode = interruptedBy() ?? exitCodeOf('failed', [report.code]);
    const said =
      interruptedBy() === undefined
        ? { code: report.code, message: report.message }
        : { code: 'interrupted', message: 'interrupted by a signal' };
    attempt(() => begun?.end({ outcome: 'failed', exitCode, counts: {}, findings: {}, error: said }));
    if (publish && begun !== undefined && interruptedBy() === undefined && !NO_PLACE.has(report.code)) await published(context);
    throw error;
  }
}

/** Stores the history in the repository. What stands in the way (a repository that can only be read, another run that does the same) is no matter: the next run stores it. */
async function published(context: CommandContext): Promise<void> {
  const [{ placeOf }, { publishRuns }] = await Promise.all([import('../commands/from-config.ts'), import('../backup/publish-runs.ts')]);
  try {
    const { target, thisHost, state, keysRoot } = await placeOf(context);
    await publishRuns({ target, host: thisHost, state, keysRoot });
  } catch {
    // The run itself is done, and stands in the local history.
  }
}

function endOf(result: CommandResult): EndRecord {
  const findings: Record<string, number> = {};
  for (const { severity } of result.findings ?? []) findings[severity] = (findings[severity] ?? 0) + 1;
  const subject: Record<string, string> = {};
  for (const key of SUBJECTS) {
    const value = result.fields?.[key];
    if (typeof value === 'string') subject[key] = value;
  }
  const record: EndRecord = {
    outcome: result.outcome,
    exitCode: exitCodeOf(result.outcome, codesOf(result)),
    counts: result.counts ?? {},
    findings,
    codes: [...new Set((result.findings ?? []).filter(({ severity }) => severity !== 'info').map(({ code }) => code))],
  };
  return Object.keys(subject).length === 0 ? record : { ...record, subject };
}
