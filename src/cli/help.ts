import type { AnyCommand } from '../commands/types.ts';
import { exitCodesOf } from '../commands/exit-codes.ts';

/** What help says after the options: examples and exit codes. */
export function helpFooter(command: AnyCommand): string {
  const lines = [''];
  if (command.examples.length > 0) {
    lines.push('Examples:');
    for (const { command: line, says } of command.examples) lines.push(`  ${says}`, `    ${line}`);
    lines.push('');
  }
  lines.push('Exit codes:');
  for (const [code, meaning] of exitCodesOf(command)) lines.push(`  ${String(code).padStart(3)}  ${meaning}`);
  return lines.join('\n');
}
