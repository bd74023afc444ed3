import type { Finding } from '../errors/finding.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'schedule failed',
  summary: 'write down that a unit of the schedule failed, and tell (systemd runs this)',
  description: [
    "The units that `schedule install` makes start this when one of them fails, by OnFailure=. It writes the failure down for 'status' and 'schedule show', also of a run that was killed for its memory or never came to start, and starts the command of 'onFailure' in the configuration with JSON about it on its standard input.",
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
    return { outcome: command !== undefined && !told ? 'partial' : 'warning', cause: 'partial', findings, fields: { ...failure, told } };
  },
});
