/** Services that may take the place of the mail host, and programs that scale a standby. */
import * as z from 'zod';
import { duration } from './duration.ts';
import { reference } from './repository.ts';
import { bytes } from './size.ts';

// oxlint-disable-next-line no-control-regex
const argument = z.string().regex(/^[^\x00-\x1f]+$/, 'must be one line, and not empty');
const command = (example: string) => z.array(argument.meta({ examples: [example] })).min(1);
const serverName = z.string().regex(/^[A-Za-z0-9:][A-Za-z0-9.:-]*$/, 'must be a host name or an IP address');
const port = z.int().min(1).max(65_535);
const values = (example: string) => z.array(argument.meta({ examples: [example] }));

export const capacityPart = z
  .strictObject({
    up: command('/usr/local/sbin/scale-mail-up').optional().meta({
      description:
        'run before anything stops serving: the program and its arguments, no shell; `{host}` stands for the name of the standby',
    }),
    down: command('/usr/local/sbin/scale-mail-down')
      .optional()
      .meta({ description: 'run when the other host serves again, and where a switch is taken back' }),
    timeout: duration('10m').prefault('10m').meta({ description: 'how long each may take' }),
    onFailure: z
      .enum(['stop', 'report'])
      .default('stop')
      .meta({ description: 'what it means where `up` fails: nothing is switched, or it is told and the switch goes on' }),
  })
  .meta({ description: 'programs that make the standby larger when it is to serve, and smaller afterwards; run on this host' });

const server = (fallback: number, security: 'starttls' | 'tls') => ({
  port: port.default(fallback).meta({ description: 'its port' }),
  security: z
    .enum(['none', 'starttls', 'tls'])
    .default(security)
    .meta({ description: '`tls`: from the first byte; `starttls`: demanded; `none`: in the clear' }),
  name: serverName
    .optional()
    .meta({ description: 'the name that must stand in its certificate; by default the host', examples: ['mail.example.net'] }),
});

const limitsPart = z
  .strictObject({
    message: bytes('36M').optional().meta({ description: 'the largest message that is taken' }),
    day: bytes('500M').optional().meta({ description: 'bytes that one mailbox takes in 24 hours' }),
    hour: bytes('500M').optional().meta({ description: 'bytes that one mailbox takes in an hour by experience; for the forecast alone' }),
    perSecond: z
      .int()
      .min(1)
      .max(1000)
      .optional()
      .meta({ description: 'messages that one mailbox takes in a second; for the forecast alone', examples: [5] }),
    atOnce: z
      .int()
      .min(1)
      .max(64)
      .optional()
      .meta({ description: 'how many mailboxes are filled at the same time', examples: [4] }),
  })
  .prefault({})
  .meta({ description: 'what the provider lets in; by default what is known of it' });

