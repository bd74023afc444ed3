/** Runs the program, or a program with commands made for a test, as a process of its own. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
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

/** Runs `mailrecover` from its sources. */
export function mailrecover(args: readonly string[], details: RunDetails = {}): Promise<Ended> {
  return run(MAIN, args, details);
}

/** Runs the program with the commands of the fixture. */
export function fixture(args: readonly string[], details: RunDetails = {}): Promise<Ended> {
  return run(FIXTURE, args, details);
}

function run(script: string, args: readonly string[], { env = {}, signalWhen, closeOut = false, outTo }: RunDetails): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const out = outTo === undefined ? undefined : openSync(outTo, 'w');
    const child = spawn(process.execPath, [script, ...args], {
      env: { PATH: process.env['PATH'] ?? '', TZ: 'UTC', ...env },
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
