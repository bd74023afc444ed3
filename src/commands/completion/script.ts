import type { AnyCommand } from '../types.ts';
import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import { completionModel } from './model.ts';
import { zshScript } from './zsh.ts';

/** The completion script of a shell, made from the commands' specifications. */
export function completionScript(shell: 'bash' | 'zsh' | 'fish', commands: readonly AnyCommand[]): string {
  const model = completionModel(commands);
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](model);
}
