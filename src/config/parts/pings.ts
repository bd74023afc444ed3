import * as z from 'zod';
import { referenceProblem } from '../../system/secret.ts';

/** A dead man's switch: a service that is told of runs, and alarms when it hears nothing. */
const pingPart = z.strictObject({
  verb: z
    .string()
    .regex(/^[a-z]+(?:-[a-z]+)*(?: [a-z]+)?$/, 'must be the name of a command')
    .meta({ description: 'the command whose runs it is told of, such as backup, verify or prune', examples: ['backup'] }),
  url: z
    .string()
    .refine((text) => /^https?:\/\/[^\s/]+/.test(text) || referenceProblem(text) === undefined, {
      error: 'must be an http(s) address, or a reference to one',
    })
    .meta({
      description: 'a reference to the address of the check; whoever knows it may say that all is well',
      examples: ['file:/etc/mailrecover/ping-backup'],
    }),
  style: z.enum(['healthchecks', 'plain']).default('healthchecks').meta({
    description:
      '`healthchecks`: told of the start (`/start`), of success, and of failure by the exit code (`/1`), as healthchecks.io and its like take it; `plain`: the address is asked for once a run went well, and not otherwise',
  }),
  partial: z
    .enum(['fail', 'log', 'success'])
    .default('fail')
    .meta({ description: 'what a run counts as that was done in part (exit code 3)' }),
  body: z
    .boolean()
    .default(true)
    .meta({ description: 'healthchecks: the last lines of the result are sent along; they may name mailboxes' }),
  timeout: z.int().min(1).max(30).default(5).meta({ description: 'seconds by which the end of a run may be delayed' }),
  caFile: z
    .string()
    .startsWith('/', 'must be an absolute path')
    .optional()
    .meta({ description: 'a certificate authority to trust beside the usual ones, PEM', examples: ['/etc/ssl/certs/checks.pem'] }),
});

export const pingsPart = z.array(pingPart).default([]).meta({
  description: "dead man's switches: checks elsewhere that are told of each run, and alarm when they hear nothing",
});
