import { flushCompileCache } from 'node:module';
import { hostname } from 'node:os';
import type { Registry } from '../commands/index.ts';
import type { AnyCommand, CommandContext, CommandResult } from '../commands/types.ts';
import type { Config } from '../config/schema.ts';
import type { Finding } from '../errors/finding.ts';
import { isoNow } from '../system/clock.ts';
import { errorReport, resultDocument, type Ending, type ErrorReport } from './document.ts';
import { codesOf, exitCodeOf } from './exit-code.ts';
import { findCommands } from './find-command.ts';
import { scanArguments, type Globals } from './globals.ts';
import { isTerminal, processOutput, type Output } from './output.ts';
import { createProgress, type ShownProgress } from './progress/index.ts';
import { parsePlain } from './parse-plain.ts';
import { watchSignals, type Signals } from './signals.ts';

/** One run from the command line to the exit code. */
interface Session {
  argv: readonly string[];
  globals: Globals;
  output: Output;
  signals: Signals;
  progress: ShownProgress;
  startedAt: string;
  /** Name of the command, as far as it is known. */
  command: string;
  config: Config | undefined;
  cleanups: (() => void | Promise<void>)[];
  /** Says in the reader's language what was made in English, line by line. */
  translate: (text: string) => string;
  /** What happened after a run that threw, and so has no result of its own. */
  afterwards: Finding[];
}

/** Runs what the command line says, prints its result and ends the process with its exit code. Never throws. */
export async function main(argv: readonly string[], registry: Registry): Promise<void> {
  const scan = scanArguments(argv, process.env);
  const output = processOutput();
  const session: Session = {
    argv,
    globals: scan.globals,
    output,
    signals: watchSignals((code) => process.exit(code)),
    progress: await createProgress(scan.globals, output),
    startedAt: isoNow(),
    command: scan.words[0] ?? '',
    config: undefined,
    cleanups: [],
    translate: await translator(scan.globals.lang),
    afterwards: [],
  };
  process.on('uncaughtException', (error) => {
    void end(session, { outcome: 'failed' }, error);
  });

  let result: CommandResult;
  try {
    result = scan.version && scan.words.length === 0 ? await tellVersion() : await perform(session, registry, scan.words, scan.help);
  } catch (error) {
    await end(session, { outcome: 'failed' }, error);
    return;
  }
  await end(session, result);
}

/** The catalogue is loaded only where another language than English is asked for. */
async function translator(lang: Globals['lang']): Promise<(text: string) => string> {
  if (lang === 'en') return (text) => text;
  const { inLanguage } = await import('../report/words/say.ts');
  return (text) =>
    text
      .split('\n')
      .map((line) => inLanguage(lang, line))
      .join('\n');
}

async function tellVersion(): Promise<CommandResult> {
  const { programVersion } = await import('../system/version.ts');
  return { outcome: 'ok', fields: { version: programVersion() }, output: `${programVersion()}\n` };
}

async function perform(session: Session, registry: Registry, words: readonly string[], help: boolean): Promise<CommandResult> {
  const commands = await findCommands(words, help, registry);
  const only = commands.length === 1 ? commands[0] : undefined;
  if (only !== undefined) {
    session.command = only.name;
    const plain = parsePlain(session.argv, only, process.env);
    if (plain !== undefined) return start(session, registry, only, plain.args, plain.options);
  }
  const { parseArguments } = await import('./program.ts');
  const parsed = parseArguments(session.argv, commands, process.env, session.globals.color && session.output.outIsTerminal);
  if ('help' in parsed) {
    session.command = 'help';
    return { outcome: 'ok', fields: { help: parsed.help }, output: parsed.help };
  }
  session.command = parsed.command.name;
  return start(session, registry, parsed.command, parsed.args, parsed.options);
}

async function start(
  session: Session,
  registry: Registry,
  command: AnyCommand,
  args: Record<string, unknown>,
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const context = contextOf(session);
  if (!isRecorded(command, options) || options['dryRun'] === true) return call(command, context, args, options);
  const [{ recorded }, { pinged }, { hooked }, { reported }] = await Promise.all([
    import('./record.ts'),
    import('./pinged.ts'),
    import('./hooked.ts'),
    import('./reported.ts'),
  ]);
  const interruptedBy = session.signals.exitCode;
  const { startedAt, output, translate } = session;
  const around = {
    context,
    registry,
    command: command.name,
    startedAt,
    interruptedBy,
    warn: (text: string) => output.err(`${translate('warning:')} ${translate(text)}\n`),
  };
  const afterwards = (findings: readonly Finding[]): void => void session.afterwards.push(...findings);
  return reported({ context, command: command.name, startedAt, interruptedBy, afterwards }, () =>
    recorded({ session, context, interruptedBy, publish: command.publishesHistory === true }, () =>
      pinged(around, () => hooked(around, () => call(command, context, args, options))),
    ),
  );
}