/** @param zone a zone of the pair, of which records are left out */
export function cloudPart<Z extends z.ZodRawShape>(zone: Z) {
  const record = z.strictObject({
    name: z
      .string()
      .min(1)
      .meta({ description: 'the full name', examples: ['example.org'] }),
    type: z.enum(['A', 'AAAA', 'MX', 'CNAME', 'TXT']).meta({ description: 'the type of the record', examples: ['MX'] }),
    ttl: z.int().min(1).max(604_800).default(300).meta({ description: 'its TTL after the switch, in seconds' }),
    primary: values('10 mx1.example.org.').meta({
      description: 'all its values while the primary serves; `[]` where there is no such record then',
    }),
    standby: values('10 mx2.example.org.')
      .optional()
      .meta({ description: 'all its values while the standby serves; by default those of the primary' }),
    cloud: values('0 example-org.mail.protection.outlook.com.').meta({
      description: 'all its values while the service serves; `[]` where there is no such record then',
    }),
  });
  return z
    .strictObject({
      name: z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/, "must be letters, digits, '.' and '-'")
        .meta({ description: 'what `--to` and `standby fill` call it', examples: ['m365'] }),
      kind: z
        .enum(['microsoft', 'google', 'imap'])
        .meta({ description: 'a Microsoft 365 tenant, a Google Workspace domain, or any host of SMTP and IMAP', examples: ['microsoft'] }),
      account: z
        .string()
        .min(1)
        .optional()
        .meta({
          description:
            'microsoft, google: an account of `notify.accounts` with `grant: application`, which may read the directory and all mailboxes; for Google its mailbox is an administrator',
          examples: ['m365'],
        }),
      smtp: z
        .strictObject({
          host: serverName.meta({ description: 'the server that the MX will name', examples: ['example-org.mail.protection.outlook.com'] }),
          ...server(25, 'starttls'),
        })
        .meta({ description: 'where mail for the domains goes in' }),
      imap: z
        .strictObject({
          host: serverName
            .optional()
            .meta({ description: "the server; for microsoft and google the provider's by default", examples: ['imap.example.net'] }),
          ...server(993, 'tls'),
        })
        .prefault({})
        .meta({ description: 'where mailboxes are filled, and read' }),
      fill: z
        .enum(['imap', 'gmail'])
        .default('imap')
        .meta({ description: 'google: over IMAP, or by the import of the Gmail API, which has no limit of bytes a day' }),
      user: argument.default('{mailbox}').meta({
        description:
          'imap: who logs in to a mailbox; `{mailbox}` stands for its name, as in `{mailbox}*migrate` with a master user of Dovecot',
      }),
      password: reference('file:/etc/mailrecover/master')
        .optional()
        .meta({ description: 'imap: a reference to the one password that opens all mailboxes', alternative: true }),
      passwords: reference('file:/etc/mailrecover/passwords').optional().meta({
        description: 'imap: a reference to lines of a mailbox, a blank and its password, where each has its own',
        alternative: true,
      }),
      caFile: z
        .string()
        .startsWith('/', 'must be an absolute path')
        .optional()
        .meta({ description: 'a certificate authority to trust beside the usual ones, PEM', examples: ['/etc/mailrecover/ca.pem'] }),
      dns: z
        .array(
          z.strictObject({
            ...zone,
            records: z
              .array(record)
              .min(1)
              .meta({ description: 'what is changed: MX, SPF, autodiscover, the names of IMAP and submission' }),
          }),
        )
        .default([])
        .meta({ description: 'zones in which names are moved to the service' }),
      proof: z
        .strictObject({
          from: argument.meta({ description: 'the sender of the message', examples: ['probe@example.net'] }),
          to: argument.meta({ description: 'the mailbox it is for, at the service', examples: ['canary@example.org'] }),
          wait: duration('5m').prefault('5m').meta({ description: 'how long the message may take' }),
        })
        .optional()
        .meta({ description: 'a real message that proves the switch: in by SMTP, out by IMAP' }),
      first: z
        .array(argument.meta({ examples: ['ceo@example.org'] }))
        .default([])
        .meta({ description: "mailboxes that are filled before all others, in this order; '*' stands for any characters" }),
      host: serverName.optional().meta({
        description: 'whose snapshots the mailboxes are filled from; by default those of the host that served',
        examples: ['mx1.example.org'],
      }),
      backup: command('/usr/local/sbin/backup-mail').optional().meta({
        description: 'what brings the last mail into the repository, run on the old host; by default `backup` of `standby.sync.program`',
      }),
      limits: limitsPart,
      capacity: capacityPart.optional(),
    })
    .superRefine(({ kind, account, imap, password, passwords, fill }, context) => {
      const say = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
      if (kind === 'imap') {
        if (account !== undefined) say('account', 'is for microsoft and google');
        if (imap.host === undefined) say('imap', "needs 'host'");
        if ((password === undefined) === (passwords === undefined))
          say('password', password === undefined ? "is missing, or 'passwords'" : "stands beside 'passwords': one of them is enough");
      } else {
        if (account === undefined) say('account', 'is missing');
        if (password !== undefined || passwords !== undefined) say('password', 'is for imap: tokens open the mailboxes here');
      }
      if (fill === 'gmail' && kind !== 'google') say('fill', 'can be gmail for google alone');
    });
}
