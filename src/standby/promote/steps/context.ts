/** What the steps of a switch know of it. */
import type { Memory, SwitchHead } from '../../journal.ts';

/** What is known of the switch that the steps belong to. */
export interface StepContext {
  head: SwitchHead;
  /** When it was begun, UTC. */
  startedAt: string;
  /** What another step remembered. */
  recall: (step: string) => Memory | undefined;
}
