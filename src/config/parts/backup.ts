import * as z from 'zod';

/** How backups are made. */
export const backupPart = z.strictObject({
  deepEvery: z
    .int()
    .min(0)
    .default(7)
    .meta({ description: 'a backup lists and compares every file by itself after so many days (as with --deep); 0 turns that off' }),
  workers: z
    .int()
    .min(0)
    .max(64)
    .optional()
    .meta({
      description: 'threads that read, compress and encrypt; by default as many as the machine has cores, 8 at most',
      examples: [2],
    }),
  readBack: z.boolean().default(true).meta({ description: 'decode and compare every pack in memory before it is stored' }),
  settle: z
    .number()
    .min(0)
    .max(3600)
    .optional()
    .meta({
      description: 'a folder is listed again until its times are older than this, in seconds; by default 3, and 30 on network file systems',
      examples: [3],
    }),
});
