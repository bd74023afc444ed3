import type { MailrecoverError } from '../errors/error.ts';
import { locatedError, parseYaml, type LocatedProblem } from '../system/yaml/parse.ts';
import { configJsonSchema } from './keys.ts';
import { configSchema, type Config } from './schema.ts';

export type ParsedConfig = { config: Config; problems?: never } | { config?: never; problems: LocatedProblem[] };

/** Reads the text of a configuration (YAML 1.2) and validates it. Never throws: all that is wrong comes back as problems. */
export function parseConfig(text: string): ParsedConfig {
  const { value, problems } = parseYaml(text, { schema: configSchema, json: configJsonSchema });
  return problems === undefined ? { config: value } : { problems };
}

/** The first problem as an error, with how many more there are. */
export function configError(path: string, problems: readonly LocatedProblem[]): MailrecoverError {
  return locatedError(path, problems, `mailrecover config check --config ${path}`);
}
