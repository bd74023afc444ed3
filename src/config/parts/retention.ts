import * as z from 'zod';
import { duration } from './duration.ts';
import { placeSettings } from './repository.ts';

function kept(what: string, example: number) {
  return z
    .int()
    .min(0)
    .optional()
    .meta({ description: what, examples: [example] });
}

function threshold(value: number, description: string) {
  return z.int().min(0).default(value).meta({ description });
}

function percent(value: number, description: string) {
  return z.int().min(0).max(100).default(value).meta({ description });
}

/** Which snapshots `forget --policy` keeps. */
const keepPart = z.strictObject({
  last: kept('so many of the newest snapshots', 10),
  hourly: kept('the newest snapshot of each of so many hours that have one', 24),
  daily: kept('the newest of each of so many days', 14),
  weekly: kept('the newest of each of so many weeks', 8),
  monthly: kept('the newest of each of so many months', 12),
  yearly: kept('the newest of each of so many years', 3),
  within: duration('7d').optional().meta({ description: 'all that are younger than this, counted from the newest snapshot' }),
});

/** From when on a backup is out of the ordinary; 0 as the least number turns a rule off. */
const anomalyPart = z.strictObject({
  deletedMin: threshold(1000, 'mass deletion: so many messages fewer than before, at least; 0 turns the rule off, here and below'),
  deletedPercent: percent(40, 'and so many of a hundred'),
  goneMin: threshold(3, 'mailboxes gone: so many, at least'),
  gonePercent: percent(10, 'and so many of a hundred'),
  flagsMin: threshold(5000, 'flag storm: so many messages with other flags, at least'),
  flagsPercent: percent(70, 'and so many of a hundred'),
  changedMin: threshold(10, 'so many messages with other bytes under their old names'),
  oddMin: threshold(20, 'so many new messages that are neither mail nor compressed or encrypted mail, at least'),
  oddPercent: percent(5, 'and so many of a hundred new ones'),
  floodPerDay: threshold(2000, 'more snapshots of one host than this within a day freeze forget and prune'),
});

/** What is kept, and how carefully the rest goes. */
export const retentionPart = z.strictObject({
  keep: keepPart.optional().meta({ description: "what 'mailrecover forget --policy' keeps, host by host" }),
  wait: z
    .string()
    .regex(/^(?:0|[1-9]\d{0,8})[smhdw]$/, 'must be a number and s, m, h, d or w, such as 1d')
    .default('1d')
    .meta({ description: 'prune removes nothing that it marked less than this long ago; longer than any backup runs' }),
  anomaly: anomalyPart.prefault({}).meta({ description: 'from when on a backup is out of the ordinary, so that a person must look at it' }),
});

/** Where `copy` copies to. */
export const copiesPart = z
  .array(
    z.strictObject({
      name: z
        .string()
        .regex(/^[a-z0-9][a-z0-9._-]*$/, "must be lower-case letters, digits, '.', '_' or '-'")
        .meta({ description: "what 'mailrecover copy' calls it", examples: ['offsite'] }),
      ...placeSettings,
    }),
  )
  .default([])
  .meta({ description: 'other repositories that hold copies of this one' });
