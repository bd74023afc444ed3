import type { OptionSpecs } from './types.ts';

/** Options that find messages over all snapshots, as `find` has them. */
export const FILTERS = {
  deletedSince: {
    kind: 'text',
    value: 'TIME',
    description: 'with --live missing: what was there at this time, or came later, and is gone; from whichever snapshot has it last',
  },
  from: { kind: 'text', value: 'TEXT', description: 'with --live missing: only mail with this text in the sender' },
  recipient: { kind: 'text', value: 'TEXT', description: 'with --live missing: only mail with this text in a recipient (To, Cc)' },
  subject: { kind: 'text', value: 'TEXT', description: 'with --live missing: only mail with this text in the subject' },
  since: { kind: 'text', value: 'TIME', description: 'with --live missing: only mail sent at or after this time' },
  until: { kind: 'text', value: 'TIME', description: 'with --live missing: only mail sent before the end of this time' },
} as const satisfies OptionSpecs;

export const LIVE = {
  live: {
    kind: 'choice',
    value: 'WAY',
    choices: ['missing', 'folder', 'replace'],
    description:
      'restore into the running server: add what is missing, put all into new folders below Restored, or make folders what they were',
  },
  moved: {
    kind: 'flag',
    description: 'with --live missing: add also what lies in another folder of the mailbox by now, as one more copy',
  },
  ...FILTERS,
} as const satisfies OptionSpecs;

export const IMAP = {
  imap: { kind: 'text', value: 'ACCOUNT', description: 'add what is missing to an IMAP account of the configuration' },
} as const satisfies OptionSpecs;

export const BEHIND = {
  behind: {
    kind: 'flag',
    description:
      'bring the history of mailboxes back that were begun anew, behind what they have received since: folder by folder, INBOX first',
  },
  first: {
    kind: 'list',
    value: 'MAILBOX',
    description: "with --behind: these mailboxes before all others; '*' stands for any characters",
  },
} as const satisfies OptionSpecs;

export const YES = { yes: { kind: 'flag', description: 'with --live, --behind and --imap: do not ask' } } as const satisfies OptionSpecs;
