import { join } from 'node:path';
import { type Command, measure, type Pipeline } from '../measure.ts';
import type { Place, RestoringTool } from './tool.ts';
import { firstLine } from './version.ts';

export interface Restic extends RestoringTool {
  restoreMailbox(home: string, target: string, maildir: string): Pipeline;
  dump(home: string, file: string): Pipeline;
  /** All files with this name. */
  find(home: string, name: string): Pipeline;
  check(home: string, readData: boolean): Pipeline;
}

/** restic with its own encryption and compression, as it comes. */
export function restic({ mail }: Place): Restic {
  const run = (home: string, ...args: string[]): Pipeline => ({ stages: [command(home, args)] });
  return {
    name: 'restic',
    version: () => firstLine('restic', ['version']),
    async init(home) {
      await measure(run(home, 'init'), false);
    },
    backup: (home) => run(home, 'backup', '--quiet', mail),
    restore: (home, target) => run(home, 'restore', 'latest', '--quiet', '--target', target),
    restored: (target) => join(target, mail),
    repository: (home) => join(home, 'repository'),
    restoreMailbox: (home, target, maildir) =>
      run(home, 'restore', 'latest', '--quiet', '--target', target, '--include', join(mail, maildir)),
    find: (home, name) => run(home, 'find', '--quiet', name),
    check: (home, readData) => run(home, 'check', '--quiet', ...(readData ? ['--read-data'] : [])),
    dump: (home, file) => run(home, 'dump', '--quiet', 'latest', file),
  };
}

function command(home: string, args: string[]): Command {
  return {
    file: 'restic',
    args: ['--repo', join(home, 'repository'), ...args],
    env: { RESTIC_PASSWORD: 'bench', RESTIC_CACHE_DIR: join(home, 'cache') },
  };
}
