import type { AnyCommand } from './types.ts';

/** Every command by name, in the order in which help shows them. Loading one loads no other, and no engine. */
const COMMANDS: Readonly<Record<string, () => Promise<AnyCommand>>> = {
  history: async () => (await import('./history.ts')).default,
  'config check': async () => (await import('./config-check.ts')).default,
  completion: async () => (await import('./completion.ts')).default,
};

/** The names of all commands; one below a group has two words. */
export function commandNames(): string[] {
  return Object.keys(COMMANDS);
}

/** The command of that name, or undefined. */
export async function loadCommand(name: string): Promise<AnyCommand | undefined> {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name]?.() : undefined;
}

/** All commands, for help, completion and documentation. */
export async function loadAllCommands(): Promise<AnyCommand[]> {
  return Promise.all(Object.values(COMMANDS).map((load) => load()));
}
