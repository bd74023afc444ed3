import { READING_EXIT_CODES } from './shared.ts';
import { describeCommand, type TextHelpers } from './types.ts';

export const status = describeCommand({
  name: 'status',
  summary: 'tell whether backups are as they should be',
  description: [
    'Tells when the newest snapshot was made and what it holds, when it was last verified and at which level, whether the last runs ended well, whether the key was confirmed, and compares with the goals in the configuration.',
  ],
  arguments: {},
  options: {},
  examples: [{ command: 'mailrecover status --quiet', says: 'Ask from monitoring: silent and 0 when all is well.' }],
  exitCodes: { 0: 'all is well, perhaps with warnings', 1: 'something is wrong, and is named', ...READING_EXIT_CODES },
  json: {
    'newest.{id,time,host,messages,bytes}': 'the newest complete snapshot',
    ageSeconds: 'how old it is',
    'verified.{snapshot,level,time}': 'the last verification that ended well',
    'lastRuns.{backup,verify,check}': 'the newest run of each, as history tells it',
    'key.{confirmed,bareIdentity}': 'whether the key was confirmed, and whether a bare private key lies on this host',
    'goals.{rpo,rto}.{goalSeconds,actualSeconds,met}': 'goals, and what is',
  },
});

export interface StatusRow {
  label: string;
  value: string;
  state: 'ok' | 'warning' | 'error';
}

export function renderStatus(rows: readonly StatusRow[], text: TextHelpers): string {
  const paint = { ok: (value: string) => value, warning: text.yellow, error: text.red };
  return text.pairs(rows.map(({ label, value, state }) => [label, paint[state](value)]));
}
