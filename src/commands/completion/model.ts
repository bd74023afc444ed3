import { flagOf } from '../flags.ts';
import { GLOBAL_OPTIONS } from '../global.ts';
import type { AnyCommand, ArgumentSpec, Completion, OptionSpec } from '../types.ts';

/** What follows an option, or stands as an argument. */
export type ValueModel = { kind: 'none' } | { kind: 'any' } | { kind: Completion } | { kind: 'words'; words: readonly string[] };

export interface OptionModel {
  flag: string;
  description: string;
  value: ValueModel;
  repeatable: boolean;
}

export interface CommandModel {
  /** The words of its name: `['key', 'add']`. */
  words: readonly string[];
  summary: string;
  options: readonly OptionModel[];
  /** What its arguments can be, taken together. */
  argument: ValueModel;
}

export interface CompletionModel {
  commands: readonly CommandModel[];
  /** Options of every command. */
  globals: readonly OptionModel[];
}

/** What a completion script needs to know of the commands. */
export function completionModel(commands: readonly AnyCommand[]): CompletionModel {
  const help: OptionModel = { flag: '--help', description: 'print help', value: { kind: 'none' }, repeatable: false };
  return {
    globals: [...Object.entries(GLOBAL_OPTIONS).map(([key, option]) => optionModel(key, option)), help],
    commands: commands.map((command) => ({
      words: command.name.split(' '),
      summary: command.summary,
      options: Object.entries(command.options).map(([key, option]) => optionModel(key, option)),
      argument: argumentModel(Object.values(command.arguments)),
    })),
  };
}

/** The first words of all commands, each once, with a summary. */
export function topWords(model: CompletionModel): { word: string; summary: string }[] {
  const words = new Map<string, string>();
  for (const {
    words: [word = ''],
    summary,
    words: all,
  } of model.commands) {
    if (!words.has(word)) words.set(word, all.length > 1 ? `${word} commands` : summary);
  }
  return [...words].map(([word, summary]) => ({ word, summary }));
}

function optionModel(key: string, option: OptionSpec): OptionModel {
  const value: ValueModel =
    option.kind === 'flag'
      ? { kind: 'none' }
      : option.kind === 'choice'
        ? { kind: 'words', words: option.choices }
        : { kind: option.complete ?? 'any' };
  return { flag: flagOf(key), description: option.description, value, repeatable: option.kind === 'list' };
}

function argumentModel(specs: readonly ArgumentSpec[]): ValueModel {
  for (const { choices, complete } of specs) {
    if (choices !== undefined) return { kind: 'words', words: choices };
    if (complete !== undefined) return { kind: complete };
  }
  return { kind: specs.length === 0 ? 'none' : 'any' };
}
