import * as z from 'zod';
import { accountsPart } from './parts/accounts.ts';
import { backupPart } from './parts/backup.ts';
import { dovecotPart } from './parts/dovecot.ts';
import { freezePart } from './parts/freeze.ts';
import { healthPart } from './parts/health.ts';
import { hooksPart } from './parts/hooks.ts';
import { goalsPart } from './parts/goals.ts';
import { notifyPart } from './parts/notify.ts';
import { pingsPart } from './parts/pings.ts';
import { encryptionPart, identitiesPart, recipientsPart, repositoryPart, trustPart } from './parts/repository.ts';
import { schedulePart } from './parts/schedule.ts';
import { copiesPart, retentionPart } from './parts/retention.ts';
import { reportPart } from './parts/report.ts';
import { storePart } from './parts/store.ts';
import { standbyPart } from './parts/standby.ts';
import { watchPart } from './parts/watch.ts';
import { systemPart } from './parts/system.ts';

/**
 * The configuration, composed of the parts of the rooms. Types, defaults, validation,
 * the commented sample, the JSON Schema and the reference page all come from here.
 */
export const configSchema = z
  .strictObject({
    host: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "must be letters, digits, '.', '_' or '-'")
      .optional()
      .meta({
        description: "the name of this host in snapshots and reports; by default the system's host name",
        examples: ['mx1.example.org'],
      }),
    state: z
      .string()
      .startsWith('/', 'must be an absolute path')
      .default('/var/lib/mailrecover')
      .meta({ description: 'the directory for local state: caches, journals, the history of runs' }),
    stores: z.array(storePart).min(1, 'must name at least one mail store').meta({ description: 'where mail lies' }),
    repository: repositoryPart.meta({ description: 'where backups are written; a text alone is the same as `at`' }),
    encryption: encryptionPart,
    recipients: recipientsPart,
    identities: identitiesPart,
    trust: trustPart,
    backup: backupPart.prefault({}).meta({ description: 'how backups are made' }),
    freeze: z
      .array(freezePart)
      .default([])
      .meta({ description: 'file systems of which a snapshot is taken around each backup, so that mail is read as it was at one moment' }),
    hooks: hooksPart.default([]).meta({ description: 'commands that run around those of mailrecover' }),
    system: systemPart.optional().meta({ description: 'what of the server is backed up beside its mail; nothing without this part' }),
    accounts: accountsPart,
    dovecot: dovecotPart.optional().meta({ description: 'how the running Dovecot is asked, for restores into it' }),
    retention: retentionPart.prefault({}).meta({ description: 'which snapshots are kept, and what must be looked at before any goes' }),
    copies: copiesPart,
    notify: notifyPart.optional().meta({ description: 'who is told how runs ended, and by which ways' }),
    report: reportPart.prefault({}).meta({ description: 'what is told of runs and hosts, and when' }),
    pings: pingsPart,
    goals: goalsPart.optional().meta({ description: 'what has been promised; `verify` and `status` compare with it' }),
    health: healthPart
      .optional()
      .meta({ description: 'what of the running server `status` and `report` look at; nothing without this part' }),
    standby: standbyPart.optional().meta({ description: 'the standby host, and how mail is switched to it' }),
    watch: watchPart.prefault({}).meta({ description: 'continuous backup (`mailrecover watch`)' }),
    schedule: schedulePart.optional().meta({ description: 'what runs by itself and when; `schedule install` carries it out' }),
  })
  .superRefine((config, context) => {
    if (config.encryption && config.recipients.length === 0) {
      context.addIssue({
        code: 'custom',
        path: ['recipients'],
        message: "must name an age recipient, unless 'encryption: false' stands in the file",
      });
    }
    if (!config.encryption && config.recipients.length > 0) {
      context.addIssue({ code: 'custom', path: ['recipients'], message: "must be empty where 'encryption: false' stands in the file" });
    }
    checkAccounts(config.stores, config.accounts, config.notify?.accounts ?? [], (path, message) =>
      context.addIssue({ code: 'custom', path, message }),
    );
    const names = new Set<string>();
    for (const [index, { name }] of config.stores.entries()) {
      if (names.has(name))
        context.addIssue({ code: 'custom', path: ['stores', index, 'name'], message: `is the name of another store already: '${name}'` });
      names.add(name);
    }
  });

/** A validated configuration, with all defaults filled in. */
export type Config = z.output<typeof configSchema>;

interface Named {
  name: string;
}

/** Accounts are named where they are used; a name that nobody has would be found at night. */
function checkAccounts(
  stores: readonly z.output<typeof storePart>[],
  accounts: z.output<typeof accountsPart>,
  logins: readonly Named[],
  report: (path: (string | number)[], message: string) => void,
): void {
  const mailboxes = new Set<string>();
  for (const [index, { imap }] of stores.entries())
    for (const [number, name] of (imap?.accounts ?? []).entries()) {
      const path = ['stores', index, 'imap', 'accounts', number];
      if (!accounts.some((account) => account.name === name)) report(path, `is no account below 'accounts': '${name}'`);
      else if (mailboxes.has(name)) report(path, `is backed up already: '${name}'`);
      mailboxes.add(name);
    }
  for (const [index, { oauth }] of accounts.entries())
    if (oauth !== undefined && !logins.some(({ name }) => name === oauth))
      report(['accounts', index, 'oauth'], `is no account below 'notify: accounts': '${oauth}'`);
}
