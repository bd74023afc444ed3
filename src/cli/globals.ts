import { DEFAULT_CONFIG_PATH, GLOBAL_OPTIONS } from '../commands/global.ts';
import { flagOf } from '../commands/flags.ts';
import type { Lang } from '../report/words/index.ts';

/** What the global options say. */
export interface Globals {
  config: string;
  json: boolean;
  quiet: boolean;
  verbose: boolean;
  color: boolean;
  events: boolean;
  lang: Lang;
  /** What `--lang` says, where it is given. */
  langAsked: Lang | undefined;
}

/** A first look at the command line: enough to load the right command, and to print an error as asked when the rest can't be parsed. */
export interface Scan {
  globals: Globals;
  /** What is no option, nor the value of a global one, up to `--`. */
  words: string[];
  help: boolean;
  version: boolean;
}

const TAKES_VALUE = new Set(
  Object.entries(GLOBAL_OPTIONS)
    .filter(([, option]) => option.kind !== 'flag')
    .map(([key]) => flagOf(key)),
);

/** Looks through `argv` for global options, wherever they stand. Never throws. */
export function scanArguments(argv: readonly string[], environment: NodeJS.ProcessEnv): Scan {
  const given = new Map<string, string>();
  const words: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? '';
    if (word === '--') break;
    if (!word.startsWith('-') || word === '-') {
      words.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    if (equals > 0) given.set(word.slice(0, equals), word.slice(equals + 1));
    else if (TAKES_VALUE.has(word)) given.set(word, argv[++index] ?? '');
    else given.set(word, '');
  }
  return {
    globals: {
      config: given.get('--config') || environment['MAILRECOVER_CONFIG'] || DEFAULT_CONFIG_PATH,
      json: given.has('--json'),
      quiet: given.has('--quiet'),
      verbose: given.has('--verbose'),
      events: given.has('--events'),
      color: !given.has('--no-color') && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb',
      lang: languageOf(given.get('--lang'), environment),
      langAsked: given.get('--lang') ? languageOf(given.get('--lang'), {}) : undefined,
    },
    words,
    help: given.has('--help') || given.has('-h'),
    version: given.has('--version') || given.has('-V'),
  };
}

/** What was asked for, else what the locale of messages is (POSIX, Base Definitions 8.2). */
function languageOf(asked: string | undefined, environment: NodeJS.ProcessEnv): Lang {
  const name = asked || environment['LC_ALL'] || environment['LC_MESSAGES'] || environment['LANG'] || 'en';
  return name.startsWith('ja') ? 'ja' : 'en';
}
