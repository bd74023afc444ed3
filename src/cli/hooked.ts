/** Hooks of the configuration around a command. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Registry } from '../commands/index.ts';
import type { CommandContext, CommandResult } from '../commands/types.ts';
import type { Config } from '../config/schema.ts';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { isoNow } from '../system/clock.ts';
import { makeDirectory } from '../system/files.ts';
import type { HookOutcome } from '../system/hooks.ts';
import { errorReport, resultDocument, type ErrorReport } from './document.ts';
import { codesOf, exitCodeOf } from './exit-code.ts';
import { unknownVerbs } from './known-verbs.ts';

type When = 'before' | 'after' | 'error';

interface Ran extends HookOutcome {
  when: When;
}

export interface HookedOptions {
  context: CommandContext;
  registry: Registry;
  command: string;
  startedAt: string;
  interruptedBy: () => number | undefined;
  /** For what can't stand in a result. */
  warn: (text: string) => void;
}

/** Set for hooks, so that what they run of mailrecover runs no hooks again. */
const MARK = 'MAILRECOVER_HOOK';
/** After a signal the program has 10 s left. */
const HURRY_MS = 8000;

/** Runs a command with the hooks that the configuration has for it. */
export async function hooked(options: HookedOptions, run: () => Promise<CommandResult>): Promise<CommandResult> {
  if ((process.env[MARK] ?? '') !== '') return run();
  // Without a valid configuration there are no hooks; the run says what is wrong with it, if it needs one.
  const config = await options.context.config().catch(() => undefined);
  if (config === undefined || config.hooks.length === 0) return run();
  const hooks = config.hooks.find(({ verb }) => verb === options.command);
  const unknown = unknownVerbs(
    config.hooks.map(({ verb }) => verb),
    options.registry,
    'hooks',
  );
  if (hooks === undefined) return withFindings(await run(), unknown, []);
  return new Hooks(options, config, hooks).around(run, unknown);
}

class Hooks {
  readonly #options: HookedOptions;
  readonly #config: Config;
  readonly #hooks: Config['hooks'][number];
  readonly #ran: Ran[] = [];

  constructor(options: HookedOptions, config: Config, hooks: Config['hooks'][number]) {
    this.#options = options;
    this.#config = config;
    this.#hooks = hooks;
  }

  async around(run: () => Promise<CommandResult>, findings: readonly Finding[]): Promise<CommandResult> {
    let result: CommandResult;
    try {
      await this.#before();
      result = await run();
    } catch (error) {
      await this.#afterError(error);
      throw error;
    }
    const when = result.outcome === 'failed' ? 'error' : 'after';
    const problems = await this.#run(when, result, undefined);
    return withFindings(result, [...findings, ...problems], this.#ran);
  }

  async #before(): Promise<void> {
    const [problem] = await this.#run('before', undefined, undefined);
    if (problem === undefined) return;
    throw new MailrecoverError('failed', `'${this.#hooks.verb}' was not begun: ${problem.message}`, {
      hint: "run the hook by hand; its line stands below 'hooks' in the configuration",
      ...(problem.subject === undefined ? {} : { subject: problem.subject }),
    });
  }

  async #afterError(error: unknown): Promise<void> {
    const interrupted = this.#options.interruptedBy();
    const report = interrupted === undefined ? errorReport(error) : { code: 'interrupted', message: 'interrupted by a signal' };
    try {
      for (const { message } of await this.#run('error', { outcome: 'failed' }, report)) this.#options.warn(message);
    } catch (problem) {
      // The error that it is about is what the user must hear of.
      this.#options.warn(errorReport(problem).message);
    }
  }

  /** Runs the hooks of one time, in order; those before a command end with the first that fails. @returns what went wrong */
  async #run(when: When, result: CommandResult | undefined, error: ErrorReport | undefined): Promise<Finding[]> {
    const commands = this.#hooks[when];
    if (commands.length === 0) return [];
    const { runHook } = await import('../system/hooks.ts');
    const interrupted = this.#options.interruptedBy();
    const findings: Finding[] = [];
    const place = await this.#resultFile(result, error);
    const env: Record<string, string> = { [MARK]: when, MAILRECOVER_VERB: this.#hooks.verb };
    if (result !== undefined) {
      env['MAILRECOVER_OUTCOME'] = result.outcome;
      env['MAILRECOVER_EXIT_CODE'] = String(interrupted ?? exitCodeOf(result.outcome, codesOf(result, error)));
      if (place !== undefined) env['MAILRECOVER_RESULT'] = place.file;
    }
    const timeoutMs = interrupted === undefined ? this.#hooks.timeout * 1000 : Math.min(this.#hooks.timeout * 1000, HURRY_MS);
    try {
      for (const command of commands) {
        const signal = when === 'error' ? undefined : this.#options.context.signal;
        const outcome = await runHook({ command, env, timeoutMs, signal });
        this.#ran.push({ when, ...outcome });
        if (outcome.problem === undefined) continue;
        findings.push(failedHook(when, this.#hooks.verb, outcome.program, outcome.problem));
        if (when === 'before') break;
      }
    } finally {
      if (place !== undefined) rmSync(place.directory, { recursive: true, force: true });
    }
    return findings;
  }

  /** The document that `--json` prints, as far as it is known, in a file that only this user can read. */
  async #resultFile(
    result: CommandResult | undefined,
    error: ErrorReport | undefined,
  ): Promise<{ directory: string; file: string } | undefined> {
    if (result === undefined) return undefined;
    const { command, startedAt } = this.#options;
    const host = this.#config.host ?? hostname();
    const document = resultDocument({ command, host, startedAt, finishedAt: isoNow(), result, ...(error === undefined ? {} : { error }) });
    await makeDirectory(this.#config.state);
    const directory = mkdtempSync(join(this.#config.state, 'hook-'));
    const file = join(directory, 'result.json');
    writeFileSync(file, `${JSON.stringify(document)}\n`, { mode: 0o600 });
    return { directory, file };
  }
}

function failedHook(when: When, verb: string, program: string, problem: string): Finding {
  const place = when === 'error' ? `after an error of '${verb}'` : `${when} '${verb}'`;
  return { severity: 'warning', code: 'hook-failed', message: `the hook '${program}' ${place} failed: ${problem}`, subject: program };
}

function withFindings(result: CommandResult, findings: readonly Finding[], ran: readonly Ran[]): CommandResult {
  if (findings.length === 0 && ran.length === 0) return result;
  return {
    ...result,
    outcome: findings.length > 0 && result.outcome === 'ok' ? 'warning' : result.outcome,
    findings: [...(result.findings ?? []), ...findings],
    ...(ran.length === 0 ? {} : { fields: { ...result.fields, hooks: ran } }),
  };
}
