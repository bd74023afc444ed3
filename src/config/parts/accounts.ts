import * as z from 'zod';
import { referenceProblem } from '../../system/secret.ts';

const PORTS = { tls: 993, starttls: 143, none: 143 } as const;

const reference = z.string().superRefine((text, context) => {
  const message = referenceProblem(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

/** An account of an IMAP server, here or anywhere. */
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
      examples: ['cmd:/usr/local/bin/imap-token alice'],
      alternative: true,
    }),
    oauth: z
      .string()
      .min(1)
      .optional()
      .meta({
        description: "the name of an account below 'notify: accounts' whose login gives the token (XOAUTH2)",
        examples: ['m365'],
        alternative: true,
      }),
    caFile: z
      .string()
      .startsWith('/', 'must be an absolute path')
      .optional()
      .meta({ description: 'a certificate authority to trust beside the usual ones, PEM', examples: ['/etc/ssl/certs/mail.pem'] }),
  })
  .superRefine(({ password, token, oauth }, context) => {
    const given = [password, token, oauth].filter((each) => each !== undefined).length;
    if (given !== 1)
      context.addIssue({
        code: 'custom',
        path: ['password'],
        message: given === 0 ? "must be there, or 'token', or 'oauth'" : "stands beside 'token' or 'oauth': one way to log in is enough",
      });
  })
  .transform((value) => ({ ...value, port: value.port ?? PORTS[value.security] }));

export const accountsPart = z
  .array(account)
  .default([])
  .meta({ description: 'accounts of IMAP servers, which stores and `restore --imap` name' });
