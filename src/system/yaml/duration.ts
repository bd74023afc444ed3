import * as z from 'zod';

const UNIT = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 } as const;

/** A span such as `15m`; becomes seconds. */
export function duration(example: string) {
  return z
    .string()
    .regex(/^[1-9]\d{0,8}[smhdw]$/, 'must be a number and s, m, h, d or w, such as 15m')
    .meta({ examples: [example] })
    .transform((value) => Number(value.slice(0, -1)) * UNIT[value.slice(-1) as keyof typeof UNIT]);
}
