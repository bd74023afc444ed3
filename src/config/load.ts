import { readFileSync } from 'node:fs';
import { ioError, MailrecoverError, systemCode } from '../errors/error.ts';
import type { Config } from './schema.ts';
import { cachedConfig, rememberConfig } from './cache.ts';

/**
 * Reads and validates the configuration. A text that was valid before is taken from a cache,
 * since the parser and the validator take longer to load than most commands run.
 * @throws MailrecoverError `config` with file, line and column of the first problem
 */
export async function loadConfig(path: string): Promise<Config> {
  const text = readConfig(path);
  const cached = cachedConfig(text);
  if (cached !== undefined) return cached;
  const { parseConfig, configError } = await import('./parse.ts');
  const parsed = parseConfig(text);
  if (parsed.config === undefined) throw configError(path, parsed.problems);
  rememberConfig(text, parsed.config);
  return parsed.config;
}

/** The text of the configuration. @throws MailrecoverError `config` where there is none, `io` where it can't be read */
export function readConfig(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw ioError(error, 'read the configuration', path);
    throw new MailrecoverError('config', `there is no configuration at '${path}'`, {
      hint: "write one with 'mailrecover init', or name yours with --config FILE or $MAILRECOVER_CONFIG",
      subject: path,
    });
  }
}
