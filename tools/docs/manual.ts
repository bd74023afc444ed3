import { exitCodesOf } from '../../src/commands/exit-codes.ts';
import { usageOfArgument, usageOfOption } from '../../src/commands/flags.ts';
import { GLOBAL_OPTIONS } from '../../src/commands/global.ts';
import type { AnyCommand, OptionSpec } from '../../src/commands/types.ts';
import { describe, optionMeaning } from './markdown.ts';

/** The man page of one command, in the man(7) macros. */
export function commandManual(command: AnyCommand, version: string): string {
  const title = `mailrecover-${command.name.replaceAll(' ', '-')}`;
  const args = Object.values(command.arguments);
  return lines([
    header(title, version),
    '.SH NAME',
    `${text(title)} \\- ${text(command.summary)}`,
    '.SH SYNOPSIS',
    `.B mailrecover ${text(command.name)}`,
    text(['[OPTIONS]', ...args.map(usageOfArgument)].join(' ')),
    '.SH DESCRIPTION',
    ...command.description.flatMap((paragraph) => ['.PP', text(paragraph)]),
    ...(args.length === 0 ? [] : ['.SH ARGUMENTS', ...args.flatMap((argument) => item(usageOfArgument(argument), describe(argument.description, argument.choices)))]),
    ...optionSection('OPTIONS', Object.entries(command.options)),
    ...optionSection('GLOBAL OPTIONS', Object.entries(GLOBAL_OPTIONS)),
    '.SH EXAMPLES',
    ...command.examples.flatMap(({ command: line, says }) => ['.PP', text(says), '.PP', '.RS 4', '.nf', text(line), '.fi', '.RE']),
    '.SH EXIT STATUS',
    ...exitCodesOf(command).flatMap(([code, meaning]) => item(String(code), meaning)),
    '.SH SEE ALSO',
    '.BR mailrecover (1)',
  ]);
}

/** The man page of the program, which lists the commands. */
export function mainManual(commands: readonly AnyCommand[], version: string): string {
  return lines([
    header('mailrecover', version),
    '.SH NAME',
    'mailrecover \\- backup, proved restore and standby switching for Postfix and Dovecot mail servers',
    '.SH SYNOPSIS',
    '.B mailrecover',
    text('[OPTIONS] COMMAND'),
    '.SH COMMANDS',
    ...commands.flatMap(({ name, summary }) => item(name, `${summary}; see mailrecover-${name.replaceAll(' ', '-')}(1)`)),
    ...optionSection('OPTIONS', Object.entries(GLOBAL_OPTIONS)),
    '.SH FILES',
    ...item(GLOBAL_OPTIONS.config.default, 'the configuration'),
    ...item('/var/lib/mailrecover', 'local state: caches, journals, the history of runs'),
  ]);
}

function header(title: string, version: string): string {
  return `.TH ${title.toUpperCase().replaceAll('-', '\\-')} 1 "" "mailrecover ${version}" "mailrecover"`;
}

function optionSection(title: string, options: readonly (readonly [string, OptionSpec])[]): string[] {
  if (options.length === 0) return [];
  return [`.SH ${title}`, ...options.flatMap(([key, option]) => item(usageOfOption(key, option), optionMeaning(option)))];
}

function item(term: string, meaning: string): string[] {
  return ['.TP', `.B ${text(term)}`, text(meaning)];
}

/** Escapes text for roff: backslashes, hyphens that must stay hyphens, and dots and quotes that begin a line. */
function text(value: string): string {
  const escaped = value
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('…', '\\&...')
    .replaceAll('’', '\\(cq')
    .replaceAll('`', '\\(ga');
  return escaped.startsWith('.') ? `\\&${escaped}` : escaped;
}

function lines(parts: readonly string[]): string {
  return `${parts.join('\n')}\n`;
}
