import * as z from 'zod';

const SIZE = { '': 1, K: 1000, M: 1_000_000, G: 1_000_000_000 } as const;

/** An amount of bytes such as `5M`; becomes bytes. */
export function bytes(example: string) {
  return z
    .string()
    .regex(/^[1-9]\d{0,8}[KMG]?$/, 'must be a whole number and K, M or G, such as 5M')
    .meta({ examples: [example] })
    .transform((value) => Number(value.replace(/[KMG]$/, '')) * SIZE[(/[KMG]$/.exec(value)?.[0] ?? '') as keyof typeof SIZE]);
}
