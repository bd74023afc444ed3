/** Telling dead man's switches of a run: that it began, and how it ended. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { CommandResult } from '../commands/types.ts';
import type { Config } from '../config/schema.ts';
import { EXIT } from '../errors/codes.ts';
import type { Finding } from '../errors/finding.ts';
import type { PingEvent } from '../notify/ping.ts';
import { isoNow } from '../system/clock.ts';
import { errorReport, type ErrorReport } from './document.ts';
import { codesOf, exitCodeOf } from './exit-code.ts';
import type { HookedOptions } from './hooked.ts';
import { unknownVerbs } from './known-verbs.ts';

type Ping = Config['pings'][number];

/** After a signal the program has 10 s left, and hooks have had most of them. */
const HURRY_MS = 3000;

/** Runs a command, and tells the checks that the configuration names for it. The run never waits for the news of its start. */
export async function pinged(options: HookedOptions, run: () => Promise<CommandResult>): Promise<CommandResult> {
  const config = await options.context.config().catch(() => undefined);
  if (config === undefined || config.pings.length === 0) return run();
  const unknown = unknownVerbs(
    config.pings.map(({ verb }) => verb),
    options.registry,
    'pings',
  );
  const pings = config.pings.filter(({ verb }) => verb === options.command);
  if (pings.length === 0) return withFindings(await run(), unknown);
  const { sendPing } = await import('../notify/ping.ts');
  const rid = randomUUID();
  const ended = new AbortController();
  const begun = pings.map((ping) => sendPing(ping, { kind: 'start' }, { rid, budgetMs: ping.timeout * 1000, signal: ended.signal }));
  const tell = async (exitCode: number, body: string): Promise<Finding[]> => {
    const hurry = options.interruptedBy() !== undefined;
    const findings = await Promise.all(
      pings.map(async (ping, index) => {
        const budgetMs = hurry ? HURRY_MS : ping.timeout * 1000;
        // A start that is still on its way has a third of the time: it must not overtake the end.
        const late = AbortSignal.timeout(Math.ceil(budgetMs / 3));
        late.addEventListener('abort', () => ended.abort(), { once: true });
        const problems = [await begun[index]];
        const event = eventOf(exitCode, ping);
        problems.push(await sendPing(ping, event, { rid, budgetMs: (budgetMs * 2) / 3, ...(ping.body ? { body } : {}) }));
        return problems.filter((each) => each !== undefined).slice(-1);
      }),
    );
    return findings.flat().map((problem) => failedPing(options.command, problem));
  };
  try {
    const result = await run();
    const exitCode = options.interruptedBy() ?? result.exit ?? exitCodeOf(result.outcome, codesOf(result));
    return withFindings(result, [...unknown, ...(await tell(exitCode, bodyOf(options, config, result, exitCode)))]);
  } catch (error) {
    const interrupted = options.interruptedBy();
    const report = interrupted === undefined ? errorReport(error) : { code: 'interrupted', message: 'interrupted by a signal' };
    const exitCode = interrupted ?? exitCodeOf('failed', [report.code]);
    for (const { message } of await tell(exitCode, bodyOf(options, config, { outcome: 'failed' }, exitCode, report))) options.warn(message);
    throw error;
  }
}

function eventOf(exitCode: number, { partial }: Ping): PingEvent {
  if (exitCode === EXIT.ok) return { kind: 'success' };
  if (exitCode === EXIT.partial && partial !== 'fail') return { kind: partial };
  // Another run is at it: it says how it ends.
  return exitCode === EXIT.locked ? { kind: 'log' } : { kind: 'fail', exitCode };
}

/** What a person sees at the check: the verdict, what was counted, and what was found, worst last. */
function bodyOf(options: HookedOptions, config: Config, result: CommandResult, exitCode: number, error?: ErrorReport): string {
  const order = ['info', 'warning', 'error'];
  const findings = (result.findings ?? []).toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  const told = ({ severity, message, hint }: { severity: string; message: string; hint?: string }): string[] => [
    `${severity}: ${message}`,
    ...(hint === undefined ? [] : [`  hint: ${hint}`]),
  ];
  return [
    `${config.host ?? hostname()}: ${options.command}: ${result.outcome} (exit code ${exitCode})`,
    `began ${options.startedAt}, ended ${isoNow()}`,
    ...Object.entries(result.counts ?? {}).map(([name, count]) => `${name}: ${count}`),
    ...findings.flatMap(told),
    ...(error === undefined ? [] : told({ severity: 'error', ...error })),
    '',
  ].join('\n');
}

function failedPing(command: string, problem: string): Finding {
  return {
    severity: 'warning',
    code: 'ping-failed',
    message: `the check of '${command}' was not told: ${problem}`,
    hint: "look at 'pings' in the configuration; the check alarms when it hears nothing for long",
    subject: command,
  };
}

function withFindings(result: CommandResult, findings: readonly Finding[]): CommandResult {
  if (findings.length === 0) return result;
  return { ...result, outcome: result.outcome === 'ok' ? 'warning' : result.outcome, findings: [...(result.findings ?? []), ...findings] };
}
