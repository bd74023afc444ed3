import * as z from 'zod';
import { referenceProblem } from '../../system/secret.ts';

const absolute = z.string().startsWith('/', 'must be an absolute path');
const word = z.string().min(1, 'must not be empty');

/** Secrets stand as references, never as values. */
const secret = z
  .string()
  .refine((text) => referenceProblem(text) === undefined, { error: ({ input }) => referenceProblem(String(input)) ?? 'is no reference' });

const databasePart = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9_-]*$/, "must be lower-case letters, digits, '_' or '-'")
      .meta({ description: 'what the dump is called in snapshots', examples: ['users'] }),
    preset: z
      .enum(['postgresql', 'mariadb', 'sqlite', 'slapcat', 'redis', 'command'])
      .meta({ description: 'how it is dumped', examples: ['command'] }),
    database: word.optional().meta({
      description: 'which database: its name, for sqlite its file, for slapcat its suffix; by default all (with the roles, for postgresql)',
      examples: ['mailserver'],
    }),
    host: word
      .optional()
      .meta({ description: 'where the database server listens, or the directory of its socket', examples: ['/run/postgresql'] }),
    port: z
      .int()
      .min(1)
      .max(65_535)
      .optional()
      .meta({ description: 'its port', examples: [5432] }),
    user: word.optional().meta({ description: 'who logs in to the database', examples: ['backup'] }),
    password: secret.optional().meta({
      description: 'the password, by reference; it goes to the dump command in its environment',
      examples: ['file:/etc/mailrecover/database.pass'],
    }),
    runAs: z
      .string()
      .regex(/^[a-z_][a-z0-9_-]*$/, 'must be the name of a user')
      .optional()
      .meta({ description: 'the user of the system who runs the dump command', examples: ['postgres'] }),
    options: absolute.optional().meta({
      description: "a file of options for mariadb (--defaults-extra-file), or slapd's configuration for slapcat",
      examples: ['/etc/mysql/debian.cnf'],
    }),
    command: z
      .array(word.meta({ examples: ['/usr/local/sbin/dump-users'] }))
      .min(1)
      .optional()
      .meta({
        description: 'for preset command: the program and its arguments, which prints the dump; no shell is involved',
      }),
    environment: z
      .array(
        z.strictObject({
          name: z
            .string()
            .regex(/^[A-Za-z_]\w*$/, 'must be the name of a variable')
            .meta({ description: 'name of the variable', examples: ['TOKEN'] }),
          from: secret.meta({ description: 'its value, by reference', examples: ['file:/etc/mailrecover/token'] }),
        }),
      )
      .optional()
      .meta({ description: 'for preset command: variables with secrets' }),
    ends: word
      .optional()
      .meta({ description: 'for preset command: text that stands in the last lines of a whole dump', examples: ['END OF DUMP'] }),
    timeout: z.int().min(1).max(86_400).default(3600).meta({ description: 'seconds after which a dump is stopped, and has failed' }),
  })
  .superRefine((database, context) => {
    const missing = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    if (database.preset === 'command' && database.command === undefined) missing('command', "is needed with 'preset: command'");
    if (database.preset !== 'command' && database.command !== undefined) missing('command', "goes with 'preset: command' only");
    if (database.preset === 'sqlite' && database.database?.startsWith('/') !== true)
      missing('database', 'must be the absolute path of the SQLite file');
    if (database.database?.startsWith('-') === true) missing('database', "must not begin with '-'");
  });

/** What is backed up of the server beside its mail. */
export const systemPart = z
  .strictObject({
    enabled: z.boolean().default(true).meta({ description: 'false leaves the server out of backups' }),
    postfix: z
      .array(absolute.meta({ examples: ['/etc/postfix'] }))
      .optional()
      .meta({ description: "the directories of Postfix's configuration; by default those of all its instances; [] leaves it out" }),
    dovecot: z
      .string()
      .regex(/^(?:\/.*)?$/, 'must be an absolute path, or empty')
      .optional()
      .meta({
        description: "Dovecot's main configuration file; by default the one that it knows; '' leaves it out",
        examples: ['/etc/dovecot/dovecot.conf'],
      }),
    queue: z.boolean().default(true).meta({ description: "back up Postfix's queue; a restore puts it on hold" }),
    places: z.boolean().default(true).meta({
      description:
        'look at the usual places of aliases, DKIM keys, TLS keys, ACME accounts, Rspamd, SpamAssassin, crontabs, units and network settings',
    }),
    paths: z
      .array(absolute)
      .default([])
      .meta({ description: 'more files and directories', examples: ['/srv/webmail/config'] }),
    exclude: z
      .array(absolute)
      .default([])
      .meta({ description: 'files and directories that are left out', examples: ['/var/lib/rspamd/cache'] }),
    dns: z.boolean().default(true).meta({ description: 'keep the DNS records of the mail domains, as the resolver gives them' }),
    domains: z
      .array(word)
      .optional()
      .meta({
        description: 'the domains whose DNS records are kept; by default those of the mailboxes, 20 at most',
        examples: ['example.org'],
      }),
    resolvers: z
      .array(word)
      .optional()
      .meta({ description: 'DNS servers to ask; by default those of /etc/resolv.conf', examples: ['192.0.2.53'] }),
    databases: z.array(databasePart).default([]).meta({ description: 'databases that are dumped into each snapshot' }),
  })
  .superRefine(({ databases }, context) => {
    const names = new Set<string>();
    for (const [index, { name }] of databases.entries()) {
      if (names.has(name))
        context.addIssue({
          code: 'custom',
          path: ['databases', index, 'name'],
          message: `is the name of another database already: '${name}'`,
        });
      names.add(name);
    }
  });
