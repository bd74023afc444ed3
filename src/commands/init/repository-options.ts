/** Settings of the repository that `init` is given, as they will stand in the configuration. */
import { configJsonSchema } from '../../config/keys.ts';
import { repositoryPart } from '../../config/parts/repository.ts';
import { schemaAt } from '../../system/yaml/json-schema.ts';
import { problemsOf } from '../../system/yaml/problems.ts';
import type { SampleValues } from '../../config/sample.ts';
import type { Config } from '../../config/schema.ts';
import { suggest } from '../../errors/suggest.ts';
import { MailrecoverError } from '../../errors/error.ts';

export interface RepositorySettings {
  /** As written into the configuration. */
  values: SampleValues;
  /** The same, validated, with defaults. */
  settings: Config['repository'];
}

/**
 * @param at the place, in its usual spelling
 * @param given `sftp.key=file:/etc/mailrecover/ssh_key`, …
 * @throws MailrecoverError `usage`
 */
export function repositorySettings(at: string, given: readonly string[]): RepositorySettings {
  const schema = schemaAt(configJsonSchema(), ['repository']) ?? {};
  const values: Record<string, unknown> = { at };
  for (const text of given) {
    const [, key = '', value = ''] = /^([A-Za-z0-9.]+)=(.+)$/s.exec(text) ?? [];
    if (key === '') throw new MailrecoverError('usage', 'a setting of the repository has the form KEY=VALUE', { hint: EXAMPLE });
    const path = key.split('.');
    const part = schemaAt(schema, path);
    if (key === 'at' || part === undefined || part.properties !== undefined) throw unknown(key, Object.keys(leaves(schema, '')));
    let group = values;
    for (const step of path.slice(0, -1)) group = (group[step] ??= {}) as Record<string, unknown>;
    group[path.at(-1) ?? ''] = part.type === 'integer' ? Number(value) : part.type === 'boolean' ? value === 'true' : value;
  }
  const result = repositoryPart.safeParse(values, { reportInput: true });
  if (result.success) return { values, settings: result.data };
  const [problem] = problemsOf(result.error.issues, schema);
  throw new MailrecoverError('usage', `--repository-option: ${problem?.message ?? 'is not valid'}`, { hint: problem?.hint ?? EXAMPLE });
}

const EXAMPLE = "as in --repository-option sftp.key=file:/etc/mailrecover/ssh_key; docs/reference/config.md has all, below 'repository'";

function leaves(schema: ReturnType<typeof configJsonSchema>, prefix: string): Record<string, true> {
  return Object.fromEntries(
    Object.entries(schema.properties ?? {}).flatMap(([key, part]) =>
      part.properties === undefined ? [[`${prefix}${key}`, true]] : Object.entries(leaves(part, `${prefix}${key}.`)),
    ),
  ) as Record<string, true>;
}

function unknown(key: string, known: readonly string[]): MailrecoverError {
  const meant = suggest(key, known);
  return new MailrecoverError('usage', `there is no setting '${key}' of a repository`, {
    hint: meant === undefined || meant === 'at' ? EXAMPLE : `did you mean '${meant}'?`,
  });
}
