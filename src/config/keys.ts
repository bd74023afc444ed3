import * as z from 'zod';
import { configSchema } from './schema.ts';

/** The part of JSON Schema that the configuration needs. */
export interface JsonSchema {
  $schema?: string;
  title?: string;
  type?: string;
  description?: string;
  default?: unknown;
  examples?: unknown[];
  enum?: string[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  /** It stands in most configurations, though another key may stand in its place. */
  usual?: boolean;
  /** It stands in place of another key. */
  alternative?: boolean;
}

/** The JSON Schema of the file as people write it (draft 2020-12), for editors. */
export function configJsonSchema(): JsonSchema {
  return z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema;
}

/** The schema of what stands at `path`, or undefined where nothing may stand. */
export function schemaAt(schema: JsonSchema, path: readonly PropertyKey[]): JsonSchema | undefined {
  let at: JsonSchema | undefined = schema;
  for (const step of path) at = typeof step === 'number' ? at?.items : at?.properties?.[String(step)];
  return at;
}
