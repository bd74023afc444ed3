import * as z from 'zod';
import { duration } from './duration.ts';

/** What the site has promised; results are compared with it. */
export const goalsPart = z.strictObject({
  rpo: duration('15m').optional().meta({ description: 'how much mail may be lost at most, as the age of the newest backup (RPO)' }),
  rto: duration('4h').optional().meta({ description: 'how long a restore may take at most (RTO)' }),
});
