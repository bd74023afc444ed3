import * as z from 'zod';
import { recipientsPart } from './repository.ts';

const absolute = z.string().startsWith('/', 'must be an absolute path');

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
