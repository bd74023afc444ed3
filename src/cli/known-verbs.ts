import type { Registry } from '../commands/index.ts';
import type { Finding } from '../errors/finding.ts';

/** Warnings for commands that the configuration names and that there are not. @param what what it has for them: `hooks` */
export function unknownVerbs(verbs: readonly string[], registry: Registry, what: 'hooks' | 'pings'): Finding[] {
  const names = registry.names();
  return verbs
    .filter((verb) => !names.includes(verb))
    .map((verb) => ({
      severity: 'warning',
      code: what === 'hooks' ? 'hook-unknown' : 'ping-unknown',
      message: `the configuration has ${what} for '${verb}', and there is no such command`,
      hint: `commands are: ${names.join(', ')}`,
      subject: verb,
    }));
}
