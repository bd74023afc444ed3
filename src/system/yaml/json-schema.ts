/** The part of JSON Schema (draft 2020-12) that the files of this program need. */
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

/** The schema of what stands at `path`, or undefined where nothing may stand. */
export function schemaAt(schema: JsonSchema, path: readonly PropertyKey[]): JsonSchema | undefined {
  let at: JsonSchema | undefined = schema;
  for (const step of path) at = typeof step === 'number' ? at?.items : at?.properties?.[String(step)];
  return at;
}
