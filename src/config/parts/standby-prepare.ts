import * as z from 'zod';
import { duration } from './duration.ts';
import { recipientsPart, reference } from './repository.ts';

const absolute = z.string().startsWith('/', 'must be an absolute path');

const mailAddress = z.string().regex(/^[^\s@]+@[^\s@]+$/, 'must be an address');

/** What `standby prepare` brings to the standby, beside what it finds by itself. */
export const preparePart = z.strictObject({
  exclude: z
    .array(absolute.meta({ examples: ['/etc/postfix/local'] }))
    .default([])
    .meta({ description: 'files and directories that each host has of its own' }),
  keep: z
    .array(z.string().regex(/^[A-Za-z0-9_.-]+$/, 'must be the name of a setting of Postfix'))
    .default([])
    .meta({
      description: 'settings of main.cf that each host has of its own, beside myhostname and the like',
      examples: ['relayhost'],
    }),
  names: z
    .array(z.string().regex(/^[A-Za-z0-9.-]+$/, 'must be a host name'))
    .default([])
    .meta({
      description: "names that clients use, which the standby's certificate must hold, beside those of `dns` and `proof`",
      examples: ['mail.example.org'],
    }),
  resolvers: z
    .array(z.string().regex(/^[0-9a-fA-F.:[\]]+$/, 'must be an address, or address:port'))
    .optional()
    .meta({ description: "DNS servers to ask; by default those of 'system', or of /etc/resolv.conf", examples: ['192.0.2.53'] }),
  emergency: z.boolean().default(false).meta({
    description:
      'issue a password to each user whose hash the directory gives to nobody (Active Directory, PAM), for the day when it is gone',
  }),
  recipients: recipientsPart.meta({
    description: 'the age recipients who read the issued passwords; by default those of backups',
  }),
});

/** Real mail from the standby to somewhere else, and to it. */
export const rehearsalPart = z
  .strictObject({
    from: mailAddress.meta({ description: 'the sender, of one of the domains', examples: ['postmaster@example.org'] }),
    to: mailAddress.meta({ description: 'a mailbox at another provider', examples: ['probe@example.net'] }),
    imap: z
      .strictObject({
        host: z
          .string()
          .regex(/^[A-Za-z0-9:][A-Za-z0-9.:-]*$/, 'must be an IP address or a host name')
          .meta({ description: 'its server', examples: ['imap.example.net'] }),
        port: z.int().min(1).max(65_535).default(993).meta({ description: 'its port' }),
        security: z
          .enum(['none', 'starttls', 'tls'])
          .default('tls')
          .meta({ description: '`tls`: from the first byte; `starttls`: demanded; `none`: in the clear' }),
        name: z
          .string()
          .regex(/^[A-Za-z0-9][A-Za-z0-9.-]*$/, 'must be a host name')
          .optional()
          .meta({ description: 'the name that must stand in its certificate', examples: ['imap.example.net'] }),
      })
      .optional()
      .meta({ description: 'how that mailbox is read, so that one sees how mail arrives; without it, only that it is taken is seen' }),
    user: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'who logs in there; by default the mailbox', examples: ['probe@example.net'] }),
    password: reference('file:/etc/mailrecover/probe').optional().meta({ description: 'its password, by reference' }),
    caFile: z
      .string()
      .startsWith('/', 'must be an absolute path')
      .optional()
      .meta({ description: 'a certificate authority to trust beside the usual ones, PEM', examples: ['/etc/mailrecover/ca.pem'] }),
    blockLists: z
      .array(z.string().regex(/^[A-Za-z0-9.-]+$/, 'must be the name of a zone'))
      .default(['zen.spamhaus.org', 'bl.spamcop.net', 'b.barracudacentral.org'])
      .meta({ description: "lists on which the standby's address must not stand", examples: ['zen.spamhaus.org'] }),
    wait: duration('5m').prefault('5m').meta({ description: 'how long the message may take' }),
  })
  .superRefine(({ imap, password }, context) => {
    if ((imap === undefined) !== (password === undefined))
      context.addIssue({ code: 'custom', path: ['password'], message: imap === undefined ? "goes with 'imap'" : "is needed with 'imap'" });
  });
