import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { flagOf, usageOfArgument, usageOfOption } from '../commands/flags.ts';
import { GLOBAL_OPTIONS } from '../commands/global.ts';
import type { AnyCommand, OptionSpec } from '../commands/types.ts';
import { MailrecoverError } from '../errors/error.ts';
import { helpFooter } from './help.ts';
import { completeOptions, nameArguments, parseNumber, type Given } from './values.ts';

/** What a command line asks for. */
export type Parsed = { help: string } | { command: AnyCommand; args: Record<string, unknown>; options: Record<string, unknown> };

/**
 * Parses a command line with the commands that it can mean.
 * @throws MailrecoverError `usage`, with a suggestion for a misspelt option
 */
export function parseArguments(
  argv: readonly string[],
  commands: readonly AnyCommand[],
  environment: NodeJS.ProcessEnv,
  color: boolean,
): Parsed {
  let parsed: Parsed | undefined;
  let shown = '';
  const program = new Command('mailrecover')
    .description('Backup, proved restore and standby switching for Postfix and Dovecot mail servers.')
    .usage('[OPTIONS] COMMAND')
    .option('-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [COMMAND]', 'print help for a command');
  for (const [key, option] of Object.entries(GLOBAL_OPTIONS)) program.addOption(optionFor(key, option));
  program.addHelpText('after', "\nRun 'mailrecover help COMMAND' for the options, examples and exit codes of a command.");

  const names = commands.map(({ name }) => name);
  for (const command of commands) {
    const at = place(program, command.name, names);
    at.summary(command.summary).description(command.description.join('\n\n')).helpOption('-h, --help', 'print help');
    at.usage(['[OPTIONS]', ...Object.values(command.arguments).map(usageOfArgument)].join(' '));
    for (const argument of Object.values(command.arguments)) {
      const name = argument.variadic === true ? `${argument.value}...` : argument.value;
      at.argument(argument.required === true ? `<${name}>` : `[${name}]`, argument.description);
    }
    for (const [key, option] of Object.entries(command.options)) at.addOption(optionFor(key, option));
    at.addHelpText('after', helpFooter(command));
    at.action(() => {
      parsed = { command, args: argumentsOf(command, at.args), options: completeOptions(command, givenOptions(command, at), environment) };
    });
  }
  visit(program, (at) => {
    at.exitOverride();
    at.configureOutput({ writeOut: (text) => (shown += text), writeErr: () => undefined, getOutHasColors: () => color, getOutHelpWidth });
    at.configureHelp({ showGlobalOptions: true, styleTitle: color ? (title) => `\u001B[1m${title}\u001B[22m` : (title) => title });
  });

  try {
    program.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (shown !== '' || error.code.startsWith('commander.help')) return { help: shown };
    throw usageError(error, commands);
  }
  if (parsed === undefined)
    throw new MailrecoverError('usage', 'no command was given', { hint: "'mailrecover --help' lists the commands" });
  return parsed;
}

function getOutHelpWidth(): number {
  return Math.min(process.stdout.columns ?? 100, 110);
}

/** The commander command for `key add`, with its group made on the way. */
function place(program: Command, name: string, names: readonly string[]): Command {
  const words = name.split(' ');
  let at = program;
  for (const [index, word] of words.entries()) {
    const known = at.commands.find((command) => command.name() === word);
    if (known !== undefined && index < words.length - 1) at = known;
    else {
      at = at.command(word);
      const group = `${words.slice(0, index + 1).join(' ')} `;
      at.summary(names.flatMap((each) => (each.startsWith(group) ? [each.slice(group.length)] : [])).join(', '));
    }
  }
  return at;
}

function visit(command: Command, action: (command: Command) => void): void {
  action(command);
  for (const child of command.commands) visit(child, action);
}

function optionFor(key: string, option: OptionSpec): Option {
  // Commander wants its own brackets round a value; help has them too, and that reads well enough.
  const flags = option.kind === 'flag' ? flagOf(key) : usageOfOption(key, option).replace(/ (\S+)$/, ' <$1>');
  const made = new Option(flags, option.kind === 'list' ? `${option.description} (repeatable)` : option.description);
  if (option.kind === 'list') made.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
  if (option.kind === 'number') made.argParser((value: string) => numberFrom(value, option));
  if (option.kind === 'choice') made.choices([...option.choices]);
  if ('default' in option && option.default !== undefined) made.default(option.default);
  if ('env' in option && option.env !== undefined) made.description += ` [$${option.env}]`;
  return made;
}

function numberFrom(text: string, option: { min?: number; max?: number }): number {
  const number = parseNumber(text, option.min, option.max);
  if ('problem' in number) throw new InvalidArgumentError(number.problem);
  return number.value;
}

/** @throws MailrecoverError `usage` for a value that is not among the choices */
function argumentsOf(command: AnyCommand, words: readonly string[]): Record<string, unknown> {
  for (const [index, { value, choices }] of Object.values(command.arguments).entries()) {
    const word = words[index];
    if (choices === undefined || word === undefined || choices.includes(word)) continue;
    throw new MailrecoverError('usage', `${value} must be one of ${choices.join(', ')}, not '${word}'`, { hint: helpHint(command) });
  }
  return nameArguments(command, words);
}

/** The options that stood on the command line, by key. */
function givenOptions(command: AnyCommand, at: Command): Given {
  const given: Given = {};
  for (const key of Object.keys(command.options)) {
    // Commander turns `--no-encryption` into `encryption: false`.
    const negative = /^no[A-Z]/.test(key);
    const attribute = negative ? key.slice(2, 3).toLowerCase() + key.slice(3) : key;
    if (at.getOptionValueSource(attribute) === 'cli')
      given[key] = negative ? at.getOptionValue(attribute) === false : at.getOptionValue(attribute);
  }
  return given;
}

function helpHint(command: AnyCommand): string {
  return `'mailrecover ${command.name} --help' shows how it is used`;
}

/** Commander's message in the words of this project. */
function usageError(error: CommanderError, commands: readonly AnyCommand[]): MailrecoverError {
  const [first = '', second = ''] = error.message.replace(/^error: /, '').split('\n');
  const meant = /\(Did you mean (?:one of )?(.+?)\?\)/.exec(second)?.[1];
  const only = commands.length === 1 ? commands[0] : undefined;
  const hint =
    meant === undefined ? (only === undefined ? "'mailrecover --help' lists the commands" : helpHint(only)) : `did you mean ${meant}?`;
  const message = first
    .replace(/^too many arguments.*?got \d+: .*$/s, `too many arguments${only === undefined ? '' : ` for '${only.name}'`}`)
    .replace(/[<>]/g, '')
    .replace(/\.$/, '')
    .replace(/is invalid\. (.)/, (_, letter: string) => `is invalid: ${letter.toLowerCase()}`);
  return new MailrecoverError('usage', message.charAt(0).toLowerCase() + message.slice(1), { hint });
}
