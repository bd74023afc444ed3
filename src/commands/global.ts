import type { OptionSpecs } from './types.ts';

/** Where the configuration lies unless `--config` or `$MAILRECOVER_CONFIG` says otherwise. */
export const DEFAULT_CONFIG_PATH = '/etc/mailrecover/mailrecover.yaml';

/** The options of every command; they may stand before or after its name. */
export const GLOBAL_OPTIONS = {
  config: {
    kind: 'text',
    value: 'FILE',
    description: 'the configuration file',
    default: DEFAULT_CONFIG_PATH,
    env: 'MAILRECOVER_CONFIG',
    complete: 'file',
  },
  json: { kind: 'flag', description: 'print one JSON document instead of text' },
  quiet: { kind: 'flag', description: 'print nothing unless something is wrong' },
  verbose: { kind: 'flag', description: 'print more, also about errors' },
  noColor: { kind: 'flag', description: 'print without colours (as does $NO_COLOR)' },
  lang: {
    kind: 'choice',
    value: 'LANG',
    choices: ['en', 'ja'],
    description: 'the language of what people read; by default that of $LC_ALL, $LC_MESSAGES or $LANG',
  },
  events: {
    kind: 'flag',
    description: 'stream the steps as JSON Lines to standard error; with --json the last of them has the text for people',
  },
} as const satisfies OptionSpecs;
