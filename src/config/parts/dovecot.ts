import * as z from 'zod';

/** How doveadm finds the running server. */
export const dovecotPart = z.strictObject({
  config: z
    .string()
    .startsWith('/', 'must be an absolute path')
    .optional()
    .meta({ description: 'its configuration file, where it is not the usual one', examples: ['/etc/dovecot/dovecot.conf'] }),
});
