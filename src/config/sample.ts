import type { JsonSchema } from '../system/yaml/json-schema.ts';
import { configJsonSchema } from './keys.ts';

const WIDTH = 100;

/** Values to write into a configuration; what is not given stands there as a comment with its default or an example. */
export type SampleValues = { readonly [key: string]: unknown };

/**
 * A commented configuration, made from the schema: every key with what it means.
 * @param values what to set; without them it is a sample to read, in which required keys have example values
 */
export function sampleConfig(values?: SampleValues): string {
  const head = [
    '# The configuration of mailrecover.',
    "# 'mailrecover config check' tells what is wrong with it; every key is explained in docs/reference/config.md.",
    '',
  ];
  return `${[...head, ...group(configJsonSchema(), values, '', values === undefined ? 'required' : 'none')].join('\n').trimEnd()}\n`;
}

/** Which keys that have no value stand there uncommented, with an example: none, those that must be given, or all. */
type Shown = 'none' | 'required' | 'all';

function group(schema: JsonSchema, values: SampleValues | undefined, indent: string, shown: Shown): string[] {
  const lines: string[] = [];
  for (const [key, part] of Object.entries(schema.properties ?? {})) {
    if (part.description !== undefined) lines.push(...comment(part.description, indent));
    const required = schema.required?.includes(key) === true || part.usual === true;
    const uncommented = part.alternative !== true && (shown === 'all' || (shown === 'required' && required));
    lines.push(...entry(key, part, values?.[key], indent, uncommented, shown));
    if (indent === '') lines.push('');
  }
  return lines;
}

function entry(key: string, schema: JsonSchema, value: unknown, indent: string, uncommented: boolean, shown: Shown): string[] {
  const isSet = value !== undefined || uncommented;
  const inner = isSet ? shown : 'all';
  let lines: string[];
  if (schema.properties !== undefined) {
    lines = [`${indent}${key}:`, ...group(schema, isGroup(value) ? value : undefined, `${indent}  `, inner)];
  } else if (schema.items?.properties !== undefined) {
    const items = Array.isArray(value) ? value.filter(isGroup) : [undefined];
    lines = [`${indent}${key}:`, ...items.flatMap((item) => listItem(schema.items ?? {}, item, indent, inner))];
  } else {
    lines = [`${indent}${key}: ${scalar(value ?? exampleOf(schema))}`];
  }
  // A group of which nothing is set is a comment as a whole, so that the file stays valid.
  // What stands in place of another key can not be set beside it: it is marked by another sign.
  const sign = schema.alternative === true ? '#~' : '#';
  return isSet ? lines : lines.map((line) => `${indent}${sign} ${line.slice(indent.length)}`);
}

/** An item of a list of groups. Its first key is never a comment, since the dash stands before it. */
function listItem(schema: JsonSchema, values: SampleValues | undefined, indent: string, shown: Shown): string[] {
  const [first, ...others] = Object.entries(schema.properties ?? {});
  if (first === undefined) return [];
  const [key, part] = first;
  const inner = `${indent}    `;
  const [head = '', ...tail] = entry(key, part, values?.[key], inner, true, shown);
  return [
    ...comment(part.description ?? '', inner),
    `${indent}  - ${head.slice(inner.length)}`,
    ...tail,
    ...group({ ...schema, properties: Object.fromEntries(others) }, values, inner, shown),
  ];
}

function exampleOf(schema: JsonSchema): unknown {
  const inner = schema.items?.examples?.[0];
  const empty = Array.isArray(schema.default) && schema.default.length === 0;
  if (schema.default !== undefined && !(empty && (inner ?? schema.examples?.[0]) !== undefined)) return schema.default;
  if (schema.type === 'array') return [inner ?? schema.examples?.[0] ?? ''];
  return schema.examples?.[0] ?? '';
}

/** JSON is YAML; plain words need no quotes. */
function scalar(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(scalar).join(', ')}]`;
  const plain = typeof value === 'string' && /^[A-Za-z0-9/](?:[A-Za-z0-9_./@+%-]|:(?=\S))*$/.test(value) && !isAmbiguous(value);
  return plain ? value : JSON.stringify(value);
}

/** Words that YAML reads as something else than text: numbers, times, truth. */
function isAmbiguous(text: string): boolean {
  return /^(?:true|false|yes|no|on|off|null|y|n)$/i.test(text) || /^[\d.][\d._:exoabcdf+-]*$/i.test(text);
}

function isGroup(value: unknown): value is SampleValues {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function comment(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = `${indent}#`;
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > WIDTH && line.trim() !== '#') {
      lines.push(line);
      line = `${indent}#`;
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
