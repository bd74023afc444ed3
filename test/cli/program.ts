/** Runs the program, or a program with commands made for a test, as a process of its own. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BINARY } from '../support/binary.ts';

const FIXTURE = fileURLToPath(new URL('./fixture.ts', import.meta.url));

export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

export interface RunDetails {
  env?: Record<string, string>;
  /** Called with what came on standard error so far; what it returns is sent as a signal, once. */
  signalWhen?: (err: string) => NodeJS.Signals | undefined;
  /** Closes standard output at once, as `| true` does. */
  closeOut?: boolean;
  /** A file for standard output, in place of `out`. */
  outTo?: string;
}

/** Runs `mailrecover` as it was built. */
export function mailrecover(args: readonly string[], details: RunDetails = {}): Promise<Ended> {
  return run(BINARY, args, details);
}

/** Runs the program with the commands of the fixture. */
export function fixture(args: readonly string[], details: RunDetails = {}): Promise<Ended> {
  return run(process.execPath, [FIXTURE, ...args], details);
}

function run(program: string, args: readonly string[], { env = {}, signalWhen, closeOut = false, outTo }: RunDetails): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const out = outTo === undefined ? undefined : openSync(outTo, 'w');
    const child = spawn(program, args, {
      env: { ...passedOn('PATH', 'NODE_COMPILE_CACHE'), TZ: 'UTC', ...env },
      stdio: ['ignore', out ?? 'pipe', 'pipe'],
    });
    if (out !== undefined) closeSync(out);
    const ended: Ended = { code: null, out: '', err: '' };
    let signalled = false;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (ended.out += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      ended.err += text;
      const signal = signalled ? undefined : signalWhen?.(ended.err);
      if (signal === undefined) return;
      signalled = true;
      child.kill(signal);
    });
    if (closeOut) child.stdout?.destroy();
    child.on('error', reject);
    child.on('close', (code) => resolve({ ...ended, code }));
  });
}

function passedOn(...names: string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}
