import { join } from 'node:path';
import { type Command, measure, type Pipeline } from '../measure.ts';
import type { Place, Tool } from './tool.ts';
import { firstLine } from './version.ts';

/** borg, encrypted, with zstd at the level that the others use. */
export function borg({ mail }: Place): Tool {
  let archives = 0;
  const run = (home: string, args: string[]): Pipeline => ({ stages: [command(home, args)] });
  return {
    name: 'borg',
    version: () => firstLine('borg', ['--version']),
    async init(home) {
      await measure(run(home, ['init', '--encryption', 'repokey-blake2', join(home, 'repository')]), false);
    },
    backup: (home) => run(home, ['create', '--compression', 'zstd,3', `${join(home, 'repository')}::a${archives++}`, mail]),
    repository: (home) => join(home, 'repository'),
  };
}

function command(home: string, args: string[]): Command {
  const env = { BORG_BASE_DIR: join(home, 'base'), BORG_PASSPHRASE: 'bench', BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes' };
  return { file: 'borg', args, env };
}
