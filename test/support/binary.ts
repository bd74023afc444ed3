import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { planned, type Plan } from './preload/plan.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
export const BINARY = `${ROOT}/bin/mailrecover`;

/** Why the program itself can't be run here, for `skip`, or false. */
export function notBuilt(): string | false {
  return existsSync(`${ROOT}/dist/main.cjs`) ? false : "needs 'npm run build'";
}

/** The one document that `--json` prints, as far as every command has it. */
export interface Document {
  schema: string;
  command: string;
  host: string;
  startedAt: string;
  finishedAt: string;
  outcome: 'ok' | 'warning' | 'partial' | 'failed';
  counts: Record<string, number>;
  findings: { severity: string; code: string; message: string; hint?: string; subject?: string }[];
  artifacts: unknown[];
  [field: string]: unknown;
}

export interface RunOptions {
  env?: Record<string, string>;
  cwd?: string;
  input?: string | Uint8Array;
  /** What is to happen to its file system calls. */
  plans?: Plan[];
  /** Milliseconds after which it is killed with all that it started; two minutes by default. */
  timeout?: number;
  /** Run as another user, as root only. */
  owner?: { uid: number; gid: number };
  /** A program that starts it: gets the program and its arguments. */
  through?: string;
}

export interface Ran {
  /** Null where a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stdoutBytes: Buffer;
  stderr: string;
  /** What was printed with `--json`; throws where that is no JSON. */
  json: () => Document;
}

/** Starts `bin/mailrecover`; {@link mailrecover} also waits for it. */
export function startMailrecover(args: string[], options: RunOptions = {}): { child: ChildProcess; done: Promise<Ran> } {
  const env = { ...clean(process.env), ...(options.plans === undefined ? {} : planned(...options.plans)), ...options.env };
  // As a process group of its own, so that nothing of it stays where it hangs.
  const [program, all] = options.through === undefined ? [BINARY, args] : [options.through, [BINARY, ...args]];
  const child = spawn(program, all, { env, cwd: options.cwd ?? '/', stdio: 'pipe', detached: true, ...options.owner });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  // It may end before it has read everything.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input);
  const timer = setTimeout(() => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }, options.timeout ?? 120_000);
  const done = new Promise<Ran>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const stdoutBytes = Buffer.concat(out);
      const [stdout, stderr] = [stdoutBytes.toString(), Buffer.concat(err).toString()];
      // The launcher is a shell that becomes the program, but a shell in between says 128 + signal.
      resolve({ code, signal, stdout, stdoutBytes, stderr, json: () => parseDocument(args, stdout, stderr) });
    });
  });
  return { child, done };
}

/** Runs `bin/mailrecover` to its end. It never throws for an exit code. */
export function mailrecover(args: string[], options: RunOptions = {}): Promise<Ran> {
  return startMailrecover(args, options).done;
}

/** Runs with `--json` and gives the document; throws unless the exit code is the expected one (0 by default). */
export async function mailrecoverJson(args: string[], options: RunOptions & { expect?: number } = {}): Promise<Document> {
  const ran = await mailrecover([...args, '--json'], options);
  const expected = options.expect ?? 0;
  if (ran.code !== expected)
    throw new Error(`mailrecover ${args.join(' ')}: exit ${ran.code ?? ran.signal}, not ${expected}\n${ran.stdout}${ran.stderr}`);
  return ran.json();
}

function parseDocument(args: string[], stdout: string, stderr: string): Document {
  try {
    return JSON.parse(stdout) as Document;
  } catch {
    throw new Error(`mailrecover ${args.join(' ')} printed no JSON document:\n${stdout}\n${stderr}`);
  }
}

/** The environment without what would change what is printed or done: settings of this program, of Node and of colours. */
function clean(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = Object.entries(env).filter(
    ([name, value]) => value !== undefined && !/^(MAILRECOVER_|NODE_|FORCE_COLOR|NO_COLOR|npm_|LANG|LC_|TZ$)/.test(name),
  );
  return { ...(Object.fromEntries(kept) as Record<string, string>), LC_ALL: 'C.UTF-8', TZ: 'UTC' };
}
