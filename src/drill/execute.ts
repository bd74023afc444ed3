/** Running what a step runs. */
import { MailrecoverError } from '../errors/error.ts';
import { run } from '../system/exec.ts';
import { runHook } from '../system/hooks.ts';
import { programPath } from '../system/program.ts';
import type { Remark } from './journal.ts';

/** How something that was run has ended. */
export interface Ran {
  /** Absent where it could not be started, was killed, or took too long. */
  exitCode?: number;
  /** Why there is none. */
  problem?: string;
  /** The JSON document of a command of mailrecover. */
  document?: Record<string, unknown>;
  /** What people read of it. */
  text: string;
  remarks: Remark[];
}

export interface ExecuteOptions {
  /** The configuration that commands of mailrecover get. */
  config: string;
  lang: string;
  timeoutMs: number;
  signal: AbortSignal;
}

const ANY_EXIT_CODE = Array.from({ length: 256 }, (_, code) => code);
const MAX_BYTES = 64 * 1024 * 1024;
/** Findings that are told of one step. */
const REMARKS = 20;

/**
 * Runs a command of mailrecover to its end, as a process of its own: what ends this one does not end that.
 * What goes wrong is told, not thrown, but for the signal's reason.
 */
export async function runCommand(uses: string, args: readonly string[], options: ExecuteOptions): Promise<Ran> {
  const all = [...uses.split(' '), ...args, '--config', options.config, '--json', '--events', '--lang', options.lang];
  try {
    const { exitCode, stdout, stderr } = await run(programPath(), all, {
      okExitCodes: ANY_EXIT_CODE,
      timeoutMs: options.timeoutMs,
      maxBytes: MAX_BYTES,
      signal: options.signal,
      // Ctrl-C is this program's to hear: two signals would end the other one in the middle of a step.
      ownGroup: true,
    });
    const document = documentOf(stdout);
    return {
      exitCode,
      ...(document === undefined ? { problem: 'it printed no result' } : { document }),
      text: textOf(stderr),
      remarks: remarksOf(document),
    };
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
    return { problem: error.message, text: '', remarks: [] };
  }
}

/** Runs a program; what it prints is kept without what looks like a secret. */
export async function runProgram(argv: readonly string[], { timeoutMs, signal }: ExecuteOptions): Promise<Ran> {
  const { exitCode, problem, output } = await runHook({ command: argv, env: {}, timeoutMs, signal });
  signal.throwIfAborted();
  return {
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(exitCode === undefined && problem !== undefined ? { problem } : {}),
    text: output.join('\n'),
    remarks: [],
  };
}

function documentOf(stdout: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(stdout) as unknown;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** The event in which a command tells its text beside its JSON. */
function textOf(stderr: string): string {
  for (const line of stderr.trimEnd().split('\n').toReversed()) {
    try {
      const event = JSON.parse(line) as { event?: unknown; text?: unknown };
      if (event.event === 'result' && typeof event.text === 'string') return event.text;
    } catch {
      // Not all that is said there is an event.
    }
  }
  return '';
}

function remarksOf(document: Record<string, unknown> | undefined): Remark[] {
  const all: unknown[] = [];
  if (Array.isArray(document?.['findings'])) all.push(...(document['findings'] as unknown[]));
  const error = document?.['error'];
  if (typeof error === 'object' && error !== null) all.push({ severity: 'error', ...error });
  return all
    .flatMap((each) => {
      const { severity, code, message, hint } = each as Partial<Remark>;
      if (typeof severity !== 'string' || typeof code !== 'string' || typeof message !== 'string' || severity === 'info') return [];
      return [{ severity, code, message, ...(typeof hint === 'string' ? { hint } : {}) }];
    })
    .slice(0, REMARKS);
}
