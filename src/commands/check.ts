import { READING_EXIT_CODES, REPOSITORY } from './shared.ts';
import { describeCommand, type TextHelpers } from './types.ts';

export const check = describeCommand({
  name: 'check',
  summary: 'check that the stored objects are sound and complete',
  description: [
    'Checks that every object that a snapshot needs is there with its size, that signatures and chains of snapshots hold, and that recover.sh is the one that was put there; with --read-data also the hash of every object. It needs no key; with an identity it also names the mailboxes and messages that a damaged object costs.',
    'Whether mail comes back is what verify asks.',
  ],
  arguments: {},
  options: {
    readData: { kind: 'flag', description: 'read every object and compare its hash' },
    identity: {
      kind: 'list',
      value: 'FILE',
      description: 'an age identity file, to name what damage costs',
      env: 'MAILRECOVER_IDENTITY',
      complete: 'file',
    },
    ...REPOSITORY,
  },
  examples: [
    { command: 'mailrecover check --quiet', says: 'Check every night, from cron.' },
    { command: 'mailrecover check --read-data --identity key.txt', says: 'Read everything, and name what damage costs.' },
  ],
  exitCodes: { 0: 'all objects are sound', 1: 'the check failed', ...READING_EXIT_CODES, 4: 'objects are missing, damaged or forged' },
  json: {
    'counts.objects': 'objects that were checked',
    'counts.damaged': 'objects that are damaged',
    'counts.missing': 'objects that are missing',
    'findings[]': 'every damaged object (`subject`), and the mailboxes and messages that it costs',
  },
  recordsHistory: true,
});

export function renderCheck(counts: { objects: number; damaged: number; missing: number }, text: TextHelpers): string {
  const sound = counts.damaged + counts.missing === 0;
  const verdict = sound ? text.green('sound') : text.red(`${text.number(counts.damaged)} damaged, ${text.number(counts.missing)} missing`);
  return text.pairs([
    ['objects', text.number(counts.objects)],
    ['state', verdict],
  ]);
}
