import * as z from 'zod';

const path = z
  .string()
  .startsWith('/', 'must be an absolute path')
  .meta({ examples: ['/etc/letsencrypt/live/mail.example.org/fullchain.pem'] });

/** What of the running server is looked at by `status` and `report`. */
export const healthPart = z.strictObject({
  certificates: z
    .strictObject({
      files: z
        .array(path)
        .default([])
        .meta({ description: 'certificates (PEM) beside those that Postfix and Dovecot name in their configuration' }),
      names: z
        .array(
          z
            .string()
            .regex(/^[A-Za-z0-9.-]+$/, 'must be a host name')
            .meta({ examples: ['mail.example.org'] }),
        )
        .default([])
        .meta({ description: 'names under which clients and other servers know this one; a certificate must be there for each' }),
    })
    .prefault({})
    .meta({
      description: 'certificates that Postfix and Dovecot present: when they end, whom they are for, whether their files are whole',
    }),
});
