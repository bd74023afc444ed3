/** Units that failed, as `OnFailure=` tells: also those that never came to write a history. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode, ioError } from '../errors/error.ts';
import { isoNow } from '../system/clock.ts';
import { appendDurable, makePath } from '../system/files.ts';
import { run } from '../system/exec.ts';

const FILE = 'schedule-failures.jsonl';

export interface UnitFailure {
  /** UTC ISO 8601. */
  time: string;
  unit: string;
  /** As systemd calls it: `exit-code`, `signal`, `timeout`, `oom-kill`, `watchdog` … (systemd.exec(5), $SERVICE_RESULT). */
  result: string;
  /** The exit code, or the name of the signal. */
  status: string;
}

/** What systemd says of a unit that failed: in the environment from version 251 on, else on request. */
export async function describeFailure(unit: string, env: NodeJS.ProcessEnv): Promise<UnitFailure> {
  const [result, status] = [env['MONITOR_SERVICE_RESULT'], env['MONITOR_EXIT_STATUS']];
  if (result !== undefined) return { time: isoNow(), unit, result, status: status ?? '' };
  const shown = await run('systemctl', ['show', '--property=Result,ExecMainStatus', '--', unit], { timeoutMs: 30_000 }).catch(
    () => undefined,
  );
  const values = new Map(shown?.stdout.split('\n').map((line) => line.split('=', 2) as [string, string]));
  return { time: isoNow(), unit, result: values.get('Result') || 'unknown', status: values.get('ExecMainStatus') ?? '' };
}

/** @throws MailrecoverError `io` or `no-space` */
export function recordFailure(state: string, failure: UnitFailure): void {
  makePath(state);
  appendDurable(join(state, FILE), `${JSON.stringify(failure)}\n`);
}

/** Failures of units since a moment, oldest first. @param since milliseconds since 1970 */
export function readFailures(state: string, since: number): UnitFailure[] {
  let text: string;
  try {
    text = readFileSync(join(state, FILE), 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw ioError(error, 'read', join(state, FILE));
  }
  return text.split('\n').flatMap((line) => {
    try {
      const failure = line === '' ? undefined : (JSON.parse(line) as UnitFailure);
      return failure !== undefined && typeof failure.unit === 'string' && Date.parse(failure.time) >= since ? [failure] : [];
    } catch {
      return [];
    }
  });
}
