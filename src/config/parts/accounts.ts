import * as z from 'zod';
import { referenceProblem } from '../../system/secret.ts';

const PORTS = { tls: 993, starttls: 143, none: 143 } as const;

const reference = z.string().superRefine((text, context) => {
  const message = referenceProblem(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

/** An IMAP account on this or any other server. */
const account = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9@._-]*$/, "must be letters, digits, '@', '.', '_' or '-'")
      .meta({ description: 'what the account is called here', examples: ['alice'] }),
    host: z
      .string()
      .min(1)
      .meta({ description: 'the IMAP server', examples: ['imap.example.net'] }),
    port: z
      .int()
      .min(1)
      .max(65_535)
      .optional()
      .meta({ description: 'by default 993 with tls, else 143', examples: [993] }),
    security: z
      .enum(['tls', 'starttls', 'none'])
      .default('tls')
      .meta({ description: 'how the connection is protected; none sends password and mail in clear, for servers on this host' }),
    user: z
      .string()
      .min(1)
      .meta({ description: 'the user name there', examples: ['alice@example.net'] }),
    password: reference.optional().meta({ description: 'a reference to the password', examples: ['file:/etc/mailrecover/alice.password'] }),
    token: reference.optional().meta({
      description: 'a reference to an OAuth2 access token (XOAUTH2); it is used in place of a password',
      examples: ['cmd:mailrecover auth token alice'],
    }),
  })
  .superRefine(({ password, token }, context) => {
    if (password === undefined && token === undefined)
      context.addIssue({ code: 'custom', path: ['password'], message: "must be there, or 'token'" });
  })
  .transform((value) => ({ ...value, port: value.port ?? PORTS[value.security] }));

export const accountsPart = z.array(account).default([]).meta({ description: 'IMAP accounts that mail can be restored into' });
