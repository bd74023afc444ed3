/**
 * A command is a value: what it is called, takes, promises and does. From it come the
 * parser, `--help`, shell completion, the man page and the reference page.
 */
import type { Config } from '../config/schema.ts';
import type { ErrorCode, ExitCode } from '../errors/codes.ts';
import type { Finding } from '../errors/finding.ts';
import type { Progress } from '../system/progress.ts';
import type { TextHelpers } from '../report/text/helpers.ts';
import type { Lang } from '../report/words/index.ts';

export type { TextHelpers } from '../report/text/helpers.ts';

/** What a shell may offer as the value of an option or argument. */
export type Completion = 'file' | 'directory';

interface Described {
  /** One phrase, lower case, no final stop. */
  description: string;
  complete?: Completion;
}

interface Valued extends Described {
  /** How the value is called in help: `FILE`, `MAILBOX`. */
  value: string;
}

/**
 * One option. Its flag is its key in kebab case: `readData` is `--read-data`, `noEncryption` is `--no-encryption`.
 * - `flag`: given or not
 * - `text`: one value; `env` names a variable that stands in for it
 * - `list`: may be given several times
 * - `number`: a decimal number between `min` and `max`
 * - `choice`: one of `choices`
 */
export type OptionSpec =
  | (Described & { kind: 'flag' })
  | (Valued & { kind: 'text'; default?: string; env?: string })
  | (Valued & { kind: 'list'; env?: string })
  | (Valued & { kind: 'number'; default?: number; min?: number; max?: number })
  | (Valued & { kind: 'choice'; choices: readonly string[]; default?: string });

/** One argument; several come in the order of their keys. Only the last may be variadic. */
export interface ArgumentSpec extends Valued {
  required?: boolean;
  variadic?: boolean;
  choices?: readonly string[];
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;
export type ArgumentSpecs = Readonly<Record<string, ArgumentSpec>>;

type OptionValue<O> = O extends { kind: 'flag' }
  ? boolean
  : O extends { kind: 'list' }
    ? string[]
    : O extends { kind: 'number' }
      ? number | (O extends { default: number } ? never : undefined)
      : O extends { kind: 'choice'; choices: readonly (infer C)[] }
        ? C | (O extends { default: string } ? never : undefined)
        : string | (O extends { default: string } ? never : undefined);

type ArgumentValue<A> = A extends { variadic: true }
  ? string[]
  : A extends { choices: readonly (infer C)[] }
    ? C | (A extends { required: true } ? never : undefined)
    : string | (A extends { required: true } ? never : undefined);

/** The values of options as `run` gets them. */
export type Options<O extends OptionSpecs> = { readonly [K in keyof O]: OptionValue<O[K]> };
/** The values of arguments as `run` gets them. */
export type Arguments<A extends ArgumentSpecs> = { readonly [K in keyof A]: ArgumentValue<A[K]> };

/** What a command is given beside its arguments and options. */
export interface CommandContext {
  /** Aborted on SIGINT and SIGTERM; what a command throws after that is not reported. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** The configuration file that was asked for, whether it exists or not. */
  readonly configPath: string;
  readonly verbose: boolean;
  /** The language that people read. */
  readonly lang: Lang;
  /** That language, where `--lang` asked for it. */
  readonly langAsked: Lang | undefined;
  /** Nothing is printed unless something is wrong; then what is printed may end in a log. */
  readonly quiet: boolean;
  /** True where someone at a terminal can answer {@link ask}. */
  readonly interactive: boolean;
  /** Reads and validates the configuration, once. @throws MailrecoverError `config` */
  config(): Promise<Config>;
  /** Asks at the terminal; `secret` hides what is typed. @throws MailrecoverError `usage` where there is no terminal */
  ask(question: string, details?: { secret?: boolean }): Promise<string>;
  /** Standard input, for a program that talks to this one. */
  input(): NodeJS.ReadableStream & AsyncIterable<Buffer | string>;
  /** Says on standard error what can't wait for the result, such as what the user must do now, whatever else is printed. */
  tell(text: string): void;
  /** Runs when the command ends, however it ends, last registered first. */
  onEnd(cleanup: () => void | Promise<void>): void;
}

export type Outcome = 'ok' | 'warning' | 'partial' | 'failed';

/** A file or directory that the command left behind for the user. */
export interface Artifact {
  /** What it is: `config`, `recovery-sheet`, `restore` … */
  kind: string;
  path: string;
}

/** What a command answers. It says nothing itself: the command line prints this. */
export interface CommandResult {
  outcome: Outcome;
  counts?: Record<string, number>;
  findings?: readonly Finding[];
  artifacts?: readonly Artifact[];
  /** The command's own fields of the JSON document. */
  fields?: Record<string, unknown>;
  /** The exit code itself, for the one command whose exit code others prescribe: a plugin of a monitoring system. */
  exit?: number;
  /** What the exit code should say where the outcome is `partial` or `failed` and no error finding says it. */
  cause?: ErrorCode;
  /** Print the JSON document in place of text, as with `--json`. */
  document?: true;
  /** The text for people, without findings: those are printed after it. */
  render?(text: TextHelpers): string;
  /** Bytes for standard output as they are, in place of the text (`cat`, `completion`); not used with `--json`. */
  output?: string | Uint8Array | AsyncIterable<Uint8Array>;
}

export interface Example {
  /** The whole command line. */
  command: string;
  /** One sentence that says what it is for. */
  says: string;
}

/** Everything about a command that can be told without running it. */
export interface CommandDescription<A extends ArgumentSpecs = ArgumentSpecs, O extends OptionSpecs = OptionSpecs> {
  /** `backup`, or `key add` for a command below a group. */
  name: string;
  /** One phrase, lower case, no final stop. */
  summary: string;
  /** Paragraphs of plain text. */
  description: readonly string[];
  arguments: A;
  options: O;
  examples: readonly Example[];
  /** Exit codes that this command can end with beside 2, 70, 130 and 143, and what each means here. */
  exitCodes: Partial<Record<ExitCode, string>>;
  /** The command's own fields of the JSON document, `counts.x` included, and what each holds. */
  json: Readonly<Record<string, string>>;
  /** Whether its runs stand in the history; the key of a flag: those with that flag. */
  recordsHistory?: boolean | string;
  /** Whether the history in the repository is written, too, when it ends; runs of other commands go there with the next that does. */
  publishesHistory?: boolean;
}

export interface CommandSpec<A extends ArgumentSpecs = ArgumentSpecs, O extends OptionSpecs = OptionSpecs> extends CommandDescription<
  A,
  O
> {
  /** Does the work. Engines are imported in here, so that other commands do not load them. */
  run(context: CommandContext, args: Arguments<A>, options: Options<O>): Promise<CommandResult>;
}

/** A command whose argument and option types are not known, as the registry holds it. */
export interface AnyCommand extends CommandDescription {
  run(context: CommandContext, args: never, options: never): Promise<CommandResult>;
}

/** A command as one value; `run` gets arguments and options with the types that the specifications imply. */
export function defineCommand<const A extends ArgumentSpecs, const O extends OptionSpecs>(spec: CommandSpec<A, O>): CommandSpec<A, O> {
  return spec;
}
