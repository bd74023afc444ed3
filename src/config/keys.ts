import * as z from 'zod';
import type { JsonSchema } from '../system/yaml/json-schema.ts';
import { configSchema } from './schema.ts';

/** The JSON Schema of the file as people write it (draft 2020-12), for editors. */
export function configJsonSchema(): JsonSchema {
  return z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema;
}
