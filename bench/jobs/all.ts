import { cat } from './cat.ts';
import { doubling } from './doubling.ts';
import { first } from './first.ts';
import { day, nothing, read } from './incremental.ts';
import type { Job } from './job.ts';
import { real } from './real.ts';
import { mailbox, restore, script } from './restore.ts';
import { scale } from './scale.ts';
import { startup } from './startup.ts';
import { failover } from './switch.ts';

/** In the order in which they run: first those that leave the corpus as it is. */
export const JOBS: Job[] = [startup, first, nothing, restore, mailbox, cat, script, day, read, real, doubling, scale, failover];
