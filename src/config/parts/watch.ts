import * as z from 'zod';
import { duration } from './duration.ts';

/** Continuous backup. */
export const watchPart = z.strictObject({
  interval: duration('10m').prefault('10m').meta({ description: 'how long after the beginning of a snapshot the next one begins' }),
  delay: duration('2s').prefault('2s').meta({ description: 'how long a new message waits for others before it is stored' }),
  full: duration('1h')
    .prefault('1h')
    .meta({ description: 'after so long a snapshot looks at all mailboxes, also at those of which no event came' }),
  scanEvery: duration('30s').prefault('30s').meta({ description: 'how often mail is scanned for changes where there are no events' }),
});
