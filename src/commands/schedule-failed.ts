import type { Finding } from '../errors/finding.ts';
import type { Config } from '../config/schema.ts';
import type { UnitFailure } from '../schedule/failures.ts';
import { defineCommand, type CommandContext, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'schedule failed',
  summary: 'write down that a unit of the schedule failed, and tell (systemd runs this)',
  description: [
    "The units that `schedule install` makes start this when one of them fails, by OnFailure=. It writes the failure down for 'status' and 'schedule show', also of a run that was killed for its memory or never came to start, and starts the command of 'onFailure' in the configuration with JSON about it on its standard input. A run that could not report by itself any more (see 'report' in the configuration) is reported by this.",
  ],
  arguments: { unit: { value: 'UNIT', description: 'the unit that failed', required: true } },
  options: {},
  examples: [{ command: 'mailrecover schedule failed mailrecover-backup.service', says: 'Try whether the message arrives.' }],
  exitCodes: {
    0: 'written down, and told where a command is configured',
    1: 'it could not be written down',
    3: 'written down, but the command failed',
  },
  json: {
    unit: 'the unit',
    result: 'as systemd calls it: exit-code, signal, timeout, oom-kill, watchdog …',
    status: 'the exit code, or the name of the signal',
    told: 'whether a command was started and ended well',
  },
  async run(context, { unit }): Promise<CommandResult> {
    const config = await context.config();
    const [{ describeFailure, recordFailure }, { run }, { hostname }] = await Promise.all([
      import('../schedule/failures.ts'),
      import('../system/exec.ts'),
      import('node:os'),
    ]);
    const failure = await describeFailure(unit, process.env);
    recordFailure(config.state, failure);
    const findings: Finding[] = [
      {
        severity: 'warning',
        code: 'unit-failed',
        message: `unit '${unit}' failed: ${failure.result}${failure.status === '' ? '' : ` ${failure.status}`}`,
        hint: `see why: 'mailrecover history --failed' and 'journalctl -u ${unit}'`,
        subject: unit,
      },
    ];
    const [command, ...args] = config.schedule?.onFailure ?? [];
    let told = false;
    if (command !== undefined) {
      try {
        const input = `${JSON.stringify({ schema: 'mailrecover/1', host: config.host ?? hostname(), ...failure })}\n`;
        await run(command, args, { input, timeoutMs: 300_000, signal: context.signal });
        told = true;
      } catch (error) {
        context.signal.throwIfAborted();
        findings.push({
          severity: 'error',
          code: 'not-told',
          message: error instanceof Error ? error.message : String(error),
          subject: command,
        });
      }
    }
    const unsent = await reportForIt(context, config, failure);
    findings.push(...unsent);
    return {
      outcome: (command !== undefined && !told) || unsent.length > 0 ? 'partial' : 'warning',
      cause: 'partial',
      findings,
      fields: { ...failure, told },
    };
  },
});

/** Reports a run that was killed, or never came to start; one that came to its end has reported by itself. */
async function reportForIt(
  context: CommandContext,
  config: Config,
  { unit, result, status, time }: UnitFailure,
): Promise<readonly Finding[]> {
  const [{ scheduleOf }, { isRunOf }, { readRecentRuns }, { reportRun }] = await Promise.all([
    import('./schedule/from-config.ts'),
    import('../schedule/missed.ts'),
    import('../report/history.ts'),
    import('./report/after.ts'),
  ]);
  const prefix = `${config.schedule?.name ?? 'mailrecover'}-`;
  const { schedule } = await scheduleOf(config);
  const job = schedule.jobs.find(({ name }) => unit === `${prefix}${name}.service`);
  if (job === undefined) return [];
  const last = readRecentRuns(config.state).findLast((run) => isRunOf(job, run));
  // systemd's own exit codes begin at 200 (systemd.exec(5)); any other was the program's last word.
  const isOwn = result === 'exit-code' && Number(status) < 200;
  if (isOwn || (last !== undefined && last.finishedAt !== undefined && Date.parse(time) - Date.parse(last.finishedAt) < 60_000)) return [];
  const why = { 'oom-kill': 'it used more memory than it may, and was killed', timeout: 'it took longer than it may, and was stopped' }[
    result
  ];
  return reportRun(context, {
    command: last?.command ?? job.words[0] ?? '',
    startedAt: last?.finishedAt === undefined ? (last?.startedAt ?? time) : time,
    result: { outcome: 'failed' },
    error: {
      code: 'unit-failed',
      message: why ?? `systemd says: ${result}${status === '' ? '' : ` ${status}`}`,
      hint: `see why: 'journalctl -u ${unit}'`,
      subject: unit,
    },
  });
}
