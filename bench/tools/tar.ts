import { join } from 'node:path';
import type { Place, RestoringTool } from './tool.ts';
import { firstLine } from './version.ts';

/** `tar | zstd -3 -T2 | age` and back: what can be done by hand with standard programs. */
export function tar({ mail, recipient, identity }: Place): RestoringTool {
  const archive = (home: string) => join(home, 'mail.tar.zst.age');
  return {
    name: 'tar | zstd | age',
    version: () => [firstLine('tar', ['--version']), zstdVersion(), `age ${firstLine('age', ['--version'])}`].join(', '),
    init: () => Promise.resolve(),
    backup: (home) => ({
      stages: [
        { file: 'tar', args: ['-C', mail, '-cf', '-', '.'] },
        { file: 'zstd', args: ['-3', '-T2', '-q', '-c'] },
        { file: 'age', args: ['-r', recipient] },
      ],
      output: archive(home),
    }),
    restore: (home, target) => ({
      stages: [
        { file: 'age', args: ['-d', '-i', identity] },
        { file: 'zstd', args: ['-d', '-q', '-c'] },
        { file: 'tar', args: ['-C', target, '-xf', '-'] },
      ],
      input: archive(home),
    }),
    restored: (target) => target,
    repository: archive,
  };
}

function zstdVersion(): string {
  return `zstd ${/v([\d.]+)/.exec(firstLine('zstd', ['--version']))?.[1] ?? '?'}`;
}
