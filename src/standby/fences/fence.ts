/** Ways to make sure that the old host takes no mail any more. */

/**
 * How much a fence is worth. A: it does not rely on the old host (power, hypervisor, cloud). B: the old host itself did it, and said so. C: a person says so.
 * A probe that fails proves a partition, not a death, and is worth nothing.
 */
export type Grade = 'A' | 'B' | 'C';

export interface Fence {
  name: string;
  grade: Grade;
  /** What it does, a line each, for the plan. */
  plan: readonly string[];
  /** Whether it can be used while the old host's mail and queue are still to be read. */
  keepsHost: boolean;
  /** Its evidence is that enough time has passed: minutes. */
  waits?: true;
  /** @returns the evidence that the host is fenced, or undefined where there is none */
  evidence(): Promise<string[] | undefined>;
  /** Fences. Safe to be repeated. @throws MailrecoverError */
  fence(): Promise<void>;
  /** Takes it back. Safe to be repeated. @throws MailrecoverError */
  release(): Promise<void>;
}
