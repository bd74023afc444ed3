import { spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Whether this process is root. */
export const isRoot = process.getuid?.() === 0;

/** Where a program lies: PATH first, then the directories of system programs, which are often not in a user's PATH. */
export function findProgram(name: string): string | undefined {
  const directories = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
    '/usr/local/bin',
    '/usr/bin',
    '/bin',
  ];
  for (const directory of directories) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not there; the next directory may have it.
    }
  }
  return undefined;
}

/**
 * What keeps a test from running here, as `skip` of a test takes it: false when all programs are there
 * (and this is root, where `root` is asked for), else the reason.
 */
export function missing(...needs: string[]): string | false {
  const programs = needs.filter((need) => need !== 'root' && findProgram(need) === undefined);
  if (programs.length > 0) return `needs ${programs.join(', ')}, not installed here`;
  if (needs.includes('root') && !isRoot) return 'needs root';
  return false;
}

/** Runs a program to its end and gives what it printed; throws with its error output when it fails. */
export function run(program: string, args: string[], input?: string | Uint8Array): string {
  const path = findProgram(program) ?? program;
  const result = spawnSync(path, args, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: 'pipe', ...(input === undefined ? {} : { input }) });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) throw new Error(`${program} ${args.join(' ')}: exit ${result.status ?? result.signal}: ${result.stderr}`);
  return result.stdout;
}

/** The processes of a process group, without those that have ended and were not waited for. */
export function processGroup(group: number): number[] {
  return readdirSync('/proc')
    .filter((name) => {
      if (!/^\d+$/.test(name)) return false;
      try {
        // The second field is the name in parentheses and may hold anything.
        const [state, , leader] = readFileSync(`/proc/${name}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ');
        return Number(leader) === group && state !== 'Z' && state !== 'X';
      } catch {
        return false;
      }
    })
    .map(Number);
}
