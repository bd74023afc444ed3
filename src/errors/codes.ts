/**
 * What every error code means and which exit code a run that ends on it has.
 * One row a code: the command line, the reference and the tests read this table.
 */

/** Exit codes, as `mailrecover` promises them to scripts. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  partial: 3,
  damage: 4,
  noRepository: 10,
  locked: 11,
  key: 12,
  unreachable: 13,
  refused: 20,
  bug: 70,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Error codes: the stable names that `findings[].code` and error JSON carry. */
export const ERROR_CODES = {
  failed: { exit: EXIT.failed, meaning: 'the command could not do what it was asked' },
  usage: { exit: EXIT.usage, meaning: 'the command line is wrong' },
  config: { exit: EXIT.usage, meaning: 'the configuration is wrong or missing' },
  'not-found': { exit: EXIT.usage, meaning: 'what was named does not exist' },
  ambiguous: { exit: EXIT.usage, meaning: 'what was named fits more than one thing' },
  partial: { exit: EXIT.partial, meaning: 'done, but something could not be read or sent' },
  damage: { exit: EXIT.damage, meaning: 'a stored object is missing, damaged or forged' },
  'no-repository': { exit: EXIT.noRepository, meaning: 'there is no repository at the place named' },
  'repository-format': { exit: EXIT.noRepository, meaning: 'the repository is of a format this version does not know' },
  locked: { exit: EXIT.locked, meaning: 'another run holds the lock' },
  key: { exit: EXIT.key, meaning: 'a key or credential is missing, wrong or unreadable' },
  unreachable: { exit: EXIT.unreachable, meaning: 'a host or service could not be reached' },
  refused: { exit: EXIT.refused, meaning: 'a safety gate refused' },
  'no-space': { exit: EXIT.failed, meaning: 'the file system is full' },
  io: { exit: EXIT.failed, meaning: 'the operating system refused a read or a write' },
  bug: { exit: EXIT.bug, meaning: 'an internal error' },
} as const satisfies Record<string, { exit: ExitCode; meaning: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;
