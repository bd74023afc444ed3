import type { JsonSchema } from '../../src/system/yaml/json-schema.ts';
import { code, page, table } from './markdown.ts';

/** The reference page of recipes. */
export function recipePage(schema: JsonSchema): string {
  return page([
    '# Recipes: every key',
    '<!-- Made by `npm run format` from the schema in src/drill; changes here are lost. -->',
    'What a recipe is and how it is run stands in [recipes.md](../recipes.md). Every mistake in one is named with line and column by `mailrecover drill list` and `mailrecover drill run`. For editors there is a [JSON Schema](recipe.schema.json).',
    table(['key', 'value', 'default', 'meaning'], rowsOf(schema, '')),
  ]);
}

/** The reference page of the configuration. */
export function configPage(schema: JsonSchema, sample: string): string {
  return page([
    '# The configuration',
    '<!-- Made by `npm run format` from the schema in src/config; changes here are lost. -->',
    'The configuration is a YAML file: `--config FILE`, else `$MAILRECOVER_CONFIG`, else `/etc/mailrecover/mailrecover.yaml`. `mailrecover config check` names every mistake in it with line and column. For editors there is a [JSON Schema](config.schema.json).',
    'Secrets are never written into it: it names the files that hold them.',
    '## Keys',
    table(['key', 'value', 'default', 'meaning'], rowsOf(schema, '')),
    '## A sample',
    sample.trimEnd().split('\n').map((line) => `    ${line}`.trimEnd()).join('\n'),
  ]);
}

function rowsOf(schema: JsonSchema, prefix: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, part]) => {
    const name = `${prefix}${key}`;
    const required = schema.required?.includes(key) === true;
    const nested = part.properties === undefined ? part.items : part;
    const inner = nested?.properties === undefined ? [] : rowsOf(nested, part.items === undefined ? `${name}.` : `${name}[].`);
    return [[code(name), kindOf(part), defaultOf(part, required), part.description ?? ''], ...inner];
  });
}

function kindOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map(code).join(' or ');
  if (schema.type === 'array') return schema.items?.properties === undefined ? 'list' : 'list of groups';
  const names: Record<string, string> = { string: 'text', boolean: '`true` or `false`', integer: 'whole number', number: 'number', object: 'group' };
  const example = schema.examples?.[0];
  const name = names[schema.type ?? ''] ?? '';
  return example === undefined ? name : `${name}, such as ${code(typeof example === 'string' ? example : JSON.stringify(example))}`;
}

function defaultOf(schema: JsonSchema, required: boolean): string {
  if (required) return '*required*';
  if (schema.default === undefined || schema.properties !== undefined) return '';
  return Array.isArray(schema.default) && schema.default.length === 0 ? 'none' : code(JSON.stringify(schema.default));
}
