import * as z from 'zod';
import { duration } from './duration.ts';

/** What the site has promised; results are compared with it. */
export const goalsPart = z.strictObject({
  rpo: duration('15m').optional().meta({ description: 'how much mail may be lost at most, as the age of the newest backup (RPO)' }),
  proof: duration('35d')
    .optional()
    .meta({ description: 'how old the last proof that mail comes back may be (`verify`); by default 35d, with which `status` warns' }),
  room: duration('30d')
    .optional()
    .meta({ description: 'for how long the disk of the repository must hold what backups add; by default 14d, with which `status` warns' }),
  rto: duration('4h').optional().meta({ description: 'how long a restore may take at most (RTO)' }),
});
