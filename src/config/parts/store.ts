import * as z from 'zod';

const VARIABLES = new Set(['u', 'n', 'd', '%']);

/** The variables of a pattern that mean nothing here: `%h` in `/var/%h/%n`. */
function unknownVariables(pattern: string): string[] {
  return [...pattern.matchAll(/%(.?)/gs)].filter(([, letter = '']) => !VARIABLES.has(letter)).map(([variable]) => variable);
}

const pattern = z
  .string()
  .startsWith('/', 'must be an absolute path')
  .refine((value) => unknownVariables(value).length === 0, {
    error: ({ input }) => `knows the variables %u, %n, %d and %% only, not ${unknownVariables(String(input)).join(', ')}`,
  });

const mailPattern = pattern.refine(
  (value) => /%[un]/.test(value.replaceAll('%%', '')),
  'must hold %u or %n, where the name of the mailbox stands',
);

/** Accounts that are backed up over IMAP. */
const imapPart = z.strictObject({
  accounts: z
    .array(
      z
        .string()
        .min(1)
        .meta({ examples: ['alice'] }),
    )
    .min(1, 'must name at least one account')
    .meta({ description: "names of accounts below 'accounts'; each is a mailbox, called by its user name" }),
  exclude: z
    .array(
      z
        .string()
        .min(1)
        .meta({ examples: ['Public/*'] }),
    )
    .default([])
    .meta({ description: "folders that are left out; '*' stands for any characters, '/' separates levels" }),
});

/** One mail store: a pattern of paths, with a mailbox at each that fits; or accounts of IMAP servers. */
export const storePart = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]*$/, "must be lower-case letters, digits, '.', '_' or '-'")
      .default('mail')
      .meta({ description: 'what the store is called in snapshots and, with several stores, below the directory of a restore' }),
    format: z.enum(['maildir', 'mbox', 'sdbox', 'mdbox']).default('maildir').meta({ description: 'how mail lies on the disk' }),
    path: mailPattern.optional().meta({
      description: "where each mailbox lies; %u is user@domain, %n the part before the @, %d the domain, %% a '%'",
      examples: ['/var/vmail/%d/%n/Maildir'],
      usual: true,
    }),
    imap: imapPart.optional().meta({ description: 'accounts of IMAP servers, in place of a path', alternative: true }),
    layout: z
      .enum(['maildir++', 'fs'])
      .default('maildir++')
      .meta({ description: 'folders as .A.B in one directory (maildir++), or as A/B (fs), as in mail_location; of Maildirs only' }),
    separator: z
      .string()
      .length(1, 'must be one character')
      .optional()
      .meta({ description: "the hierarchy separator of the namespace; by default '.' for maildir++ and '/' for fs", examples: ['/'] }),
    prefix: z
      .string()
      .default('')
      .meta({ description: 'the prefix of the namespace, where it has one', examples: ['INBOX.'] }),
    utf8: z
      .boolean()
      .default(false)
      .meta({ description: 'folder names on the disk are UTF-8 (Dovecot calls it UTF-8), not modified UTF-7' }),
    inbox: pattern
      .optional()
      .meta({ description: 'the file of INBOX, if it does not lie with the folders (mbox, INBOX=)', examples: ['/var/mail/%n'] }),
    locks: z
      .array(z.enum(['fcntl', 'dotlock']))
      .min(1, "must hold 'fcntl', 'dotlock' or both")
      .optional()
      .meta({
        description:
          'how mboxes are locked while they are read: as the programs do that write them (mbox_write_locks); by default in both ways',
        examples: ['fcntl'],
      }),
    lockTimeout: z
      .number()
      .positive()
      .optional()
      .meta({ description: 'how many seconds a backup waits for the lock of an mbox; by default 60', examples: [60] }),
    alt: pattern.optional().meta({ description: 'the alternative storage of sdbox and mdbox (ALT=)', examples: ['/archive/%d/%n/mdbox'] }),
    control: pattern
      .optional()
      .meta({ description: 'where control files lie, if not with the mail (CONTROL=)', examples: ['/var/control/%d/%n'] }),
    index: pattern.optional().meta({
      description: 'where index files lie, if not with the mail (INDEX=); those of sdbox and mdbox are backed up, others are made anew',
      examples: ['/var/index/%d/%n'],
    }),
    home: pattern
      .optional()
      .meta({ description: 'the home directory, where Sieve scripts lie, if they are to be backed up', examples: ['/var/vmail/%d/%n'] }),
    owner: z
      .string()
      .regex(/^[^:\s]+(:[^:\s]+)?$/, 'must be USER or USER:GROUP')
      .optional()
      .meta({ description: 'who owns the mail, as USER or USER:GROUP, where one user owns all of it', examples: ['vmail:vmail'] }),
  })
  .superRefine((store, context) => {
    if (store.imap === undefined && store.path === undefined)
      context.addIssue({ code: 'custom', path: ['path'], message: "must be there, or 'imap'" });
    if (store.imap === undefined) return;
    for (const key of ON_DISK)
      if (store[key] !== undefined) context.addIssue({ code: 'custom', path: [key], message: "has no meaning beside 'imap'" });
  });

/** What says how mail lies on a disk. */
const ON_DISK = ['path', 'inbox', 'locks', 'lockTimeout', 'alt', 'control', 'index', 'home'] as const;
