/** What recipes are told of the commands. */
import type { KnownCommand, KnownCommands, KnownOption } from '../../drill/commands.ts';
import { flagOf } from '../flags.ts';
import type { AnyCommand, OptionSpec } from '../types.ts';

/** Recipes do not run recipes, and do not wait for what never ends. */
const NOT_IN_RECIPES = /^(?:drill |watch$|completion$|standby serve$)/;

/** All commands that a recipe may use; loading them costs a moment. */
export async function knownCommands(): Promise<KnownCommands> {
  const { registry } = await import('../index.ts');
  const commands = (await registry.loadAll()).filter(({ name }) => !NOT_IN_RECIPES.test(name));
  return Object.fromEntries(commands.map((command) => [command.name, known(command)]));
}

function known(command: AnyCommand): KnownCommand {
  const taken = Object.values(command.arguments);
  return {
    options: Object.fromEntries(Object.entries(command.options).map(([key, option]) => [flagOf(key).slice(2), optionOf(option)])),
    arguments: {
      least: taken.filter(({ required }) => required === true).length,
      most: taken.some(({ variadic }) => variadic === true) ? Number.POSITIVE_INFINITY : taken.length,
    },
  };
}

function optionOf(option: OptionSpec): KnownOption {
  return option.kind === 'choice' ? { kind: 'choice', choices: option.choices } : { kind: option.kind };
}
