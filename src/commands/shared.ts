import type { OptionSpecs } from './types.ts';

/** For commands that read mail back. */
export const IDENTITY = {
  identity: {
    kind: 'list',
    value: 'FILE',
    description: 'an age identity file (private key)',
    env: 'MAILRECOVER_IDENTITY',
    complete: 'file',
  },
} as const satisfies OptionSpecs;

/** For commands that read a repository: at another place than the configuration says, or without a configuration. */
export const REPOSITORY = {
  repository: {
    kind: 'text',
    value: 'REPOSITORY',
    description: 'the repository (a path, sftp:… or s3:…), in place of the one in the configuration',
    complete: 'directory',
  },
} as const satisfies OptionSpecs;

/** For commands that choose a snapshot. */
export const HOST = {
  host: { kind: 'text', value: 'HOST', description: "whose snapshots 'latest' and times mean; by default those of this host" },
} as const satisfies OptionSpecs;

/** For commands that can be narrowed to a part of the mail. */
export const MAILBOX = {
  mailbox: { kind: 'list', value: 'MAILBOX', description: "only these mailboxes; '*' stands for any characters" },
} as const satisfies OptionSpecs;

export const FOLDER = {
  folder: { kind: 'list', value: 'FOLDER', description: 'only these folders, without their subfolders' },
} as const satisfies OptionSpecs;

/** What a SNAP may be, for descriptions. */
export const SNAPSHOT_FORMS =
  "SNAP is an id, the beginning of one, 'latest', 'latest~2' (two before it), or a time such as 2026-11-20 or '2026-11-20 03:00', which means the newest snapshot at or before it. 'latest' is the newest complete snapshot of this host; a partial one, or another host's, is never picked unasked.";

/** How mailboxes and folders are named, for descriptions. */
export const MAILBOX_FORMS =
  "A mailbox is named as its user knows it, user@domain; '*' stands for any characters. A folder has its IMAP name, such as INBOX or Projects/A, in UTF-8.";

/** Exit codes of commands that read a repository. */
export const READING_EXIT_CODES = {
  4: 'something that is stored is missing or damaged',
  10: 'there is no repository there',
  13: 'the server of the repository can not be reached',
  20: 'a safety gate refused: the message says which',
} as const;

/** Exit codes of commands that need an identity beside. */
export const IDENTITY_EXIT_CODES = { ...READING_EXIT_CODES, 12: 'no identity fits, or it could not be read' } as const;
