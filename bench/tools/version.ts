import { spawnSync } from 'node:child_process';

/** The first line a program prints. Throws when it is not there. */
export function firstLine(file: string, args: string[]): string {
  const { status, stdout, error } = spawnSync(file, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${file} ${args.join(' ')} does not run`, { cause: error });
  return (stdout.split('\n')[0] ?? '').trim();
}
