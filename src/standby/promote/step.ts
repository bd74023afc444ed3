/** What a switch is made of. */
import type { Finding } from '../../errors/finding.ts';
import type { Memory } from '../journal.ts';

/** One step of a switch, as a plain value. */
export interface Step {
  /** Stable name, for the journal. */
  id: string;
  /** What it does, in one phrase, for people. */
  title: string;
  /** What it does to which host, a line each, for the plan. */
  plan: readonly string[];
  /** How it is taken back; absent where there is nothing to take back. */
  undo?: string;
  /** The first thing that mail may see of the new host: once it was begun, nothing is taken back. */
  noReturn?: boolean;
  /** With `noReturn`: whether mail may have seen the new host, asked when the step failed. */
  passed?(memory: Memory): Promise<boolean>;
  /** A later step that is done does away with what this one did: that it was done is asked of the journal alone. */
  once?: boolean;
  /** What must be known to take it back, or to go on with it. On the disk before anything is changed. */
  remember?(): Promise<Memory>;
  /** Whether it is done, asked of the hosts; `wasDone` where the journal says that it was once. */
  check(memory: Memory, wasDone: boolean): Promise<boolean>;
  /** Does it; safe to be repeated after it was cut off anywhere. @returns what is worth telling */
  apply(memory: Memory): Promise<Finding[] | void>;
  /** Proves that it is done. @returns the evidence, a line each @throws where it is not */
  verify(memory: Memory): Promise<string[]>;
  /** Takes it back; safe to be repeated, and where only a part was done. */
  rollback?(memory: Memory): Promise<void>;
}
