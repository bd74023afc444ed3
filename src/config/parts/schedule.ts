import * as z from 'zod';
import { cronProblem } from '../../schedule/cron.ts';
import { isTimeZone } from '../../system/zone.ts';
import { duration } from './duration.ts';

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "must be lower-case letters, digits or '-'");

const job = z
  .strictObject({
    name: name.meta({ description: 'what the job is called; its units are named after it', examples: ['backup'] }),
    run: z
      .string()
      .regex(/^[a-z][\x20-\x7e]*$/, "must be a command of mailrecover with its options, such as 'backup --quiet'")
      .meta({ description: 'the command with its options, separated by blanks; no shell reads it', examples: ['backup --quiet'] }),
    at: z
      .string()
      .refine((text) => cronProblem(text) === undefined, { error: ({ input }) => cronProblem(String(input)) ?? 'is no cron expression' })
      .optional()
      .meta({
        description:
          'when it runs: a cron expression of five fields (minute, hour, day of the month, month, day of the week), or @hourly, @daily, @weekly, @monthly; left out for `watch`, which runs all the time',
        examples: ['*/10 * * * *'],
      }),
    randomDelay: duration('2m')
      .optional()
      .meta({ description: 'a start is put off at random by up to so much; by default 2m (systemd only)' }),
    timeout: duration('12h').optional().meta({ description: 'a run is stopped after so long; by default 1d (systemd only)' }),
    memory: z
      .string()
      .regex(/^[1-9]\d*[KMGT]?$/, 'must be a number and K, M, G or T, such as 1G')
      .default('2G')
      .meta({ description: 'the most memory that a run may use, with what it starts (systemd only)' }),
  })
  .superRefine(({ run, at }, context) => {
    const always = run.split(/\s+/)[0] === 'watch';
    if (always && at !== undefined)
      context.addIssue({ code: 'custom', path: ['at'], message: 'must be left out: `watch` runs all the time' });
    if (!always && at === undefined) context.addIssue({ code: 'custom', path: ['at'], message: 'is missing' });
  });

/** What runs by itself. */
export const schedulePart = z
  .strictObject({
    timeZone: z
      .string()
      .refine(isTimeZone, 'is no time zone, such as Europe/Berlin')
      .optional()
      .meta({ description: "the time zone of the times below; by default that of the host's clock", examples: ['Europe/Berlin'] }),
    name: name
      .default('mailrecover')
      .meta({ description: 'how units and the file for cron are named, where several configurations share a host' }),
    user: z
      .string()
      .regex(/^[a-z_][a-z0-9_-]*$/, 'must be the name of a user')
      .default('root')
      .meta({ description: 'as whom the jobs run; one who owns all mail can take the place of root' }),
    confine: z
      .boolean()
      .default(true)
      .meta({ description: 'let systemd take from the jobs whatever they do not need; false where hooks or dump commands need more' }),
    onFailure: z
      .array(
        z
          .string()
          .min(1)
          .meta({ examples: ['/usr/local/bin/tell-somebody'] }),
      )
      .default([])
      .meta({
        description: 'a command with its arguments that is started when a unit failed, and gets JSON about it on its standard input',
      }),
    jobs: z.array(job).default([]).meta({ description: 'the jobs; without any, the recommended ones (see `mailrecover schedule show`)' }),
  })
  .superRefine(({ jobs }, context) => {
    const names = new Set<string>();
    for (const [index, each] of jobs.entries()) {
      if (names.has(each.name))
        context.addIssue({ code: 'custom', path: ['jobs', index, 'name'], message: `is the name of another job already: '${each.name}'` });
      names.add(each.name);
    }
  });
