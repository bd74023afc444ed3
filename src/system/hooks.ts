/** Commands of the administrator that run around our own. */
import { MailrecoverError } from '../errors/error.ts';
import { monotonic } from './clock.ts';
import { run } from './exec.ts';

export interface HookRun {
  /** Program and arguments; no shell is involved. */
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/** How a hook ended. */
export interface HookOutcome {
  /** The program, without its arguments: those may hold what a report should not. */
  program: string;
  milliseconds: number;
  /** Absent where it could not be started, was killed, or took too long. */
  exitCode?: number;
  /** Why it has failed; absent where it has not. */
  problem?: string;
  /** The end of what it printed, without secrets. */
  output: string[];
}

const ANY_EXIT_CODE = Array.from({ length: 256 }, (_, code) => code);
const MAX_BYTES = 1024 * 1024;
const LINES = 20;
const LONGEST_LINE = 500;
/** Variables whose values are secrets by their names, if they are long enough to be told from words. */
const SECRET_NAME = /PASS|SECRET|TOKEN|CREDENTIAL|API_?KEY|PRIVATE/i;
const SHORTEST_SECRET = 4;
const SECRET_TEXT = [
  /AGE-SECRET-KEY-1[0-9A-Z]+/g,
  /(?<=\b(?:pass(?:word|wd)?|secret|token|api[_-]?key)\b["']?\s*[:=]\s*)\S+/gi,
  /(?<=\bauthorization:\s*(?:basic|bearer)\s+)\S+/gi,
  // user:password@host
  /(?<=:\/\/[^\s/:@]+:)[^\s@]+(?=@)/g,
];

/** Runs a hook to its end. What goes wrong is told, not thrown, but for the signal's reason. */
export async function runHook({ command, env, timeoutMs, signal }: HookRun): Promise<HookOutcome> {
  const [program = '', ...args] = command;
  const begun = monotonic();
  const took = (): number => Math.round(monotonic() - begun);
  try {
    const { exitCode, stdout, stderr } = await run(program, args, {
      env: { ...env },
      timeoutMs,
      maxBytes: MAX_BYTES,
      okExitCodes: ANY_EXIT_CODE,
      ...(signal === undefined ? {} : { signal }),
    });
    const output = lastLines(`${stdout}\n${stderr}`);
    const problem = exitCode === 0 ? {} : { problem: [`exit code ${exitCode}`, ...output.slice(-1)].join(': ') };
    return { program, milliseconds: took(), exitCode, ...problem, output };
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
    return { program, milliseconds: took(), problem: withoutSecrets(error.message), output: [] };
  }
}

function lastLines(text: string): string[] {
  const lines = withoutSecrets(text)
    // oxlint-disable-next-line no-control-regex
    .replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]+/g, ' ')
    .split('\n')
    .map((line) => line.trimEnd().slice(0, LONGEST_LINE))
    .filter((line) => line !== '');
  return lines.slice(-LINES);
}

/** Text without what looks like a secret, and without the values of variables that hold one. */
function withoutSecrets(text: string): string {
  let shown = text;
  for (const [name, value = ''] of Object.entries(process.env))
    if (SECRET_NAME.test(name) && value.length >= SHORTEST_SECRET) shown = shown.replaceAll(value, '***');
  for (const pattern of SECRET_TEXT) shown = shown.replaceAll(pattern, '***');
  return shown;
}
