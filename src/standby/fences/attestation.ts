import type { Fence } from './fence.ts';

/** A person says that the host is off. */
export function attestationFence(name: string, host: string, attested: string | undefined): Fence {
  return {
    name,
    grade: 'C',
    keepsHost: true,
    plan: [
      attested === undefined
        ? `believe a person who says that ${host} is off (--attest)`
        : `believe what was attested of ${host}: ${attested}`,
    ],
    evidence: async () => (attested === undefined ? undefined : [`attested: ${attested}`]),
    fence: async () => undefined,
    release: async () => undefined,
  };
}
