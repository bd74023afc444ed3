/** Secrets stand in the configuration as references, never as values; this is where their values come from. */
import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { ioError, MailrecoverError } from '../errors/error.ts';
import { run } from './exec.ts';

/** No secret is longer; a disk image named by mistake is not read whole. */
const MAX_SIZE = 64 * 1024;
const COMMAND_TIMEOUT_MS = 60_000;

/** What a reference may be, for messages and descriptions. */
export const REFERENCE_FORMS = 'file:/PATH, env:NAME, cmd:PROGRAM ARGUMENTS or credential:NAME';

/** What is wrong with a reference, or undefined. It never repeats the text, which may be a secret that was put there by mistake. */
export function referenceProblem(text: string): string | undefined {
  const [, kind, rest = ''] = /^([a-z]+):(.*)$/s.exec(text) ?? [];
  const form = `must be a reference: ${REFERENCE_FORMS}`;
  if (kind === 'file') return isAbsolute(rest) ? undefined : "must have an absolute path behind 'file:'";
  if (kind === 'env') return /^[A-Za-z_][A-Za-z0-9_]*$/.test(rest) ? undefined : "must have the name of a variable behind 'env:'";
  if (kind === 'credential')
    return /^[A-Za-z0-9._-]+$/.test(rest) && !/^\.+$/.test(rest) ? undefined : "must have a plain name behind 'credential:'";
  if (kind === 'cmd') return commandWords(rest) === undefined ? "must have a program and its arguments behind 'cmd:'" : undefined;
  return form;
}

/** Words as a shell would see them: blanks part them, quotes hold them together, nothing else has a meaning. */
function commandWords(text: string): [string, ...string[]] | undefined {
  const words: string[] = [];
  for (const match of text.matchAll(/(?:"([^"]*)"|'([^']*)'|([^\s"']+)|["'])+/g)) {
    let word = '';
    for (const [piece] of match[0].matchAll(/"[^"]*"|'[^']*'|[^"']+|["']/g)) {
      if (piece === '"' || piece === "'") return undefined;
      word += /^["']/.test(piece) ? piece.slice(1, -1) : piece;
    }
    words.push(word);
  }
  const [program, ...rest] = words;
  return program === undefined || program === '' ? undefined : [program, ...rest];
}

/**
 * The value that a reference stands for, without the line end behind it:
 * - `file:/PATH` the content of a file
 * - `env:NAME` a variable of the environment
 * - `cmd:PROGRAM ARGUMENTS` what a program prints; it is run without a shell
 * - `credential:NAME` a credential that systemd hands over (`LoadCredential=`), a file below `$CREDENTIALS_DIRECTORY`
 * @param purpose what it is for, for messages: `the password of backup@vault`
 * @throws MailrecoverError `key` where there is none, naming the reference and never the value
 */
export async function readSecret(reference: string, purpose: string): Promise<string> {
  const problem = referenceProblem(reference);
  if (problem !== undefined) throw new MailrecoverError('config', `the reference to ${purpose} ${problem}`);
  const rest = reference.slice(reference.indexOf(':') + 1);
  const value = (await valueOf(reference, rest, purpose)).replace(/\r?\n$/, '');
  if (value === '')
    throw new MailrecoverError('key', `${purpose} is empty in '${shownReference(reference)}'`, { subject: shownReference(reference) });
  return value;
}

/** A reference as messages may show it: without arguments of a command, which may hold what they should not. */
function shownReference(reference: string): string {
  return reference.startsWith('cmd:') ? `cmd:${commandWords(reference.slice('cmd:'.length))?.[0] ?? ''}` : reference;
}

async function valueOf(reference: string, rest: string, purpose: string): Promise<string> {
  if (reference.startsWith('file:')) return fileValue(rest, purpose);
  if (reference.startsWith('env:')) {
    const value = process.env[rest];
    if (value !== undefined) return value;
    throw missing(purpose, `there is no variable '${rest}' in the environment`, `set it, or name another reference: ${REFERENCE_FORMS}`);
  }
  if (reference.startsWith('credential:')) {
    const directory = process.env['CREDENTIALS_DIRECTORY'];
    if (directory !== undefined && isAbsolute(directory)) return fileValue(join(directory, rest), purpose);
    throw missing(purpose, 'systemd handed over no credentials', `add 'LoadCredential=${rest}:/PATH' to the unit that runs this`);
  }
  const words = commandWords(rest);
  if (words === undefined) throw missing(purpose, 'no command is named', REFERENCE_FORMS);
  const [program, ...args] = words;
  try {
    return (await run(program, args, { timeoutMs: COMMAND_TIMEOUT_MS, maxBytes: MAX_SIZE })).stdout;
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
    throw missing(purpose, error.message, error.hint ?? 'run it by hand, as the same user and without a terminal');
  }
}

async function fileValue(path: string, purpose: string): Promise<string> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > MAX_SIZE)
      throw new MailrecoverError('key', `unable to get ${purpose}: '${path}' is too large for one`, { subject: path });
    return bytes.toString('utf8');
  } catch (error) {
    if (error instanceof MailrecoverError) throw error;
    const { message } = ioError(error, 'read', path);
    throw missing(purpose, message, `put it there, readable by the user that runs this alone`);
  }
}

function missing(purpose: string, why: string, hint: string): MailrecoverError {
  return new MailrecoverError('key', `unable to get ${purpose}: ${why}`, { hint });
}
