/**
 * What the program may say to people, read from its source: the texts of errors, findings and hints, what is printed by `text.say`, and every other
 * string that reads like a sentence, unless it is known to be for machines or for a document of its own (tools/words/untold.ts).
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';
import { UNTOLD_CALLS, UNTOLD_FILES, UNTOLD_KEYS, UNTOLD_SHAPES, UNTOLD_TEXTS } from './untold.ts';

export interface Told {
  /** The text with its parts numbered: `unable to reach '{0}': {1}`. */
  english: string;
  /** Where it stands: `src/store/links.ts:12`. */
  where: string;
  /** Whether a screen says it itself, by `text.say`; else it is a message, which is made in English and translated where it is shown. */
  screen: boolean;
  /** Parts that another language may leave out: endings of numbers (`mailbox` or `mailboxes`). */
  forms: readonly number[];
}

type Found = Omit<Told, 'where'> & { at: number };

interface Node {
  type: string;
  start: number;
  end: number;
  [key: string]: unknown;
}

/** Within these, a single word is said, too. */
const SAID_KEYS = new Set(['message', 'hint', 'what', 'remedy', 'why', 'problem']);
/** Functions that say what they are given. */
const SAID_CALLS = /^(ioError|context\.(tell|ask)|(.*\.)?progress\.phase|confirm|usage|newMeter)$/;
const SENTENCE = /[a-z]{2,}[,;:]? [a-z]/;
const WORD = /[a-z]{2}/;

/** All texts below src, each once. */
export function toldTexts(root: string): Told[] {
  const found = new Map<string, Told>();
  for (const file of globSync('src/**/*.ts', { cwd: root }).toSorted()) {
    if (UNTOLD_FILES.some((each) => (each.endsWith('/') ? file.startsWith(each) : file === each))) continue;
    const source = readFileSync(join(root, file), 'utf8');
    for (const { english, at, screen, forms } of textsOf(file, source)) {
      const key = `${screen ? 's' : 'm'} ${english}`;
      if (!found.has(key)) found.set(key, { english, screen, forms, where: `${file}:${source.slice(0, at).split('\n').length}` });
    }
  }
  return [...found.values()];
}

function textsOf(file: string, source: string): Found[] {
  const texts: Found[] = [];
  const named = (node: unknown): string => (isNode(node) ? source.slice(node.start, node.end) : '');

  const visit = (value: unknown, above: readonly Node[]): void => {
    if (Array.isArray(value)) for (const each of value) visit(each, above);
    if (!isNode(value)) return;
    if (value.type === 'ImportDeclaration' || isType(value)) return;
    const path = [...above, value];
    const pieces = piecesOf(value);
    if (pieces !== undefined) {
      const tag = above.at(-1);
      const tagged = tag?.type === 'TaggedTemplateExpression' ? named(tag['tag']) : undefined;
      const english = pieces
        .map((piece, index) => (index === 0 ? piece : `{${index - 1}}${piece}`))
        .join('')
        .trim();
      const said = tagged === undefined ? isSaid(path, named) : tagged.endsWith('.say');
      const reads = said ? WORD : SENTENCE;
      if (reads.test(pieces.join('\0')) && (tagged === undefined || said) && !isUsed(value, path, named) && !isUntold(english))
        texts.push({ english, at: value.start, screen: said && tagged !== undefined, forms: formsOf(value) });
    }
    for (const [key, each] of Object.entries(value)) if (key !== 'type' && key !== 'quasis') visit(each, path);
  };
  visit(parseSync(file, source).program, []);
  return texts;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

function isType(node: Node): boolean {
  return node.type.startsWith('TS') && !['TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression'].includes(node.type);
}

/** The fixed pieces of a string or template. */
function piecesOf(node: Node): string[] | undefined {
  if (node.type === 'Literal') return typeof node['value'] === 'string' ? [node['value']] : undefined;
  if (node.type !== 'TemplateLiteral') return undefined;
  return (node['quasis'] as { value: { cooked: string } }[]).map(({ value }) => value.cooked);
}

/** The parts that are one of two words by a number. */
function formsOf(node: Node): number[] {
  const parts = (node['expressions'] ?? []) as Node[];
  const isWord = (part: unknown): boolean =>
    isNode(part) &&
    (part.type === 'Literal' || part.type === 'TaggedTemplateExpression') &&
    (part.type !== 'Literal' || typeof part['value'] === 'string');
  return parts.flatMap((part, index) =>
    part.type === 'ConditionalExpression' && isWord(part['consequent']) && isWord(part['alternate']) ? [index] : [],
  );
}

/** Whether a string ends up in an error, a finding or a hint. */
function isSaid(path: readonly Node[], named: (node: unknown) => string): boolean {
  for (const [index, node] of [...path.entries()].toReversed()) {
    const within = path[index + 1];
    if (node.type === 'Property' && within === node['value']) return SAID_KEYS.has(named(node['key']));
    if (node.type === 'NewExpression' && /^MailrecoverError$/.test(named(node['callee']))) return true;
    if (node.type === 'CallExpression' && SAID_CALLS.test(named(node['callee']))) return true;
    if (node.type === 'FunctionDeclaration' || node.type === 'BlockStatement') return false;
  }
  return false;
}

function isUntold(english: string): boolean {
  return UNTOLD_TEXTS.has(english) || UNTOLD_SHAPES.some((shape) => shape.test(english));
}

/** Whether a string is compared, looked up, joined with or described, rather than said. */
function isUsed(node: Node, path: readonly Node[], named: (node: unknown) => string): boolean {
  const parent = path.at(-2);
  if (parent?.type === 'BinaryExpression' && ['===', '!==', 'in'].includes(String(parent['operator']))) return true;
  if (parent?.type === 'Property' && parent['key'] === node) return true;
  if (parent?.type === 'MemberExpression' || parent?.type === 'SwitchCase' || parent?.type === 'ImportExpression') return true;
  return path.some((each, index) => {
    const within = path[index + 1];
    if (each.type === 'Property') return within === each['value'] && UNTOLD_KEYS.has(named(each['key']));
    if (each.type === 'NewExpression' && named(each['callee']) === 'MailrecoverError') {
      // What should never happen is told to those who mend it.
      const code = (each['arguments'] as unknown[])[0];
      return within === code || named(code) === "'bug'";
    }
    if (each.type === 'CallExpression') {
      const callee = named(each['callee']);
      const name = callee.slice(callee.lastIndexOf('.') + 1);
      if (name === 'defineCommand') {
        const property = path[index + 2];
        return property?.type === 'Property' && named(property['key']) !== 'run';
      }
      return UNTOLD_CALLS.has(name) && (each['arguments'] as unknown[]).includes(within);
    }
    return false;
  });
}
