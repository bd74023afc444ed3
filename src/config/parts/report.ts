import * as z from 'zod';
import { duration } from './duration.ts';

const host = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "must be letters, digits, '.', '_' or '-'");

/** What is told of runs and hosts, and when. It is sent as `notify` says. */
export const reportPart = z.strictObject({
  hosts: z
    .array(host.meta({ examples: ['mx1.example.org'] }))
    .default([])
    .meta({ description: 'hosts that must back up into this repository; one of which nothing is known is an error in `report --all`' }),
  without: z
    .array(host.meta({ examples: ['old-mx'] }))
    .default([])
    .meta({ description: 'hosts whose old backups are still there, and of which nothing more is expected' }),
  silentAfter: duration('26h')
    .prefault('26h')
    .meta({ description: 'after how long without a sign of it another host is silent, which is an error' }),
  on: z
    .array(z.enum(['success', 'warning', 'failure']).meta({ examples: ['failure'] }))
    .default(['failure'])
    .meta({ description: 'after which ends of a run a report is sent; where it is over, that is told as well' }),
  after: z
    .array(
      z
        .string()
        .regex(/^[a-z]+(?:-[a-z]+)*(?: [a-z]+)?$/, 'must be the name of a command')
        .meta({ examples: ['backup'] }),
    )
    .default(['backup', 'verify', 'check', 'copy', 'forget', 'prune', 'erase', 'watch', 'auth refresh', 'links expire', 'standby guard'])
    .meta({ description: 'the commands whose ends are reported, where `notify` names transports' }),
  summary: z
    .enum(['never', 'daily', 'weekly', 'monthly'])
    .default('daily')
    .meta({ description: 'how often the recommended schedule sends a summary, whatever it says' }),
  all: z.boolean().default(false).meta({ description: 'the summary is of all hosts of the repository, not of this one alone' }),
  remindAfter: duration('1d').prefault('1d').meta({ description: 'what persists is told once; after so long it is told again' }),
  lang: z
    .enum(['en', 'ja'])
    .optional()
    .meta({ description: 'the language of what is sent; by default as for other commands', examples: ['ja'] }),
});