function isRecorded({ recordsHistory }: AnyCommand, options: Record<string, unknown>): boolean {
  return typeof recordsHistory === 'string' ? options[recordsHistory] === true : recordsHistory === true;
}

/** The registry doesn't know the types of a command's values; its own specification does, and the parser followed that. */
function call(
  command: AnyCommand,
  context: CommandContext,
  args: Record<string, unknown>,
  options: Record<string, unknown>,
): Promise<CommandResult> {
  return command.run(context, args as never, options as never);
}

function contextOf(session: Session): CommandContext {
  const { globals, output } = session;
  let config: Promise<Config> | undefined;
  const load = async (): Promise<Config> => {
    const { loadConfig } = await import('../config/load.ts');
    session.config = await loadConfig(globals.config);
    return session.config;
  };
  return {
    signal: session.signals.signal,
    progress: session.progress,
    configPath: globals.config,
    verbose: globals.verbose,
    lang: globals.lang,
    langAsked: globals.langAsked,
    quiet: globals.quiet,
    interactive: output.errIsTerminal && isTerminal(0),
    config: () => (config ??= load()),
    async ask(question, { secret = false } = {}) {
      const { askAtTerminal } = await import('./prompt.ts');
      const show = session.progress.hold?.();
      try {
        return await askAtTerminal(session.translate(question), secret, session.signals.signal);
      } finally {
        show?.();
      }
    },
    input: () => process.stdin,
    tell(text) {
      const show = session.progress.hold?.();
      output.err(`${session.translate(text)}\n`);
      show?.();
    },
    onEnd: (cleanup) => session.cleanups.push(cleanup),
  };
}

let ended = false;

/** Cleans up, prints the one result and exits; only the first call does anything. */
async function end(session: Session, result: CommandResult, error?: unknown): Promise<void> {
  if (ended) return;
  ended = true;
  session.progress.stop();
  for (const cleanup of session.cleanups.toReversed()) {
    try {
      await cleanup();
    } catch (problem) {
      error ??= problem;
      result = { ...result, outcome: 'failed' };
    }
  }
  if (session.afterwards.length > 0) result = { ...result, findings: [...(result.findings ?? []), ...session.afterwards] };
  const interrupted = error === undefined ? undefined : session.signals.exitCode();
  const report = error === undefined ? undefined : interrupted === undefined ? errorReport(error) : interruption(session.signals);
  const ending: Ending = {
    command: session.command,
    host: session.config?.host ?? hostname(),
    startedAt: session.startedAt,
    finishedAt: isoNow(),
    result,
    ...(report === undefined ? {} : { error: report }),
  };
  const code = interrupted ?? result.exit ?? exitCodeOf(result.outcome, codesOf(result, report));
  try {
    await print(session, ending);
    if (session.globals.verbose && error !== undefined && interrupted === undefined) {
      const { bugDetails } = await import('./bug.ts');
      session.output.err(bugDetails(error, session.argv));
    }
  } catch (problem) {
    // Raw output may fail while it is read from the repository: that is the run's failure after all.
    session.output.err(`mailrecover: ${session.translate(errorReport(problem).message)}\n`);
    leave(exitCodeOf('failed', [errorReport(problem).code]));
    return;
  }
  leave(code);
}

async function print(session: Session, ending: Ending): Promise<void> {
  const { globals, output } = session;
  if (globals.json || ending.result.document === true) {
    const document = resultDocument(ending);
    await output.out(`${output.outIsTerminal ? JSON.stringify(document, null, 2) : JSON.stringify(document)}\n`);
    // Who asked for both reads the one and shows the other to people.
    if (globals.json && globals.events && ending.result.render !== undefined) {
      const { textHelpers } = await import('../report/text/helpers.ts');
      const text = ending.result.render(textHelpers({ color: false, lang: globals.lang }));
      session.progress.event('result', { text });
    }
    return;
  }
  // A quiet run that went well has nothing to say; only `cat` and its like hand bytes out all the same.
  if (globals.quiet && ending.result.outcome === 'ok' && ending.result.output === undefined) return;
  const { printText } = await import('./print.ts');
  await printText(ending, globals, output);
}

/** How long something that was left open may keep the process, before it is ended all the same. */
const LINGER_MS = 1000;

/**
 * Lets the process end by itself, as it does when nothing is left to do: `process.exit` waits for the compiler's threads, which may wait for
 * a garbage collection that never comes then (nodejs/node#54918).
 */
function leave(code: number): void {
  flushCompileCache();
  process.exitCode = code;
  setTimeout(() => process.exit(code), LINGER_MS).unref();
}

function interruption(signals: Signals): ErrorReport {
  return { code: 'interrupted', message: `interrupted by ${signals.name() ?? 'a signal'}` };
}
