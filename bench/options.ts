import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const OWN = fileURLToPath(new URL('../bin/mailrecover', import.meta.url));

export interface Options {
  messages: number;
  runs: number;
  /** Below which directory to work. */
  directory: string;
  /** Empty the page cache before each run. */
  cold: boolean;
  only: string[];
  json: string | undefined;
  keep: boolean;
  /** The program to measure. */
  program: string;
}

export const USAGE = `usage: npm run bench -- [options]

  --messages N   how many messages the corpus has (100000)
  --runs N       how often each thing is measured (3)
  --only JOB     only this job; may be given several times
  --dir DIR      work below this directory (/dev/shm)
  --disk         work below /var/tmp, on disk, with the page cache emptied before each run
  --json FILE    write all figures there too
  --keep         leave the scratch directory behind
  --program FILE another build of mailrecover than this checkout's
`;

/** Reads the command line. Throws on options that don't exist. */
export function readOptions(argv: string[]): Options & { help: boolean } {
  const { values } = parseArgs({
    args: argv,
    options: {
      messages: { type: 'string', default: '100000' },
      runs: { type: 'string', default: '3' },
      only: { type: 'string', multiple: true, default: [] },
      dir: { type: 'string' },
      disk: { type: 'boolean', default: false },
      json: { type: 'string' },
      keep: { type: 'boolean', default: false },
      program: { type: 'string', default: OWN },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    messages: whole(values.messages),
    runs: whole(values.runs),
    directory: values.dir ?? (values.disk ? '/var/tmp' : '/dev/shm'),
    cold: values.disk,
    only: values.only,
    json: values.json,
    keep: values.keep,
    program: resolve(values.program),
    help: values.help,
  };
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`'${text}' is not a whole number above 0`);
  return value;
}
