import * as z from 'zod';
import { parseLocation } from '../../repository/targets/location.ts';
import { duration } from './duration.ts';
import { s3Part } from './repository.ts';

/** A place for files that named people may read by a link. */
export const linkPlacePart = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*$/, "must be lower-case letters, digits, '_' or '-'")
    .meta({ description: 'what the place is called on the command line', examples: ['drive'] }),
  kind: z.enum(['drive', 'onedrive', 's3']).meta({
    description: 'Google Drive, OneDrive or a library of SharePoint, or a bucket on an S3 server, which asks nobody who they are',
    examples: ['onedrive'],
  }),
  account: z
    .string()
    .optional()
    .meta({
      description: 'the account of `notify.accounts` whose drive it is; one that signs in needs its own account for links',
      examples: ['m365'],
    }),
  folder: z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/, 'must be letters, digits, - and _')
    .optional()
    .meta({
      description:
        "drive: the id in a folder's address, also of one on a shared drive; onedrive: the name of a folder, by default mailrecover. It must be shared with nobody",
      examples: ['reports'],
    }),
  drive: z
    .string()
    .regex(/^[A-Za-z0-9!_-]+$/, 'must be the id of a drive')
    .optional()
    .meta({ description: "onedrive: the id of a library of SharePoint, in place of the user's own drive", examples: ['b!AbCdEfGh'] }),
  at: z
    .string()
    .refine((text) => isBucket(text), { error: 'must be s3:https://host/bucket or s3:https://host/bucket/prefix' })
    .optional()
    .meta({
      description: 's3: the bucket, and what stands before the names of objects',
      examples: ['s3:https://s3.example.net/reports/mx1'],
    }),
  s3: s3Part.omit({ lock: true }).optional().meta({ description: 's3: how to use the server, as for a repository' }),
  body: z
    .enum(['html', 'pdf'])
    .default('html')
    .meta({ description: 'what a report lies there as: a page for the browser, or a PDF', examples: ['pdf'] }),
  expires: duration('7d')
    .default(7 * 86_400)
    .meta({ description: 'for how long a link can be read, where nothing else is asked for; by default 7d' }),
});

export type LinkPlacePart = z.output<typeof linkPlacePart>;

function isBucket(text: string): boolean {
  try {
    return parseLocation(text).kind === 's3';
  } catch {
    return false;
  }
}

type Report = (key: string, message: string) => void;

export function linkProblems(
  place: LinkPlacePart,
  accounts: readonly { name: string; provider: string; grant: string }[],
  mailing: ReadonlySet<string>,
  report: Report,
): void {
  if (place.expires > 365 * 86_400) report('expires', 'must be at most 365d');
  if (place.kind === 's3') {
    if (place.at === undefined) report('at', 'is missing');
    if (place.expires > 7 * 86_400) report('expires', 'must be at most 7d: signatures last no longer');
    return;
  }
  const account = accounts.find(({ name }) => name === place.account);
  if (place.account === undefined) return report('account', 'is missing');
  if (account === undefined) return report('account', `names no account: '${place.account}'`);
  const provider = { drive: 'google', onedrive: 'microsoft' }[place.kind];
  if (account.provider !== provider) report('account', `must be an account at ${provider}`);
  if (account.grant === 'delegated' && mailing.has(account.name))
    report('account', 'is used to send mail: who signs in grants one right at a time, so add a second account for links');
}
