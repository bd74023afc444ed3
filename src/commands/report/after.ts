/** A run reports by itself how it ended, where that is worth telling. */
import type { Finding } from '../../errors/finding.ts';
import { MailrecoverError } from '../../errors/error.ts';
import type { NotifyEvent } from '../../notify/message.ts';
import type { Level } from '../../report/metrics/model.ts';
import type { Report } from '../../report/report/model.ts';
import { decide, type Decision } from '../../report/report/told.ts';
import { readTold } from '../../report/report/told-file.ts';
import { levelOf } from '../../report/report/verdict.ts';
import { isoNow } from '../../system/clock.ts';
import type { CommandContext, CommandResult } from '../types.ts';
import { reserveOf } from '../notify-config.ts';
import { remember } from './send.ts';

/** How a run ended. */
export interface EndedRun {
  command: string;
  startedAt: string;
  result: CommandResult;
  /** What it threw. */
  error: { code: string; message: string; hint?: string; subject?: string } | undefined;
}

const LEVEL = { success: 'ok', warning: 'warning', failure: 'failed' } as const;
/** Mistakes at the keyboard concern nobody else; and that another run is at work is told by the age of the newest backup, where that goes on for long. */
const SILENT = new Set(['usage', 'not-found', 'ambiguous', 'config', 'locked']);
/** Errors after which the repository need not be asked. */
const NO_PLACE = new Set(['unreachable', 'no-repository', 'repository-format']);
/** Findings of a run that are told. */
const MOST = 20;

/**
 * Tells whom the configuration names, where `report.after` and `report.on` say so. It never fails: what goes wrong is returned.
 * @returns findings for the result of the run
 */
export async function reportRun(context: CommandContext, ended: EndedRun): Promise<readonly Finding[]> {
  try {
    return await tellRun(context, ended);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const hint = error instanceof MailrecoverError && error.hint !== undefined ? error.hint : "see the ways out: 'mailrecover notify test'";
    return [{ severity: 'error', code: 'report-not-sent', message: `nobody was told how this run ended: ${why}`, hint }];
  }
}

async function tellRun(context: CommandContext, ended: EndedRun): Promise<readonly Finding[]> {
  const { command, error } = ended;
  // Without a valid configuration nobody knows whom to tell.
  const config = await context.config().catch(() => undefined);
  if (config?.notify === undefined || config.notify.transports.length === 0 || !config.report.after.includes(command)) return [];
  if (error !== undefined && SILENT.has(error.code)) return [];
  const findings = findingsOf(ended);
  const level = levelOfRun(ended, findings);
  const before = await readTold(config.state, command);
  const problems = [...new Set(findings.filter(({ severity }) => severity !== 'info').map(({ code }) => code))].toSorted();
  const rules = { on: config.report.on.map((each) => LEVEL[each]), remindAfter: config.report.remindAfter };
  const decision = decide(before, { level, problems, at: isoNow() }, rules);
  if (decision.kind === undefined) {
    // While all is well there is room for what is to be kept when nothing is.
    const { openSpool } = await import('../../notify/spool.ts');
    await openSpool(config.state, reserveOf(config.notify))
      .setAside()
      .catch(() => false);
    return [];
  }
  const sent = await send(context, ended, findings, decision);
  if (!sent.told) return sent.findings;
  const notify = await (await import('../notify-config.ts')).notifyOf(context);
  return [...sent.findings, ...(await remember(notify, command, decision.next))];
}

function levelOfRun({ result, error }: EndedRun, findings: readonly Finding[]): Level {
  if (error !== undefined || result.outcome === 'failed' || result.outcome === 'partial') return 'failed';
  return result.outcome === 'warning' ? 'warning' : levelOf(findings);
}

function findingsOf({ command, result, error }: EndedRun): Finding[] {
  const said = (result.findings ?? []).filter(({ severity }) => severity !== 'info');
  const findings = [...said.filter(({ severity }) => severity === 'error'), ...said.filter(({ severity }) => severity !== 'error')].slice(
    0,
    MOST,
  );
  if (error === undefined) {
    if (result.outcome !== 'failed' || findings.some(({ severity }) => severity === 'error')) return findings;
    return [
      { severity: 'error', code: 'run-failed', message: `'${command}' failed`, hint: "see 'mailrecover history --failed'" },
      ...findings,
    ];
  }
  const { code, message, hint = `run it again: 'mailrecover ${command}'`, subject } = error;
  return [
    { severity: 'error', code, message: `'${command}' failed: ${message}`, hint, ...(subject === undefined ? {} : { subject }) },
    ...findings,
  ];
}

async function send(
  context: CommandContext,
  ended: EndedRun,
  runFindings: readonly Finding[],
  { kind, since }: Decision,
): Promise<{ told: boolean; findings: readonly Finding[] }> {
  const [{ notifyOf }, { knownReport }, { reportMessage }, { sendMessage }, { hostname }] = await Promise.all([
    import('../notify-config.ts'),
    import('./known.ts'),
    import('./message.ts'),
    import('./send.ts'),
    import('node:os'),
  ]);
  const config = await context.config();
  const host = config.host ?? hostname();
  const lang = context.langAsked ?? config.report.lang ?? context.lang;
  const notify = await notifyOf(context);
  const line = await runLineOf(config.state, host, ended);
  const occasion = kind === undefined ? undefined : { kind, since };
  const { report } = await knownReport(context, {
    period: 'day',
    only: host,
    run: line,
    runFindings,
    occasion,
    trouble: troubleOf(context, ended),
  });
  const event: NotifyEvent = {
    key: `${host}/${ended.command}`,
    host,
    command: ended.command,
    outcome: ended.error === undefined ? ended.result.outcome : 'failed',
    summary: runFindings[0]?.message ?? `'${ended.command}' ended well`,
  };
  return sendMessage(context, notify, await reportMessage(report, lang, notify.to, [event]));
}

/** Why the repository is not asked again: it did not answer, or there is no time. */
function troubleOf({ signal }: CommandContext, { error }: EndedRun): MailrecoverError | undefined {
  if (signal.aborted) return new MailrecoverError('failed', 'the run was stopped', { hint: "see 'mailrecover history --failed'" });
  if (error === undefined || !NO_PLACE.has(error.code)) return undefined;
  const { code, message, hint } = error;
  return new MailrecoverError(code as 'unreachable', message, hint === undefined ? {} : { hint });
}

async function runLineOf(
  state: string,
  host: string,
  { command, startedAt, result, error }: EndedRun,
): Promise<NonNullable<Report['run']>> {
  const [{ readRecentRuns }, { runLine }] = await Promise.all([import('../../report/history.ts'), import('./host.ts')]);
  let found;
  try {
    found = readRecentRuns(state).findLast((run) => run.command === command && run.host === host && run.startedAt >= startedAt);
  } catch {
    // A history that can't be read is told of by the run itself.
  }
  if (found !== undefined) return runLine(found);
  const seconds = Math.max(0, (Date.parse(isoNow()) - Date.parse(startedAt)) / 1000);
  const state_ = error === undefined ? result.outcome : 'failed';
  return { id: '', host, command, startedAt, seconds, state: state_, counts: result.counts ?? {}, error: error?.message, codes: [] };
}
