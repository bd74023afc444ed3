import type { $ZodIssue } from 'zod/v4/core';
import { suggest } from '../../errors/suggest.ts';
import { schemaAt, type JsonSchema } from './json-schema.ts';

/** What is wrong at one place of a file. */
export interface Problem {
  /** Keys and positions in lists that lead there; the last is the wrong key itself where `onKey` is set. */
  path: readonly PropertyKey[];
  onKey: boolean;
  message: string;
  hint: string | undefined;
}

/** How a place is called in messages: `stores[0].path`. */
export function placeName(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (name, step) => (typeof step === 'number' ? `${name}[${step}]` : `${name}${name === '' ? '' : '.'}${String(step)}`),
    '',
  );
}

const KIND: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of keys',
};

/** Turns what zod found into problems in the words of this project, with a suggestion for each misspelt word. */
export function problemsOf(issues: readonly $ZodIssue[], schema: JsonSchema): Problem[] {
  // A misspelt key is also a missing one; only the first of the two is worth saying.
  const suggested = new Set<string>();
  const problems = issues.flatMap((issue): Problem[] => {
    if (issue.code !== 'unrecognized_keys') return [];
    return issue.keys.map((key) => {
      const known = Object.keys(schemaAt(schema, issue.path)?.properties ?? {});
      const meant = suggest(key, known);
      if (meant !== undefined) suggested.add(placeName([...issue.path, meant]));
      const where = issue.path.length === 0 ? '' : ` in '${placeName(issue.path)}'`;
      const hint = meant === undefined ? `known keys there: ${known.join(', ')}` : `did you mean '${meant}'?`;
      return { path: [...issue.path, key], onKey: true, message: `unknown key '${key}'${where}`, hint };
    });
  });
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys' || suggested.has(placeName(issue.path))) continue;
    const place = issue.path.length === 0 ? 'the file' : `'${placeName(issue.path)}'`;
    problems.push({ path: issue.path, onKey: false, message: `${place} ${explain(issue)}`, hint: hintFor(issue) });
  }
  return problems;
}

function explain(issue: $ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type': {
      const wanted = KIND[issue.expected] ?? issue.expected;
      return issue.message.endsWith('received undefined') ? 'is missing' : `must be ${wanted}`;
    }
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return issue.message.startsWith('Too small') ? `must be at least ${issue.minimum}` : issue.message;
    case 'too_big':
      return issue.message.startsWith('Too big') ? `must be at most ${issue.maximum}` : issue.message;
    default:
      return issue.message;
  }
}

function hintFor(issue: $ZodIssue): string | undefined {
  if (issue.code === 'invalid_value' && typeof issue.input === 'string') {
    const meant = suggest(issue.input, issue.values.map(String));
    if (meant !== undefined) return `did you mean '${meant}'?`;
  }
  return undefined;
}
