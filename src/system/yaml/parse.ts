/** Files in YAML that people write: read, validated, and told where they are wrong. */
import { isMap, isNode, isPair, LineCounter, parseDocument, type Document } from 'yaml';
import type { ZodType } from 'zod';
import { MailrecoverError } from '../../errors/error.ts';
import type { JsonSchema } from './json-schema.ts';
import { problemsOf, type Problem } from './problems.ts';

/** One thing that is wrong with a file, and where; lines and columns count from 1. */
export interface LocatedProblem {
  line: number;
  column: number;
  message: string;
  hint: string | undefined;
}

export type ParsedYaml<T> = { value: T; problems?: never } | { value?: never; problems: LocatedProblem[] };

export interface YamlSchema<T> {
  schema: ZodType<T>;
  /** The same as JSON Schema, asked for where a key is unknown. */
  json: () => JsonSchema;
  /** What can not be said in a schema; asked where nothing else is wrong. */
  also?: (value: T) => Problem[];
}

/** Reads the text of a file (YAML 1.2) and validates it. Never throws: all that is wrong comes back as problems. */
export function parseYaml<T>(text: string, { schema, json, also }: YamlSchema<T>): ParsedYaml<T> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const located = (problems: readonly Problem[]): LocatedProblem[] =>
    problems
      .map(({ path, onKey, message, hint }) => ({ ...at(offsetOf(document, path, onKey)), message, hint }))
      .toSorted((a, b) => a.line - b.line || a.column - b.column);
  if (document.errors.length > 0) {
    return { problems: document.errors.map((error) => ({ ...at(error.pos[0]), message: sentence(error.message), hint: undefined })) };
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    return {
      problems: [{ line: 1, column: 1, message: sentence(error instanceof Error ? error.message : String(error)), hint: undefined }],
    };
  }
  const result = schema.safeParse(value, { reportInput: true });
  if (!result.success) return { problems: located(problemsOf(result.error.issues, json())) };
  const problems = also?.(result.data) ?? [];
  return problems.length > 0 ? { problems: located(problems) } : { value: result.data };
}

/** Where in the text the value at `path` begins (or its key); of the nearest thing above it where it is missing. */
function offsetOf(document: Document, path: readonly PropertyKey[], onKey: boolean): number {
  if (onKey) {
    const map = document.getIn(path.slice(0, -1), true) ?? document.contents;
    const pair = isMap(map) ? map.items.find((item) => isPair(item) && String(item.key) === String(path.at(-1))) : undefined;
    if (pair !== undefined && isNode(pair.key) && pair.key.range) return pair.key.range[0];
  }
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return document.contents?.range?.[0] ?? 0;
}

/** Messages of the YAML parser begin with a capital and may end with a stop and further lines. */
function sentence(message: string): string {
  const first = (message.split('\n', 1)[0] ?? '').replace(/[.:]$/, '');
  return first.charAt(0).toLowerCase() + first.slice(1);
}

/** The first problem as an error, with how many more there are. @param all the command that names them all */
export function locatedError(path: string, problems: readonly LocatedProblem[], all: string): MailrecoverError {
  const [first, ...rest] = problems;
  const where = first === undefined ? path : `${path}:${first.line}:${first.column}`;
  const more = rest.length === 0 ? '' : ` (and ${rest.length} more)`;
  const hint = first?.hint ?? (rest.length === 0 ? undefined : all);
  return new MailrecoverError('config', `${where}: ${first?.message ?? 'is not valid'}${more}`, {
    subject: path,
    ...(hint === undefined ? {} : { hint }),
  });
}
