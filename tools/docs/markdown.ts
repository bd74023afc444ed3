import { exitCodesOf, COMMON_EXIT_CODES } from '../../src/commands/exit-codes.ts';
import { usageOfArgument, usageOfOption } from '../../src/commands/flags.ts';
import { GLOBAL_OPTIONS } from '../../src/commands/global.ts';
import type { AnyCommand, OptionSpec } from '../../src/commands/types.ts';
import { ERROR_CODES } from '../../src/errors/codes.ts';

const MADE = '<!-- Made by `npm run format` from the specifications in src; changes here are lost. -->\n';

/** The reference page of one command. */
export function commandPage(command: AnyCommand): string {
  const usage = ['mailrecover', command.name, '[OPTIONS]', ...Object.values(command.arguments).map(usageOfArgument)].join(' ');
  const parts = [`# mailrecover ${command.name}`, MADE.trimEnd(), sentence(command.summary), fence(usage), ...command.description];
  const args = Object.values(command.arguments);
  if (args.length > 0) {
    parts.push('## Arguments', table(['argument', 'meaning'], args.map((argument) => [code(usageOfArgument(argument)), describe(argument.description, argument.choices)])));
  }
  const options = Object.entries(command.options);
  if (options.length > 0) parts.push('## Options', optionTable(options));
  parts.push('The [options of every command](README.md#options-of-every-command) may stand before or after its name.');
  parts.push('## Examples', ...command.examples.map(({ command: line, says }) => `${says}\n\n${fence(line)}`));
  parts.push('## Exit codes', exitTable(exitCodesOf(command)));
  parts.push('## JSON', 'Beside the fields of [every result](result.md):', table(['field', 'holds'], Object.entries(command.json).map(([field, holds]) => [code(field), holds])));
  return page(parts);
}

/** The page that lists all commands and the options of every command. */
export function indexPage(commands: readonly AnyCommand[]): string {
  const rows = commands.map(({ name, summary }) => [`[\`mailrecover ${name}\`](${name.replaceAll(' ', '-')}.md)`, summary]);
  return page([
    '# Reference',
    MADE.trimEnd(),
    table(['command', 'does'], rows),
    'Also: the [configuration](config.md), the keys of [recipes](recipe.md), the [result of every command](result.md), the [exit codes](exit-codes.md).',
    '## Options of every command',
    'They may stand before or after the name of the command.',
    optionTable(Object.entries(GLOBAL_OPTIONS)),
  ]);
}

/** The page of all exit codes and error codes. */
export function exitCodesPage(): string {
  const byExit = new Map<number, string[]>([[0, ['done, perhaps with warnings']]]);
  for (const { exit, meaning } of Object.values(ERROR_CODES)) byExit.set(exit, [...(byExit.get(exit) ?? []), meaning]);
  for (const code of [130, 143]) byExit.set(code, [COMMON_EXIT_CODES[code] ?? '']);
  const exits = [...byExit].toSorted(([a], [b]) => a - b).map(([exit, meanings]): [number, string] => [exit, meanings.join('; ')]);
  return page([
    '# Exit codes',
    MADE.trimEnd(),
    'An exit code that is not listed here must be treated as a failure.',
    exitTable(exits),
    '## Error codes',
    'They stand in `error.code` of the JSON document, and in `findings[].code` where a finding is an error of that kind.',
    table(['code', 'exit code', 'meaning'], Object.entries(ERROR_CODES).map(([name, { exit, meaning }]) => [code(name), String(exit), meaning])),
    'When several fit, the exit code is the first of these: 70, 4, 20, 12, 10, 11, 13, 2, 1. A run that was done in part exits with 3, or with 4 where damage was found.',
  ]);
}

/** The page that tells what every JSON document holds. */
export function resultPage(commands: readonly AnyCommand[]): string {
  const fields = [
    ['schema', '`mailrecover/1`; a field is never removed or given another meaning without a new number'],
    ['command', 'the command, such as `backup` or `config check`'],
    ['host', 'the name of this host, as configured'],
    ['startedAt, finishedAt', 'UTC, ISO 8601'],
    ['outcome', '`ok`, `warning`, `partial` (done, but something is missing) or `failed`'],
    ['error.{code,message,hint,subject}', 'what ended the run, where something did; the codes are listed with the [exit codes](exit-codes.md)'],
    ['counts', 'numbers, by name'],
    ['findings[].{severity,code,message,hint,subject}', 'what there is to tell; severity is `info`, `warning` or `error`'],
    ['artifacts[].{kind,path}', 'files and directories that were left for the user'],
  ].map(([field = '', holds = '']) => [code(field), holds]);
  return page([
    '# The result of every command',
    MADE.trimEnd(),
    'With `--json` every command prints exactly one JSON document to standard output, also when the command line is wrong. With `--events` the steps of a long run are streamed to standard error as JSON Lines, each with `time` and `event`.',
    table(['field', 'holds'], fields),
    `Commands have fields of their own beside these: ${commands.map(({ name }) => `[${name}](${name.replaceAll(' ', '-')}.md#json)`).join(', ')}.`,
  ]);
}

function optionTable(options: readonly (readonly [string, OptionSpec])[]): string {
  return table(
    ['option', 'meaning'],
    options.map(([key, option]) => [code(usageOfOption(key, option)), optionMeaning(option)]),
  );
}

/** What an option means, with its choices, default and environment variable. */
export function optionMeaning(option: OptionSpec): string {
  const notes = [];
  if (option.kind === 'list') notes.push('may be given several times');
  if (option.kind === 'choice') notes.push(`one of ${option.choices.join(', ')}`);
  if ('default' in option && option.default !== undefined) notes.push(`by default ${option.default}`);
  if ('env' in option && option.env !== undefined) notes.push(`or $${option.env}`);
  return notes.length === 0 ? option.description : `${option.description} (${notes.join('; ')})`;
}

export function describe(description: string, choices: readonly string[] | undefined): string {
  return choices === undefined || description.includes(choices[0] ?? '') ? description : `${description}: ${choices.join(', ')}`;
}

function exitTable(codes: readonly (readonly [number, string])[]): string {
  return table(['exit code', 'meaning'], codes.map(([exit, meaning]) => [String(exit), meaning]));
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

export function page(parts: readonly string[]): string {
  return `${parts.join('\n\n')}\n`;
}

export function code(text: string): string {
  return `\`${text}\``;
}

function fence(text: string): string {
  return `    ${text}`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
