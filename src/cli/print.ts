import type { CommandResult, TextHelpers } from '../commands/types.ts';
import type { Finding } from '../errors/finding.ts';
import type { Ending } from './document.ts';
import type { Globals } from './globals.ts';
import type { Output } from './output.ts';
import { textHelpers } from '../report/text/helpers.ts';
import { tell } from '../report/text/tell.ts';
import { printable } from '../report/text/width.ts';

/** Findings that are printed as text unless --verbose asks for all; the JSON document has every one. */
const FINDINGS_SHOWN = 20;

/** Prints what people read: the command's text to standard output, findings and the error to standard error. */
export async function printText(ending: Ending, globals: Globals, output: Output): Promise<void> {
  const { result, error } = ending;
  const bad = result.outcome !== 'ok';
  const onOut = textHelpers({ color: globals.color && output.outIsTerminal, lang: globals.lang });
  const onErr = textHelpers({ color: globals.color && output.errIsTerminal, lang: globals.lang });

  if (result.output !== undefined) await printRaw(result.output, output);
  const raw = result.output !== undefined;
  if (result.render !== undefined && error === undefined && (!globals.quiet || bad)) {
    // With --quiet what is printed is a warning as a whole; beside raw output, text must not get into it.
    const toErr = globals.quiet || raw;
    const text = printable(result.render(toErr ? onErr : onOut)).trimEnd();
    if (text !== '') {
      if (toErr) output.err(`${text}\n`);
      else await output.out(`${text}\n`);
    }
  }
  for (const line of findingLines(result, globals.verbose, onErr, globals.quiet && !bad)) output.err(`${printable(line)}\n`);
  if (error !== undefined) {
    output.err(`${onErr.red('mailrecover:')} ${tell(printable(error.message), onErr)}\n`);
    if (error.hint !== undefined) output.err(`${onErr.cyan(onErr.words.common.hint)} ${tell(printable(error.hint), onErr)}\n`);
  }
}

async function printRaw(raw: NonNullable<CommandResult['output']>, output: Output): Promise<void> {
  if (typeof raw === 'string' || raw instanceof Uint8Array) {
    await output.out(raw);
    return;
  }
  for await (const chunk of raw) {
    if (!(await output.out(chunk))) return;
  }
}

function findingLines(result: CommandResult, verbose: boolean, text: TextHelpers, silent: boolean): string[] {
  const worth = (result.findings ?? []).filter(({ severity }) => !silent && (severity !== 'info' || verbose));
  const shown = verbose ? worth : worth.slice(0, FINDINGS_SHOWN);
  const lines = shown.flatMap(({ hint, ...finding }, index) => [
    `${label(finding, text)} ${tell(finding.message, text)}`,
    // What is to be done about several is said once, after the last of them.
    ...(hint === undefined || hint === shown[index + 1]?.hint ? [] : [`${text.cyan(text.words.common.hint)} ${tell(hint, text)}`]),
  ]);
  if (worth.length > shown.length) lines.push(text.dim(text.words.common.more(worth.length - shown.length)));
  return lines;
}

function label({ severity }: Finding, text: TextHelpers): string {
  const { error, warning, note } = text.words.common;
  if (severity === 'error') return text.red(error);
  return severity === 'warning' ? text.yellow(warning) : text.dim(note);
}
