/** The program with all its commands: what main.ts loads when there is more to do than to say a version. */
import { registry } from '../commands/index.ts';
import { main } from './run.ts';

export function start(argv: readonly string[]): Promise<void> {
  return main(argv, registry);
}
