import { READING_EXIT_CODES, REPOSITORY } from './shared.ts';
import { describeCommand } from './types.ts';

export const recoverScript = describeCommand({
  name: 'recover-script',
  summary: 'print recover.sh, which restores without mailrecover',
  description: [
    'Prints the script that restores any snapshot with a POSIX shell, awk, tar, zstd, age and sha256sum. It also lies in each repository; with --write it is put there again, should it be missing or changed.',
  ],
  arguments: {},
  options: {
    write: { kind: 'flag', description: 'write it, and RECOVER.md, into the repository in place of printing it' },
    ...REPOSITORY,
  },
  examples: [
    { command: 'mailrecover recover-script > recover.sh', says: 'Keep a copy away from the repository.' },
    { command: 'mailrecover recover-script --write', says: 'Put back a script that check found changed.' },
  ],
  exitCodes: { 0: 'the script was printed or written', 1: 'it could not be written', ...READING_EXIT_CODES },
  json: { sha256: 'the hash of the script', script: 'the script, unless it was written', path: 'where it was written' },
});
